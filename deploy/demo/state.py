"""Where the operator stands, on disk: enough to go on exactly there after any stop."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from deploy.demo.course import Contact
from deploy.demo.events import midnight


class Call(NamedTuple):
    """What the desk did about a task."""

    task_id: str
    customer_id: str
    at: datetime
    result: str
    offer_accepted: bool
    reached: bool
    posted: bool = False


@dataclass
class State:
    seed: int
    customers: int
    fault_rate: float
    first_day: date
    sent_until: datetime
    calls: dict[str, Call] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def contacts(self) -> Iterator[tuple[str, Contact]]:
        """The calls that reached someone, in time order."""
        for call in sorted(self.calls.values(), key=lambda call: call.at):
            if call.reached:
                yield call.customer_id, Contact(call.at, call.offer_accepted)

    def save(self, path: Path) -> None:
        calls = {key: call._asdict() for key, call in self.calls.items()}
        write(path, [{**vars(self), "calls": calls, "counts": dict(self.counts)}])


def begun(seed: int, customers: int, fault_rate: float, first_day: date) -> State:
    return State(seed, customers, fault_rate, first_day, sent_until=midnight(first_day))


def load(path: Path) -> State | None:
    if not path.exists():
        return None
    held: dict[str, Any] = orjson.loads(path.read_bytes())
    held["first_day"] = date.fromisoformat(held["first_day"])
    held["sent_until"] = datetime.fromisoformat(held["sent_until"])
    held["calls"] = {key: Call(**{**call, "at": datetime.fromisoformat(call["at"])}) for key, call in held["calls"].items()}
    return State(**{**held, "counts": Counter(held["counts"])})


def write(path: Path, documents: Iterable[Any]) -> None:
    """One document a line; the old file stands until the new one is whole and on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.writelines(orjson.dumps(document) + b"\n" for document in documents)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
