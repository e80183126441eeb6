"""C4 C9 R4 R9: who is merged, parted or erased: one person is contacted once, and never under an id that is gone."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention.open_tasks import OpenTask, to_cancel
from services.retention.tables import CAMPAIGNS, COMPLAINTS, CONTACTABLES, IDEMPOTENCY_KEYS, OUTCOMES, TASKS
from shared import clock
from shared.contracts import topics
from shared.contracts.retention import TaskCancelled
from shared.inbox import REPLAY_HEADER
from tests.builders import NOON
from tests.harness import ServiceUnderTest
from tests.retention.builders import activity, alert, contactable, customer, customers, erased, merged, opened, profile, resolved, retold

WITHDRAWN = [{"channel": "call", "granted": False}]


async def decisions(retention: ServiceUnderTest, customer_id: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found = (await retention.http.get(f"/customers/{customer_id}/decisions")).raise_for_status().json()
    return list(reversed(found["decisions"]))


async def last_verdict(retention: ServiceUnderTest, customer_id: str) -> tuple[str, str | None]:
    last = (await decisions(retention, customer_id))[-1]
    return last["verdict"], last["failed_gate"]


async def statuses(retention: ServiceUnderTest) -> dict[str, str]:
    return {row.customer_id: row.status for row in await retention.rows(sa.select(TASKS))}


async def finish(retention: ServiceUnderTest, alert_id: str, note: str = "") -> None:
    body = {"result": "undecided", "offer_accepted": False, "agent": "A-88", "note": note}
    answer = await retention.http.post(f"/tasks/save-on-warning:{alert_id}/outcome", json=body, headers={"Idempotency-Key": alert_id})
    assert (answer.status_code, answer.json()["note"]) == (200, note)


async def test_nobody_is_contacted_under_an_id_that_is_gone(retention: ServiceUnderTest) -> None:
    """C4 R9: the gate says who the customer is now."""
    a, b = customers(2)
    await retention.send(activity(a, 1, profile=profile()), activity(b, 1, profile=profile()))
    await retention.send(merged(b, 2, into=a), retold(a, 2, profile=profile()))
    await retention.send(alert(b, "late"))
    (decided,) = await decisions(retention, b)
    assert (decided["verdict"], decided["failed_gate"], decided["customer_id"]) == ("refused", "not_merged_or_erased", b)
    assert {gate["gate"]: gate["detail"] for gate in decided["gates"]}["not_merged_or_erased"] == f"is {a} now"
    await retention.send(alert(a, "a-1"))
    assert await last_verdict(retention, a) == ("contact", None)


async def test_contacts_before_the_merge_count(retention: ServiceUnderTest) -> None:
    """R9: a call made under one id is a call to the person; after the parting it counts for the other alone."""
    a, b = customers(2)
    await retention.send(activity(a, 1, profile=profile()), activity(b, 1, profile=profile()), alert(b, "b-1"))
    await finish(retention, "b-1")
    await retention.send(merged(b, 2, into=a), retold(a, 2, profile=profile()), alert(a, "a-1"))
    assert await last_verdict(retention, a) == ("refused", "frequency_cap")
    await retention.send(retold(b, 3, profile=profile()), retold(a, 3, profile=profile()))
    await retention.send(alert(a, "a-2"), alert(b, "b-2"))
    assert await last_verdict(retention, a) == ("contact", None)
    assert await last_verdict(retention, b) == ("refused", "frequency_cap")


@pytest.mark.parametrize("arm", ["hold_out", None])
async def test_who_was_held_out_under_one_id_stays_held_out(retention: ServiceUnderTest, arm: Any) -> None:
    """R4: of the campaign, and of all of them. Parted again, the arm of an exposure stays; being in no exposure leaves no trace."""
    a, b = customer(), customer(arm)
    await retention.send(activity(a, 1, profile=profile()), activity(b, 1, profile=profile()), alert(b, "b-1"))
    await retention.send(retold(a, 2, profile=profile()), merged(b, 2, into=a), alert(a, "a-1"))
    gate = "hold_out" if arm else "global_hold_out"
    assert await last_verdict(retention, a) == ("held_out", gate)
    assert [one["customer_id"] for one in await decisions(retention, a)] == [b, a]
    await retention.send(retold(b, 3, profile=profile()), retold(a, 3, profile=profile()), alert(a, "a-2"))
    assert await last_verdict(retention, a) == (("held_out", "hold_out") if arm else ("contact", None))


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
async def test_of_two_open_tasks_one_is_cancelled(retention: ServiceUnderTest, order: tuple[int, ...]) -> None:
    """R9 R11: whichever of the two is told first; published, so that it leaves every list; capacity is free again."""
    a, b = customers(2)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (a, b)), *(alert(one, f"a-{one}") for one in (a, b)))
    told = (merged(b, 2, into=a), retold(a, 2, profile=profile()))
    for place in order:
        await retention.send(told[place])
    assert await statuses(retention) == {a: "open", b: "cancelled"}
    (cancelled,) = [one for one in await retention.read(topics.CONTACTS, count=5) if one["type"] == TaskCancelled.type]
    assert (cancelled["subject"], cancelled["data"]["reason"]) == (f"customer:{b}", "superseded")
    assert [one["customer_id"] for one in (await retention.http.get("/tasks", params={"status": "open"})).json()["items"]] == [a]


async def test_the_only_open_task_stays(retention: ServiceUnderTest) -> None:
    """R11: the person was in trouble under the other id: somebody still calls."""
    a, b = customers(2)
    await retention.send(activity(a, 1, profile=profile()), activity(b, 1, profile=profile()), alert(b, "b-1"))
    await retention.send(merged(b, 2, into=a), retold(a, 2, profile=profile()), alert(a, "a-1"))
    assert await statuses(retention) == {b: "open"}
    assert await last_verdict(retention, a) == ("refused", "frequency_cap")
    await finish(retention, "b-1")


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
async def test_a_task_against_what_was_agreed_with_the_other_is_cancelled(retention: ServiceUnderTest, order: tuple[int, ...]) -> None:
    """C4 R9: consent after a merge is the most restrictive."""
    a, b = customers(2)
    await retention.send(activity(a, 1, profile=profile(consents=WITHDRAWN)), activity(b, 1, profile=profile()), alert(b, "b-1"))
    told = (merged(b, 2, into=a), retold(a, 2, profile=profile(consents=WITHDRAWN)))
    for place in order:
        await retention.send(told[place])
    assert await statuses(retention) == {b: "cancelled"}


async def test_an_outcome_of_a_cancelled_task_is_still_taken(retention: ServiceUnderTest) -> None:
    """R11: the agent was on the phone; the call counts."""
    a, b = customers(2)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (a, b)), *(alert(one, f"a-{one}") for one in (a, b)))
    await retention.send(merged(b, 2, into=a))
    await finish(retention, f"a-{b}")
    assert await statuses(retention) == {a: "open", b: "done"}


async def test_complaints_are_told_again(retention: ServiceUnderTest) -> None:
    """C4 R9: those of both hold contacts back; one that turned out to be somebody else's does not."""
    a, b = customers(2)
    await retention.send(activity(a, 1, opened("K-1"), profile=profile()), activity(b, 1, opened("K-2"), profile=profile()))
    await retention.send(merged(b, 2, into=a), retold(a, 2, opened("K-1"), resolved("K-1"), opened("K-2"), profile=profile()))
    assert {(row.customer_id, row.complaint_id) for row in await retention.rows(sa.select(COMPLAINTS))} == {(a, "K-1"), (a, "K-2")}
    await retention.send(alert(a, "a-1"))
    assert await last_verdict(retention, a) == ("refused", "service_trouble")
    await retention.send(activity(a, 3, opened("K-3")), retold(a, 4, profile=profile()), alert(a, "a-2"))
    assert await last_verdict(retention, a) == ("contact", None)


