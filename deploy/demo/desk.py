"""The call desk: works through Holdfast's open tasks, calls when they are due, and reports what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from typing import Any
from urllib.parse import quote

import httpx

from deploy.demo.course import Contact, Course
from deploy.demo.population import Customer, Responder
from deploy.demo.state import Call, State
from deploy.demo.stream import Stream

AGENTS = 8
UNREACHED_SHARE = 0.2
WRONG_NUMBER_SHARE = 0.02
MAX_PAGES = 100
TAKES_OFFER = {  # not drifting, drifting
    Responder.PERSUADABLE: (0.5, 0.85),
    Responder.SURE: (0.5, 0.5),
    Responder.LOST: (0.3, 0.0),
    Responder.DO_NOT_DISTURB: (0.0, 0.0),
}


class Desk:
    """In this order, so that a stop at any point loses no call and makes none twice:

    1. take the tasks that are due and were not called
    2. call, and write down what was said
    3. report every call not yet reported, under a key that stays the same
    """

    def __init__(self, client: httpx.Client, state: State, stream: Stream, *, save: Callable[[], None], say: Callable[[str], None] = print) -> None:
        self._client, self._state, self._stream, self._save, self._say = client, state, stream, save, say
        self._works = True

    def work(self, now: datetime) -> None:
        try:
            due = [task for task in self._open_tasks() if datetime.fromisoformat(task["due_at"]) <= now and _key(task) not in self._state.calls]
            if due:
                self._call(due, now)
            self._report()
            self._works = True
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if self._works:
                self._say(f"The desk can not work and tries again: {error}")
            self._works = False

    def _open_tasks(self) -> Iterator[dict[str, Any]]:
        query = {"status": "open"}
        for _ in range(MAX_PAGES):
            page = self._client.get("/v1/tasks", params=query).raise_for_status().json()
            yield from page["items"]
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    def _call(self, tasks: list[dict[str, Any]], now: datetime) -> None:
        for task in sorted(tasks, key=lambda task: (-task.get("priority", 0), task["due_at"])):
            call = self._conversation(task, now)
            self._state.calls[_key(task)] = call
            if call.reached:
                self._stream.call(call.customer_id, Contact(now, call.offer_accepted))
        self._save()

    def _conversation(self, task: dict[str, Any], now: datetime) -> Call:
        customer_id, dice = task["customer_id"], Random(f"{self._state.seed}:{_key(task)}")
        customer = self._stream.customers.get(customer_id)
        result, accepted, reached = answer(customer, self._stream.course(customer_id), now, dice) if customer else ("wrong_number", False, False)
        return Call(task["task_id"], customer_id, now, result, accepted, reached)

    def _report(self) -> None:
        unposted = [(key, call) for key, call in self._state.calls.items() if not call.posted]
        for key, call in unposted:
            answered = self._client.post(
                f"/v1/tasks/{quote(call.task_id, safe='')}/outcome",
                headers={"Idempotency-Key": key},
                json={"result": call.result, "offer_accepted": call.offer_accepted, "agent": f"A-{int(key[:4], 16) % AGENTS + 80}", "note": ""},
            )
            if answered.status_code == 429 or answered.is_server_error:
                answered.raise_for_status()
            self._state.calls[key] = call._replace(posted=True)
            self._state.counts["calls"] += 1
            self._state.counts["outcomes_refused"] += not answered.is_success
        if unposted:
            self._save()


def answer(customer: Customer, course: Course, now: datetime, dice: Random) -> tuple[str, bool, bool]:
    """The result as the agent sees it, whether the offer was taken, and whether anybody was spoken to at all."""
    if course.left and course.left <= now.date():
        return "lost", False, False
    luck = dice.random()
    if luck < WRONG_NUMBER_SHARE:
        return "wrong_number", False, False
    if luck < WRONG_NUMBER_SHARE + UNREACHED_SHARE:
        return "unreached", False, False
    drift = course.drift_on(now.date())
    return (*_spoken(customer.responder, drift is not None and now.date() < drift.ended, dice), True)


def _spoken(responder: Responder, drifting: bool, dice: Random) -> tuple[str, bool]:
    takes_offer = dice.random() < TAKES_OFFER[responder][drifting]
    if responder is Responder.DO_NOT_DISTURB:
        return "undecided", False
    if takes_offer or not drifting or responder is Responder.SURE:
        return "saved", takes_offer  # that is what they say, and what those say who never meant to leave
    return ("lost" if responder is Responder.LOST and dice.random() < 0.6 else "undecided"), False


def _key(task: dict[str, Any]) -> str:
    """A task that was put off is due anew: that is another call."""
    return hashlib.sha256(f"{task['task_id']}@{task['due_at']}".encode()).hexdigest()[:32]
