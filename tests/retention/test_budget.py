"""R6: the budget ledger: reserved by who is contacted, released and spent by what came of it, never over, always balanced."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa

from services.retention.tables import BUDGET_ENTRIES, CAMPAIGNS, DECISIONS, TASKS
from shared.contracts.segmentation import ChurnScored, StandingChanged
from tests.harness import ServiceUnderTest
from tests.retention.builders import CAMPAIGN_ID, activity, alert, customers, erased, profile
from tests.retention.test_effect import told
from tests.retention.test_races import decide

EXPECTED = 1_500 + round(0.4 * 15_000)
"""Of a contact about a port-out with the offer that is preferred, of whose acceptance nothing is known."""


async def limit(retention: ServiceUnderTest, budget_minor: int) -> None:
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(budget_minor=budget_minor))


async def ledger(retention: ServiceUnderTest) -> dict[str, Any]:
    found: dict[str, Any] = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/budget")).json()
    assert found["unbalanced"] == []
    return found


async def outcome(retention: ServiceUnderTest, task_id: str, **said: Any) -> None:
    body = {"result": "saved", "offer_accepted": True, "agent": "A-1"} | said
    answer = await retention.http.post(f"/tasks/{task_id}/outcome", json=body, headers={"Idempotency-Key": task_id})
    assert answer.status_code == 200, answer.text


async def test_a_contact_reserves_and_its_outcome_spends(retention: ServiceUnderTest) -> None:
    """R6: what was reserved is released once; an offer that was taken is spent with the contact, one that was not costs the contact alone."""
    first, second = customers(2)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (first, second)))
    await retention.send(*(told(StandingChanged, one, 1, future_value_minor=200_000) for one in (first, second)))
    await retention.send(*(told(ChurnScored, one, 1, probability=0.5, sensitivity={}) for one in (first, second)))
    await retention.send(*(alert(one, f"a-{one}", kind="port_out_inquiry") for one in (first, second)))
    (month,) = (await ledger(retention))["months"]
    assert (month["contacts"], month["reserved_minor"], month["released_minor"], month["spent_minor"]) == (2, 2 * EXPECTED, 0, 0)
    assert month["expected_saved_minor"] == 2 * round(0.5 * 0.3 * 200_000)
    one, other = (row.task_id for row in await retention.rows(sa.select(TASKS.c.task_id).order_by(TASKS.c.task_id)))
    await outcome(retention, one)
    await outcome(retention, one)
    await outcome(retention, other, result="wrong_number", offer_accepted=False)
    (month,) = (await ledger(retention))["months"]
    assert (month["released_minor"], month["spent_minor"]) == (2 * EXPECTED, 1_500 + 15_000 + 1_500)


async def test_what_is_exhausted_is_refused_by_name(retention: ServiceUnderTest) -> None:
    """R6: up to the last contact that fits; what an outcome releases can be used again."""
    await limit(retention, 2 * EXPECTED)
    ids = customers(4)
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await retention.send(*(alert(one, f"a-{one}", kind="port_out_inquiry") for one in ids[:3]))
    rows = await retention.rows(sa.select(DECISIONS.c.verdict, DECISIONS.c.failed_gate).order_by(DECISIONS.c.verdict))
    assert [tuple(row) for row in rows] == [("contact", None), ("contact", None), ("refused", "budget")]
    task = (await retention.rows(sa.select(TASKS.c.task_id)))[0].task_id
    await outcome(retention, task, result="lost", offer_accepted=False)
    await limit(retention, 2 * EXPECTED + 1_500)
    await retention.send(alert(ids[3], "a-last", kind="port_out_inquiry"))
    (last,) = await retention.rows(sa.select(DECISIONS.c.verdict).where(DECISIONS.c.alert_id == "a-last"))
    assert last.verdict == "contact"


async def test_sixty_at_once_never_take_more_than_there_is(retention: ServiceUnderTest) -> None:
    """R6 R2: each in a transaction of its own, under a budget for five."""
    await limit(retention, 5 * EXPECTED + 1)
    ids = customers(60)
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await asyncio.gather(*(decide(retention, alert(one, f"a-{one}", kind="port_out_inquiry")) for one in ids))
    (month,) = (await ledger(retention))["months"]
    assert month["contacts"] == 5 and month["reserved_minor"] == 5 * EXPECTED
    assert len(await retention.rows(sa.select(TASKS))) == 5


async def test_a_task_that_is_cancelled_gives_its_reserve_back(retention: ServiceUnderTest) -> None:
    """R6: as of a customer who was erased; an outcome that comes all the same is spent, and releases nothing twice."""
    (one,) = customers(1)
    await retention.send(activity(one, 1, profile=profile()), alert(one, "a-1", kind="port_out_inquiry"))
    await retention.send(erased(one, 2))
    (month,) = (await ledger(retention))["months"]
    assert (month["reserved_minor"], month["released_minor"], month["spent_minor"]) == (EXPECTED, EXPECTED, 0)
    (task,) = await retention.rows(sa.select(TASKS.c.task_id))
    await outcome(retention, task.task_id, result="lost", offer_accepted=False)
    (month,) = (await ledger(retention))["months"]
    assert (month["released_minor"], month["spent_minor"]) == (EXPECTED, 1_500)


async def test_entries_that_do_not_fit_are_named(retention: ServiceUnderTest) -> None:
    """R6: a release that is lost shows."""
    (one,) = customers(1)
    await retention.send(activity(one, 1, profile=profile()), alert(one, "a-1", kind="port_out_inquiry"))
    (task,) = await retention.rows(sa.select(TASKS.c.task_id))
    await outcome(retention, task.task_id)
    async with retention.database.transaction() as tx:
        await tx.execute(BUDGET_ENTRIES.delete().where(BUDGET_ENTRIES.c.kind == "release"))
    found = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/budget")).json()
    assert found["unbalanced"] == [task.task_id]
    assert (await retention.http.get("/campaigns/none/budget")).status_code == 404