async def test_what_is_late_behind_a_reset_is_void(retention: ServiceUnderTest) -> None:
    """C4 E6: a dead letter published again; one behind a later message counts as ever."""
    one = customer()
    await retention.send(retold(one, 3, profile=profile()), activity(one, 5))
    for_us = {REPLAY_HEADER: b"retention"}
    await retention.send(activity(one, 2, opened("void"), headers=for_us), activity(one, 4, opened("late"), headers=for_us))
    assert [row.complaint_id for row in await retention.rows(sa.select(COMPLAINTS))] == ["late"]
    late_reset = activity(one, 4, resets=True, headers=for_us)
    await retention.send(late_reset)
    (dead,) = (await retention.http.get("/dead-letters")).json()["items"]
    assert "have the customer told again" in dead["detail"]


async def test_a_chain_of_merges_is_one_person(retention: ServiceUnderTest) -> None:
    """C4 R9: the contact under the first id counts under the last."""
    a, b, c = customers(3)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (a, b, c)), alert(c, "c-1"))
    await finish(retention, "c-1")
    await retention.send(merged(c, 2, into=b), merged(b, 2, into=a), retold(a, 2, profile=profile()), alert(a, "a-1"))
    assert await last_verdict(retention, a) == ("refused", "frequency_cap")
    assert [one["customer_id"] for one in await decisions(retention, c)] == [c, a]


