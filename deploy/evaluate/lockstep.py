"""Services as they run, on a clock that is put on only when all that was told until then is taken in: no feed lags.

The workers are the services' own, over a real bus and real databases; only what they do by the hour (re-cut, look at groups, overdue
cases) is called here, once for each step of the clock, instead of every few real seconds.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from services.__main__ import topics_of
from shared import clock, pii
from shared.bus import Bus, Consumer, Message
from shared.bus.opening import open_bus
from shared.database import Database, Instant, Json
from shared.migrating import migrate
from shared.pii import Keyring
from shared.settings import Settings
from shared.worker import Worker, WorkerSpec, tune_collector

# In the order the events flow.
SERVICES = ("customer", "segmentation")
LOOK_SECONDS = 0.01
STALL_SECONDS = 120.0

ALERTS = sa.table(
    "alerts",
    *(sa.column(name, sa.Text) for name in ("alert_id", "customer_id", "kind", "severity", "reason", "caused_by")),
    sa.column("raised_at", Instant),
    sa.column("evidence", Json),
)


class Stalled(Exception):
    """A worker ended, or what is left for it does not become less."""


class CountedBus:
    """The bus, and how much was published on each topic."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.published = Counter[str]()

    async def start(self) -> None:
        await self._bus.start()

    async def close(self) -> None:
        await self._bus.close()

    async def create_topics(self, names: Sequence[str]) -> None:
        await self._bus.create_topics(names)

    async def publish(self, messages: Sequence[Message]) -> None:
        await self._bus.publish(messages)
        self.published.update(message.topic for message in messages)

    async def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        return await self._bus.consumer(group, topics)

    async def ping(self) -> None:
        await self._bus.ping()


@dataclass
class Part:
    """One service."""

    spec: WorkerSpec
    database: Database
    running: asyncio.Task[None]
    keyring: Keyring | None


class Lockstep:
    def __init__(self, bus: CountedBus, parts: Mapping[str, Part]) -> None:
        """`parts` by the name of their service, in the order the events flow."""
        self._bus, self._parts = bus, parts

    async def live_through(self, moment: datetime, messages: Sequence[Message]) -> None:
        """What was told until `moment`, which it is from now on, and all that follows from it and from time passing."""
        clock.stand_at(moment)
        await self._bus.publish(messages)
        await self._settle()
        for part in self._parts.values():
            for sweep in part.spec.sweeps:
                while await sweep.step(part.database, part.keyring):
                    pass
            await self._settle()

    async def alerts(self) -> list[Mapping[str, Any]]:
        """All that were raised, in their order."""
        async with self.database("segmentation").reading() as connection:
            rows = await connection.execute(sa.select(ALERTS).order_by(ALERTS.c.raised_at, ALERTS.c.alert_id))
            return [dict(row._mapping) for row in rows]

    async def dead_letters(self) -> int:
        return sum([await _count(part.database, part.spec.tables.dead_letters) for part in self._parts.values()])

    def database(self, service: str) -> Database:
        return self._parts[service].database

    async def _settle(self) -> None:
        """Until every part took in all that is on its topics, and published all it had to say. What is decided flows back, so each is asked again."""
        while any([await self._left(part) for part in self._parts.values()]):
            await self._settle_each()

    async def _settle_each(self) -> None:
        for part in self._parts.values():
            before, changed = None, clock.monotonic()
            while left := await self._left(part):
                if part.running.done():
                    part.running.result()
                    raise Stalled(f"the {part.spec.service} worker ended")
                if left != before:
                    before, changed = left, clock.monotonic()
                if clock.monotonic() - changed > STALL_SECONDS:
                    raise Stalled(f"{left} left for {part.spec.service}, and no change for {STALL_SECONDS:.0f} s")
                await asyncio.sleep(LOOK_SECONDS)

    async def _left(self, part: Part) -> int:
        watermarks = part.spec.tables.watermarks
        query = sa.select(sa.func.coalesce(sa.func.sum(watermarks.c.next_offset), 0)).where(watermarks.c.topic.in_(part.spec.topics))
        async with part.database.reading() as connection:
            taken = int(await connection.scalar(query) or 0)
        return sum(self._bus.published[topic] for topic in part.spec.topics) - taken + await _count(part.database, part.spec.tables.outbox)


@asynccontextmanager
async def running(settings: Settings, services: Sequence[str] = SERVICES) -> AsyncIterator[Lockstep]:
    """Begun with nothing known. The databases of `settings` must be empty."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    pii.create(settings.keyring_path)
    tune_collector()
    async with AsyncExitStack() as stack:
        bus = CountedBus(open_bus(settings))
        await bus.start()
        stack.push_async_callback(bus.close)
        await bus.create_topics(topics_of(services))
        stop = asyncio.Event()
        parts = {service: await _started(service, settings, bus, stop, stack) for service in services}
        stack.push_async_callback(_stopped, stop, parts.values())
        yield Lockstep(bus, parts)


async def _started(service: str, settings: Settings, bus: CountedBus, stop: asyncio.Event, stack: AsyncExitStack) -> Part:
    spec: WorkerSpec = import_module(f"services.{service}.worker").SPEC
    database = Database(settings.database_url(service))
    stack.push_async_callback(database.close)
    await migrate(service, database)
    worker = Worker(replace(spec, sweeps=()), settings=settings, database=database, bus=bus, name=f"evaluated-{service}")
    keyring = Keyring.load(settings.keyring_path) if spec.sealed else None
    return Part(spec, database, asyncio.create_task(worker.run(stop)), keyring)


async def _stopped(stop: asyncio.Event, parts: Iterable[Part]) -> None:
    stop.set()
    await asyncio.gather(*(part.running for part in parts))


async def _count(database: Database, table: sa.Table) -> int:
    async with database.reading() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
