"""E6: events that come before their customer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from services.customer import use_cases
from services.customer.tables import FACTS, PARKED
from shared.contracts import billing, network
from shared.contracts.decoding import decode
from shared.worker import Batch, Delivery
from tests.builders import NOON, activated, cloud_event, paid, record, registered
from tests.harness import ServiceUnderTest, until

PERIOD = {"period_start": "2026-10-08T12:00:00Z", "period_end": "2026-10-15T12:00:00Z"}


async def test_waiting_changes_nothing_in_an_event(customer: ServiceUnderTest) -> None:
    """What was not reported stays unsaid: a released event is stored as it would have been without the wait."""
    usage = cloud_event(network.UsageSummarised, "msisdn:8613800138000", at=NOON) | {"data": PERIOD}
    await customer.send(usage)
    await customer.send(registered(), activated())
    await customer.send(usage | {"id": "in-time"})
    stored = await customer.rows(sa.select(FACTS.c.data).where(FACTS.c.type == network.UsageSummarised.type))
    assert [row.data for row in stored] == [PERIOD, PERIOD]


@pytest.mark.parametrize("payment_first", [True, False])
async def test_no_event_misses_a_customer_who_appears_at_the_same_moment(customer: ServiceUnderTest, payment_first: bool) -> None:
    """One worker takes in an event about an account, another one makes the account known: whoever is second sees the first."""
    events = [registered(accounts=("A-1",)), paid(subject="account:A-1")]
    first, second = reversed(events) if payment_first else events
    async with customer.database.transaction() as tx:
        await take_in(tx, first)
        other = asyncio.create_task(take_in_and_commit(customer, second))
        await until(lambda: is_done_or_held_up(customer, other))
    await other
    assert await customer.rows(sa.select(PARKED)) == []
    assert len(await customer.rows(sa.select(FACTS).where(FACTS.c.type == billing.PaymentReceived.type, FACTS.c.customer_id == "C-1"))) == 1


async def take_in(tx: Any, event: dict[str, Any]) -> None:
    taken = record(event)
    await use_cases.record(Batch(tx, [], []), [Delivery(decode(taken.value), taken, replayed=False)])


async def take_in_and_commit(customer: ServiceUnderTest, event: dict[str, Any]) -> None:
    async with customer.database.transaction() as tx:
        await take_in(tx, event)


async def is_done_or_held_up(customer: ServiceUnderTest, other: asyncio.Task[None]) -> bool:
    """SQLite's second writer is always held up."""
    if other.done() or customer.database.file:
        return True
    return bool(await customer.rows(sa.text("SELECT 1 FROM pg_locks WHERE NOT granted")))
