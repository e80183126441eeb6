"""R9: what must hold when two workers decide at once."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from services.retention.tables import CAMPAIGNS, DECISIONS, OFFERS, TASKS, WAITING
from services.retention.use_cases.taking_in import take_in
from shared.bus import Message
from shared.contracts.decoding import decode
from shared.settings import Settings
from shared.worker import Delivery
from tests.builders import record
from tests.harness import ServiceUnderTest, until
from tests.retention.builders import CAMPAIGN_ID, activity, alert, customer, customers, profile

ALERTS = 50
COST = 1_500 + round(0.4 * 15_000)
"""Expected of a contact about a port-out, with the offer that is preferred."""


async def test_fifty_warnings_over_two_workers_open_one_task(settings: Settings) -> None:
    """R9: spread over all partitions, in batches of two, so that both workers decide about the one customer."""
    hasty = settings.model_copy(update={"batch_records": 2})
    async with ServiceUnderTest("retention", hasty) as first, ServiceUnderTest("retention", hasty) as second:
        one = customer()
        await first.send(activity(one, 1, profile=profile()))
        await second.publish(*(alert(one, f"a-{number}", key=f"key-{number}") for number in range(ALERTS)))
        await until(lambda: is_decided(first, ALERTS))
        assert [row.verdict for row in await first.rows(sa.select(DECISIONS).where(DECISIONS.c.verdict == "contact"))] == ["contact"]
        assert len(await first.rows(sa.select(TASKS))) == 1


async def test_transactions_at_once_open_one_task_per_customer(retention: ServiceUnderTest) -> None:
    """R9: the same without a bus between, each warning in a transaction of its own."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()))
    await asyncio.gather(*(decide(retention, alert(one, f"a-{number}")) for number in range(ALERTS)))
    assert await is_decided(retention, ALERTS)
    assert len(await retention.rows(sa.select(TASKS))) == 1


async def test_two_workers_can_not_both_take_the_last_place(retention: ServiceUnderTest) -> None:
    """R2: the campaign's capacity, over customers that no lock of theirs keeps apart."""
    ids = customers(20)
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(capacity=3))
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await asyncio.gather(*(decide(retention, alert(one, f"a-{one}")) for one in ids))
    assert len(await retention.rows(sa.select(TASKS))) == 3


async def test_a_warning_and_the_first_activity_at_once_never_miss_each_other(retention: ServiceUnderTest) -> None:
    """R3: whichever is first, and whether or not another warning waits already, every warning is decided."""
    ids = customers(20)
    await retention.send(*(alert(one, f"0-{one}") for one in ids))
    for one in ids:
        raised = [alert(one, f"{number}-{one}") for number in range(1, 5)]
        await asyncio.gather(*(decide(retention, sent) for sent in (activity(one, 1, profile=profile()), *raised)))
    assert await retention.rows(sa.select(WAITING)) == []
    assert await is_decided(retention, 5 * len(ids))
    assert len(await retention.rows(sa.select(TASKS))) == len(ids)


async def decide(retention: ServiceUnderTest, sent: Message) -> None:
    delivery = Delivery(decode(sent.value), record(sent.value, topic=sent.topic), replayed=False)
    async with retention.database.transaction() as tx:
        await take_in(tx, [delivery], default_zone="UTC")


async def is_decided(retention: ServiceUnderTest, count: int) -> bool:
    return len(await retention.rows(sa.select(DECISIONS))) == count


async def test_hundreds_at_once_never_pass_cap_capacity_budget_or_stock(settings: Settings) -> None:
    """R9 R2 R6 R1: three hundred warnings about fifty customers, over two workers and in transactions beside them, in three rounds, each with another
    limit that binds. Not one contact too many goes out, whoever decides; and each decision is made again from its receipt to the same."""
    hasty = settings.model_copy(update={"batch_records": 20})
    async with ServiceUnderTest("retention", hasty) as first, ServiceUnderTest("retention", hasty) as second:
        ids = customers(50)
        await first.send(*(activity(one, 1, profile=profile()) for one in ids))
        rounds: tuple[tuple[dict[str, int], int | None, int, str], ...] = (
            ({"capacity": 9}, None, 9, "capacity"),
            ({"capacity": 1_000, "budget_minor": 9 * COST + 6 * COST + COST - 1}, None, 9 + 6, "budget"),
            ({"budget_minor": 10**9}, 4, 9 + 6 + 4, "offer"),
        )
        for nth, (campaign, stock, contacts, gate) in enumerate(rounds):
            async with first.database.transaction() as tx:
                await tx.execute(sa.update(CAMPAIGNS).values(**campaign))
                if stock is not None:
                    await tx.execute(sa.update(OFFERS).values(stock=stock))
            raised = [alert(one, f"{nth}-{number}-{one}", key=f"{nth}-{number}-{one}", kind="port_out_inquiry") for number in range(2) for one in ids]
            await second.publish(*raised[:70])
            await asyncio.gather(*(decide(first, one) for one in raised[70:]))
            await until(lambda done=100 * (nth + 1): is_decided(first, done))
            tasks = await first.rows(sa.select(TASKS))
            assert len(tasks) == contacts and len({row.customer_id for row in tasks}) == contacts, "one contact per customer, and no more than the limit"
            refused = {row.failed_gate for row in await first.rows(sa.select(DECISIONS.c.failed_gate).where(DECISIONS.c.verdict == "refused"))}
            assert gate in refused and "frequency_cap" in refused
        month = (await first.http.get(f"/campaigns/{CAMPAIGN_ID}/budget")).json()
        assert month["unbalanced"] == [] and month["months"][0]["contacts"] == 19
        for row in await first.rows(sa.select(DECISIONS.c.decision_id).where(DECISIONS.c.verdict == "contact")):
            assert (await first.http.get(f"/decisions/{row.decision_id}/recomputed")).json()["agrees"]
