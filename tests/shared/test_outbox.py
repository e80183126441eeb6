"""E6: what the relay promises when it can not publish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import sqlalchemy as sa

from services.customer.tables import OUTBOX
from shared import outbox
from shared.bus import Message
from shared.bus.opening import open_bus
from shared.contracts import topics
from shared.database import Database
from shared.errors import BusUnavailable
from shared.settings import Settings
from tests.databases import migrated
from tests.harness import until
from tests.settings_fixture import settings as settings


class AwayBus:
    """What a worker sees that is cut off from the bus."""

    def __init__(self) -> None:
        self.refused = 0

    async def publish(self, messages: Sequence[Message]) -> None:
        self.refused += 1
        raise BusUnavailable


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url("customer"))
    await migrated("customer", database)
    yield database
    await database.close()


async def test_a_relay_that_can_not_publish_leaves_the_work_to_another(settings: Settings, database: Database) -> None:
    """Two workers: the bus is away for one of them only. Its lock does not outlive its try."""
    bus = open_bus(settings)
    await bus.start()
    await bus.create_topics([topics.ACTIVITY])
    async with database.transaction() as tx:
        await outbox.publish(tx, OUTBOX, [Message(topics.ACTIVITY, "C-1", b"{}")])
    others = Database(settings.database_url("customer"))
    stop, cut_off = asyncio.Event(), AwayBus()
    first = asyncio.create_task(outbox.Relay(service="customer", database=database, bus=cut_off, outbox=OUTBOX).run(stop))
    await until(lambda: _refused(cut_off))
    second = asyncio.create_task(outbox.Relay(service="customer", database=others, bus=bus, outbox=OUTBOX).run(stop))
    try:
        await until(lambda: _is_empty(database))
    finally:
        stop.set()
        await asyncio.gather(first, second)
        await others.close()
        await bus.close()


async def _refused(bus: AwayBus) -> int:
    return bus.refused


async def _is_empty(database: Database) -> bool:
    async with database.reading() as connection:
        return await connection.scalar(sa.select(sa.func.count()).select_from(OUTBOX)) == 0
