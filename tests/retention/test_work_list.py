"""R11: a task goes on: attempts that reach nobody, moments that customers ask for, and what else may be tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.retention.attempts import MOST_RESCHEDULES
from services.retention.reachability import part_of
from services.retention.tables import CAMPAIGNS, MESSAGES, REACHES, TASK_STEPS
from services.retention.templates import Key
from services.retention.use_cases import messages
from shared import clock
from shared.clock import zone_of
from shared.contracts import topics
from tests.harness import ServiceUnderTest
from tests.retention.builders import CAMPAIGN_ID, activity, alert, customer, erased, profile
from tests.retention.test_outcomes import SAVED, open_tasks, report

MISSED = {"result": "unreached", "offer_accepted": False, "agent": "A-88", "note": "No answer"}


async def task(retention: ServiceUnderTest, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await retention.http.get(f"/tasks/{task_id}")).json()
    return found


def part(task: dict[str, Any], moment: str) -> str:
    zone = zone_of(task["timezone"])
    assert zone
    return part_of(datetime.fromisoformat(moment).astimezone(zone))


async def reschedule(retention: ServiceUnderTest, task_id: str, due_at: datetime | str, *, key: str, actor: str | None = "A-88") -> tuple[int, dict[str, Any]]:
    headers = {"Idempotency-Key": key} | ({"X-Actor": actor} if actor else {})
    body = {"due_at": due_at if isinstance(due_at, str) else due_at.isoformat(), "reason": "At work until six"}
    answer = await retention.http.post(f"/tasks/{task_id}/reschedule", json=body, headers=headers)
    return answer.status_code, answer.json()


async def test_a_task_is_tried_at_other_times_of_the_day_until_the_last_attempt(retention: ServiceUnderTest) -> None:
    """R11 R15 R6: each attempt is on record and learned from; the same report again is the same attempt; the last one ends the task, and only that
    releases what was reserved and is an outcome."""
    [task_id] = await open_tasks(retention)
    status, first = await report(retention, task_id, MISSED)
    assert (status, first["result"], (await task(retention, task_id))["status"]) == (200, "unreached", "open")
    assert await report(retention, task_id, MISSED, key="k-2") == (200, first)
    assert (await report(retention, task_id, MISSED | {"agent": "A-89"}, key="k-3"))[0] == 200
    shown = await task(retention, task_id)
    assert [(step["step"], step["actor"], step["note"]) for step in shown["steps"]] == [("unreached", "A-88", "No answer"), ("unreached", "A-89", "No answer")]
    assert shown["due_at"] == shown["steps"][-1]["due_at"] and (shown["attempts"], shown["outcome"]) == (2, None)
    assert all(part(shown, step["due_at"]) != part(shown, step["taken_at"]) for step in shown["steps"])
    ledger = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/budget")).json()
    assert (ledger["unbalanced"], ledger["months"][0]["released_minor"]) == ([], 0)

    status, last = await report(retention, task_id, MISSED | {"agent": "A-90"}, key="k-4")
    assert (status, last["next_due_at"], (await task(retention, task_id))["status"]) == (200, None, "done")
    ledger = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/budget")).json()
    assert (ledger["unbalanced"], ledger["months"][0]["released_minor"]) == ([], ledger["months"][0]["reserved_minor"])
    [reach] = await retention.rows(sa.select(REACHES))
    assert (reach.channel, reach.misses, reach.state) == ("call", 3, "poor") and reach.tried == pytest.approx(3, abs=0.01)
    await retention.settle()
    told = await retention.read(topics.OUTCOMES, count=4)
    assert [event["type"].split(".")[1] for event in told] == ["contact_attempted", "reachability_changed", "contact_attempted", "outcome_recorded"]
    assert [event["data"]["attempt"] for event in told if "attempt" in event["data"]] == [1, 2]
    moves = await retention.read(topics.CONTACTS, count=2, types=("retention.task_rescheduled.v1",))
    assert [(event["data"]["reason"], event["data"]["attempts"]) for event in moves] == [("unreached", 1), ("unreached", 2)]


async def test_who_may_not_be_called_any_more_is_not_tried_again(retention: ServiceUnderTest) -> None:
    """R11 R9: consent may end between two attempts; and of who is erased no word of an agent is kept."""
    [task_id] = await open_tasks(retention)
    one = (await task(retention, task_id))["customer_id"]
    await report(retention, task_id, MISSED)
    await retention.send(activity(one, 2, profile=profile(consents=[{"channel": "call", "granted": False}])))
    status, last = await report(retention, task_id, MISSED | {"agent": "A-89"}, key="k-2")
    assert (status, last["next_due_at"], (await task(retention, task_id))["status"]) == (200, None, "done")
    await retention.send(erased(one, 3))
    assert [row.note for row in await retention.rows(sa.select(TASK_STEPS))] == [""]
    assert await retention.rows(sa.select(REACHES)) == []


async def test_a_customer_may_ask_for_another_moment(retention: ServiceUnderTest) -> None:
    """R11: inside the hours, else the next moment that is allowed is named; not too far ahead, not too often, by name; the same request once."""
    [task_id] = await open_tasks(retention)
    now = clock.now()
    at_night = (now + timedelta(days=1, hours=9)).replace(minute=0, second=0, microsecond=0)
    status, problem = await reschedule(retention, task_id, at_night, key="k-1")
    assert (status, problem["code"]) == (422, "invalid_request")
    allowed = problem["next_allowed"]
    assert (await reschedule(retention, task_id, allowed, key="k-2", actor=None))[1]["code"] == "actor_missing"
    for _ in range(2):
        status, shown = await reschedule(retention, task_id, allowed, key="k-3")
        assert (status, datetime.fromisoformat(shown["due_at"]), shown["reschedules"], shown["status"]) == (200, datetime.fromisoformat(allowed), 1, "open")
    assert [(step["step"], step["actor"], step["note"]) for step in shown["steps"]] == [("asked", "A-88", "At work until six")]
    assert (await reschedule(retention, task_id, now - timedelta(hours=1), key="k-4"))[0] == 422
    assert "latest" in (await reschedule(retention, task_id, now + timedelta(days=40), key="k-5"))[1]
    for number in range(1, MOST_RESCHEDULES):
        assert (await reschedule(retention, task_id, now + timedelta(days=number), key=f"more-{number}"))[0] == 200
    assert (await reschedule(retention, task_id, now + timedelta(days=2), key="k-6"))[1]["code"] == "conflict"
    await report(retention, task_id)
    assert (await reschedule(retention, task_id, now + timedelta(days=2), key="k-7"))[1]["code"] == "conflict"
    assert (await reschedule(retention, "unknown", now + timedelta(days=2), key="k-8"))[0] == 404


async def test_what_else_may_be_tried(retention: ServiceUnderTest) -> None:
    """R11 R9 R10 R6: channels that were agreed to, the preferred one first, then the account manager. One message, where a call reached nobody: by the
    campaign's template, the same contact to the caps, paid with its task."""
    one = customer()
    agreed = [{"channel": channel, "granted": True} for channel in ("call", "sms", "push")]
    await retention.send(activity(one, 1, profile=profile(consents=agreed, preferred_channel="push", account_manager="AM-7")), alert(one))
    task_id = f"{CAMPAIGN_ID}:a-1"

    async def write(channel: str, key: str) -> tuple[int, dict[str, Any]]:
        headers = {"Idempotency-Key": key, "X-Actor": "A-88"}
        answer = await retention.http.post(f"/tasks/{task_id}/message", json={"channel": channel}, headers=headers)
        return answer.status_code, answer.json()

    assert [(each["by"], each["who"], each["why_not"]) for each in (await task(retention, task_id))["alternates"]] == [
        ("push", None, None), ("sms", None, None), ("email", None, "not agreed to"), ("account_manager", "AM-7", None),
    ]  # fmt: skip
    assert "0 attempts" in (await write("push", "m-1"))[1]["detail"]
    await report(retention, task_id, MISSED)
    assert "no push template" in (await write("push", "m-2"))[1]["detail"]
    async with retention.database.transaction() as tx:
        await messages.add_template(tx, Key("push", CAMPAIGN_ID), subject="", body="{{ offer.name }}", actor="A-1")
        await tx.execute(sa.update(CAMPAIGNS).values(cap_contacts=2))
    assert "not agreed to" in (await write("email", "m-3"))[1]["detail"]
    for _ in range(2):
        assert (await write("push", "m-4"))[0] == 200
    assert "already" in (await write("sms", "m-5"))[1]["detail"]
    [message] = await retention.rows(sa.select(MESSAGES))
    assert (message.decision_id, message.channel, message.customer_id) == (task_id, "push", one)
    await report(retention, task_id, SAVED | {"offer_accepted": False}, key="k-2")
    [month] = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/budget")).json()["months"]
    assert month["spent_minor"] == 1_500 + 5
    await retention.send(alert(one, "a-2"))
    assert (await task(retention, f"{CAMPAIGN_ID}:a-2"))["status"] == "open", "the call and its message are one of two contacts"