async def test_of_who_is_erased_nothing_said_is_left(retention: ServiceUnderTest) -> None:
    """C9: no profile, no notes, no open task; the counts of the campaign stay."""
    a, b = customers(2)
    for one in (a, b):
        await retention.send(activity(one, 1, opened(f"K-{one}"), resolved(f"K-{one}"), profile=profile()), alert(one, f"a-{one}"))
    await finish(retention, f"a-{a}", note="moves to his sister in Ningbo")
    await retention.send(erased(a, 2), erased(b, 2), alert(a, "late"))
    rows = await retention.rows(sa.select(CONTACTABLES))
    assert {(row.erased, row.timezone, row.live_subscriptions, len(row.consents)) for row in rows} == {(True, None, 0, 0)}
    assert [row.note for row in await retention.rows(sa.select(OUTCOMES))] == [""]
    assert "Ningbo" not in repr(await retention.rows(sa.select(IDEMPOTENCY_KEYS)))
    assert await retention.rows(sa.select(COMPLAINTS)) == []
    assert await statuses(retention) == {a: "done", b: "cancelled"}
    assert (await retention.http.get(f"/customers/{a}/decisions")).status_code == 410
    counts = (await retention.http.get("/campaigns/save-on-warning")).json()["counts"]
    assert (counts["decisions"], counts["tasks"]) == ({"contact": 2, "refused": 1}, {"cancelled": 1, "done": 1})


async def test_what_agents_note_down_is_not_published(retention: ServiceUnderTest) -> None:
    """C9: it is free text about a person, and the bus would keep it in plain."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()), alert(one))
    await finish(retention, "a-1", note="moves to his sister in Ningbo")
    await retention.settle()
    (event,) = await retention.read(topics.OUTCOMES, count=1)
    assert event["data"]["note"] == ""
    assert (await retention.http.get("/tasks/save-on-warning:a-1")).json()["outcome"]["note"] == "moves to his sister in Ningbo"


async def test_a_merge_frees_the_campaigns_capacity(retention: ServiceUnderTest) -> None:
    """R2"""
    a, b, c = customers(3)
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(capacity=2))
    await retention.send(*(activity(one, 1, profile=profile()) for one in (a, b, c)), *(alert(one, f"a-{one}") for one in (a, b)))
    await retention.send(merged(b, 2, into=a), alert(c, "c-1"))
    assert await last_verdict(retention, c) == ("contact", None)
    assert clock.now() > NOON


TASK = st.builds(
    OpenTask,
    task_id=st.uuids().map(str),
    customer_id=st.sampled_from(["A", "B", "C"]),
    campaign_id=st.sampled_from(["one", "two"]),
    channel=st.just("call"),
    priority=st.sampled_from([50, 80]),
    opened_at=st.just(NOON),
)


@given(st.lists(TASK, max_size=6, unique_by=lambda task: task.task_id), st.booleans(), st.sets(st.sampled_from(["one", "two"])))
def test_one_task_at_most_stays_and_it_may_be_worked(tasks: list[OpenTask], consented: bool, held_out: set[str]) -> None:
    """R9: for every set of open tasks of one person; the survivor's own goes first, then the most urgent."""
    survivor = contactable("A", consents={"call": consented})
    reasons = to_cancel(tasks, survivor, held_out=held_out)
    allowed = [task for task in tasks if consented and task.campaign_id not in held_out]
    kept = [task for task in tasks if task.task_id not in reasons]
    assert len(kept) == min(1, len(allowed))
    assert reasons == to_cancel(tasks[::-1], survivor, held_out=held_out)
    for task in kept:
        assert task in allowed
        assert (task.customer_id == "A", task.priority) == max((other.customer_id == "A", other.priority) for other in allowed)
