"""E6: events that come before their customer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.customer.repository.registry import PARKED
from services.customer.tables import FACTS
from services.customer.use_cases import recording
from shared.contracts import billing, network
from shared.contracts.decoding import decode
from shared.pii import Keyring
from shared.worker import Batch, Delivery
from tests.builders import NOON, activated, cloud_event, paid, record, registered, used
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
        await take_in(customer, tx, first)
        other = asyncio.create_task(take_in_and_commit(customer, second))
        await until(lambda: is_done_or_held_up(customer, other))
    await other
    assert await customer.rows(sa.select(FACTS).where(*PARKED)) == []
    assert len(await customer.rows(sa.select(FACTS).where(FACTS.c.type == billing.PaymentReceived.type, FACTS.c.customer_id == "C-1"))) == 1


async def take_in(customer: ServiceUnderTest, tx: Any, event: dict[str, Any]) -> None:
    taken = record(event)
    keyring = Keyring.load(customer.settings.keyring_path)
    await recording.record(Batch(tx, [], [], keyring), [Delivery(decode(taken.value), taken, replayed=False)])


async def take_in_and_commit(customer: ServiceUnderTest, event: dict[str, Any]) -> None:
    async with customer.database.transaction() as tx:
        await take_in(customer, tx, event)


async def is_done_or_held_up(customer: ServiceUnderTest, other: asyncio.Task[None]) -> bool:
    """SQLite's second writer is always held up."""
    if other.done() or customer.database.file:
        return True
    return bool(await customer.rows(sa.text("SELECT 1 FROM pg_locks WHERE NOT granted")))


@pytest.mark.parametrize("usage_first", [True, False])
async def test_no_event_misses_that_its_number_is_handed_on_at_the_same_moment(customer: ServiceUnderTest, usage_first: bool) -> None:
    """C4: one worker takes in usage of a number, another one that the number was somebody else's by then."""
    await customer.send(registered("C-1"), activated("C-1"), registered("C-2"))
    events = [used(at=NOON), activated("C-2", at=NOON - timedelta(days=20))]
    first, second = events if usage_first else reversed(events)
    async with customer.database.transaction() as tx:
        await take_in(customer, tx, first)
        other = asyncio.create_task(take_in_and_commit(customer, second))
        await until(lambda: is_done_or_held_up(customer, other))
    await other
    owners = await customer.rows(sa.select(FACTS.c.customer_id).where(FACTS.c.type == network.UsageSummarised.type))
    assert [row.customer_id for row in owners] == ["C-2"]
