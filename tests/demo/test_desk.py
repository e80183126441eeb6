"""The desk calls each due task once, tells what came of it, and a stop at any point changes neither."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from deploy.demo import state as states
from deploy.demo.course import course_of
from deploy.demo.desk import Desk, answer
from deploy.demo.events import midnight
from deploy.demo.population import Responder
from deploy.demo.state import State
from deploy.demo.stream import Stream

FIRST_DAY = date(2025, 1, 1)
NOW = midnight(date(2025, 5, 1)) + timedelta(hours=4)


def task(customer_id: str, *, due_at: datetime = NOW, alert: str = "usage_fall") -> dict[str, Any]:
    return {"task_id": f"save:{alert}/{customer_id}:e-1", "customer_id": customer_id, "due_at": due_at.isoformat(), "priority": 50, "status": "open"}


class Room:
    """A desk on the first of May, with its state on disk."""

    def __init__(self, client: httpx.Client, path: Path) -> None:
        self.state = states.load(path) or State(1, 60, 0.0, FIRST_DAY, sent_until=NOW)
        self.stream = Stream(seed=1, size=60, first_day=FIRST_DAY, fault_rate=0.0, sent_until=NOW, contacts=self.state.contacts())
        self.said = list[str]()
        self.desk = Desk(client, self.state, self.stream, save=lambda: self.state.save(path), say=self.said.append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operator" / "state.json"


def test_due_tasks_of_every_page_are_called_once(client: httpx.Client, holdfast: Any, path: Path) -> None:
    room = Room(client, path)
    holdfast.door.tasks = [task(customer_id) for customer_id in list(room.stream.customers)[:40]]
    for _ in range(3):
        room.desk.work(NOW)
    assert holdfast.door.outcomes.keys() == {one["task_id"] for one in holdfast.door.tasks}
    assert room.state.counts["calls"] == 40
    assert {body["result"] for _, body in holdfast.door.outcomes.values()} > {"saved", "unreached"}
    assert len({key for key, _ in holdfast.door.outcomes.values()}) == 40


def test_a_task_is_not_called_before_it_is_due(client: httpx.Client, holdfast: Any, path: Path) -> None:
    room = Room(client, path)
    holdfast.door.tasks = [task("C-00001", due_at=NOW + timedelta(hours=1))]
    room.desk.work(NOW)
    assert not holdfast.door.outcomes
    room.desk.work(NOW + timedelta(hours=1))
    assert len(holdfast.door.outcomes) == 1


def test_a_task_put_off_is_called_again(client: httpx.Client, holdfast: Any, path: Path) -> None:
    room = Room(client, path)
    holdfast.door.tasks = [task("C-00001")]
    room.desk.work(NOW)
    holdfast.door.outcomes.clear()
    room.desk.work(NOW)
    assert not holdfast.door.outcomes
    holdfast.door.tasks = [task("C-00001", due_at=NOW + timedelta(days=1))]
    room.desk.work(NOW + timedelta(days=1))
    assert len(holdfast.door.outcomes) == 1


def test_a_customer_of_another_operator_is_a_wrong_number(client: httpx.Client, holdfast: Any, path: Path) -> None:
    holdfast.door.tasks = [task("cell2cell-3000002")]
    Room(client, path).desk.work(NOW)
    ((_, outcome),) = holdfast.door.outcomes.values()
    assert outcome["result"] == "wrong_number"


def test_a_stop_between_call_and_report_reports_the_same_later(client: httpx.Client, holdfast: Any, path: Path) -> None:
    before = Room(client, path)
    holdfast.door.tasks = [task(customer_id) for customer_id in list(before.stream.customers)[:20]]
    doors = iter([None, None])  # the two pages of the task list; then every outcome meets trouble
    holdfast.door.trouble = lambda: next(doors, (503, {}, b""))
    before.desk.work(NOW)
    assert before.said
    assert not holdfast.door.outcomes
    holdfast.door.trouble = lambda: None
    after = Room(client, path)
    after.desk.work(NOW + timedelta(hours=9))
    told = {task_id: body["result"] for task_id, (_, body) in holdfast.door.outcomes.items()}
    assert told == {call.task_id: call.result for call in before.state.calls.values()}
    courses = [{one: room.stream.course(one) for one in room.stream.customers} for room in (before, after)]
    assert courses[0] == courses[1]


def test_the_desk_waits_for_holdfast(client: httpx.Client, holdfast: Any, path: Path) -> None:
    room = Room(client, path)
    holdfast.door.tasks = [task("C-00001")]
    holdfast.close()
    room.desk.work(NOW)
    room.desk.work(NOW)
    assert len(room.said) == 1
    holdfast.open()
    room.desk.work(NOW)
    assert len(holdfast.door.outcomes) == 1


@pytest.mark.parametrize(
    ("responder", "results"),
    [
        (Responder.PERSUADABLE, {"saved", "undecided", "unreached", "wrong_number"}),
        (Responder.SURE, {"saved", "unreached", "wrong_number"}),
        (Responder.LOST, {"lost", "undecided", "unreached", "wrong_number"}),
        (Responder.DO_NOT_DISTURB, {"undecided", "unreached", "wrong_number"}),
    ],
)
def test_what_those_who_drift_say(client: httpx.Client, path: Path, responder: Responder, results: set[str]) -> None:
    room = Room(client, path)
    who = next(one for one in room.stream.customers.values() if one.responder is responder and course_of(one).drifts)
    drift = course_of(who).drifts[0]
    moment = midnight(drift.day_at(0.5))
    told = Counter(answer(who, course_of(who), moment, Random(seed))[0] for seed in range(400))
    assert set(told) == results


def test_those_who_left_are_lost(client: httpx.Client, path: Path) -> None:
    room = Room(client, path)
    who = next(one for one in room.stream.customers.values() if course_of(one).left)
    course = course_of(who)
    assert course.left
    assert answer(who, course, midnight(course.left) + timedelta(days=3), Random(1)) == ("lost", False, False)
