"""How an invariant is examined: what was expected against what is there, and words for each way they can differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson

from shared.bus import Record

SHOWN = 300

K = TypeVar("K", bound=Hashable)


class Findings(NamedTuple):
    counted: str
    breaches: Sequence[str]


def compare(what: str, expected: Mapping[K, Any], found: Mapping[K, Any]) -> Iterator[str]:
    """A line for each key that is lost, was never sent, was swapped with another, or has another value."""
    for key in expected.keys() - found.keys():
        yield f"lost: {what} {_text(key)}"
    for key in found.keys() - expected.keys():
        yield f"never sent: {what} {_text(key)}"
    wrong = [key for key in expected.keys() & found.keys() if expected[key] != found[key]]
    by_expected = {_canonical(expected[key]): key for key in wrong}
    for key in wrong:
        other = by_expected.get(_canonical(found[key]))
        if other is not None and found[other] == expected[key]:
            yield f"swapped: {what} {_text(key)} with that of {_text(other)}"
        else:
            yield f"wrong: {what} {_text(key)}: {_difference(expected[key], found[key])}"


def repeated(what: str, keys: Iterable[K]) -> Iterator[str]:
    """A line for each that is there more than once."""
    for key, count in Counter(keys).items():
        if count > 1:
            yield f"doubled: {what} {_text(key)} is there {count} times"


def documents(records: Iterable[Record], type: str = "") -> list[dict[str, Any]]:
    """The events, of one type if one is given."""
    events = (orjson.loads(record.value) for record in records)
    return [event for event in events if event["type"].startswith(type)]


def _canonical(value: Any) -> str:
    """Equal for equal documents, whatever the order of their names."""
    return repr(sorted(value.items()) if isinstance(value, Mapping) else value)


def _text(key: Hashable) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _difference(expected: Any, found: Any) -> str:
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        return ", ".join(f"{name} {_difference(expected.get(name, 0), found.get(name, 0))}" for name in names)
    if isinstance(expected, int) and isinstance(found, int):
        return f"is {found}, {abs(found - expected)} too {'much' if found > expected else 'little'}"
    return f"is {str(found)[:SHOWN]}, should be {str(expected)[:SHOWN]}"
