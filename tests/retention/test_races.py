"""R9: what must hold when two workers decide at once."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from services.retention.tables import CAMPAIGNS, DECISIONS, TASKS, WAITING
from services.retention.use_cases.taking_in import take_in
from shared.bus import Message
from shared.contracts.decoding import decode
from shared.settings import Settings
from shared.worker import Delivery
from tests.builders import record
from tests.harness import ServiceUnderTest, until
from tests.retention.builders import activity, alert, customer, customers, profile

ALERTS = 50


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
