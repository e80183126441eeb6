"""The services as processes, a load at a set rate, and how to tell that all of it came through."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from time import monotonic

import sqlalchemy as sa

from deploy.bench.place import Place
from deploy.bench.processes import PartEnded, Processes
from shared import clock
from shared.bus import Bus, Message
from shared.bus.opening import open_bus
from shared.database import Database
from shared.errors import BusUnavailable
from shared.outbox import outbox_table
from shared.worker import workers_table

TICK_SECONDS = 0.05
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 240.0
ATTEMPTS = 5

OUTBOX = outbox_table(sa.MetaData())
WORKERS = workers_table(sa.MetaData())


@dataclass(frozen=True)
class Took:
    """Milliseconds. `failed` were answered by an error, or not at all."""

    count: int
    failed: int
    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float], *, failed: int) -> Took:
        ordered = sorted(one * 1000 for one in seconds) or [float("nan")]
        at = len(ordered) - 1
        return cls(len(seconds), failed, ordered[round(at * 0.5)], ordered[round(at * 0.99)], ordered[-1])


@dataclass(frozen=True)
class Loaded:
    """What was measured while events came in at `rate`, and what each service had still before it at the end."""

    took: Took
    rate: float
    behind: dict[str, int]


class Loop:
    """Those parts of the system that run now."""

    def __init__(self, place: Place, processes: Processes) -> None:
        self._place, self._processes = place, processes
        self._parts: dict[tuple[str, str], subprocess.Popen[str]] = {}

    def start(self, part: str, *services: str) -> None:
        for service in services:
            self._parts[service, part] = self._processes.start("services", service, part)

    def stop(self, part: str, *services: str) -> None:
        self._processes.stop(*(self._parts.pop((service, part)) for service in services))

    async def settle(self, *services: str) -> None:
        """Until each has taken in and published everything, in the order of the flow."""
        for service in services:
            since = clock.wall()

            async def is_through(service: str = service, since: datetime = since) -> bool:
                self._processes.refuse_ended()
                return await self.behind(service, since=since) == 0

            await until(is_through, PATIENCE_SECONDS, what=f"{service} to be through")

    async def behind(self, service: str, *, since: datetime) -> int:
        """Records its worker has not taken in, by its last word, and messages it has not published. -1: no word since."""
        database = Database(self._place.settings.database_url(service))
        try:
            async with database.reading() as connection:
                lags = (await connection.scalars(sa.select(WORKERS.c.lag_records).where(WORKERS.c.beat_at >= since))).all()
                waiting = await connection.scalar(sa.select(sa.func.count()).select_from(OUTBOX))
        finally:
            await database.close()
        return sum(lags) + (waiting or 0) if lags else -1


async def until(ready: Callable[[], Awaitable[bool]], seconds: float, *, what: str) -> None:
    deadline = monotonic() + seconds
    while not await ready():
        if monotonic() > deadline:
            raise PartEnded(f"waited {seconds:.0f} s for {what}")
        await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def open_for(place: Place) -> AsyncIterator[Bus]:
    bus = open_bus(place.settings)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


async def publish(bus: Bus, messages: Sequence[Message]) -> None:
    """New topics, and a broker on a busy machine, may need more than one attempt. What is there twice by that is a duplicate."""
    for _ in range(ATTEMPTS - 1):
        with suppress(BusUnavailable):
            await bus.publish(messages)
            return
    await bus.publish(messages)


async def offer(bus: Bus, messages: Iterator[Message], *, rate: float, seconds: float) -> float:
    """Publish at that rate, whatever becomes of it; the rate that was reached."""
    started, sent = monotonic(), 0
    while (elapsed := monotonic() - started) < seconds:
        due = list(islice(messages, int(elapsed * rate) - sent))
        await publish(bus, due)
        sent += len(due)
        await asyncio.sleep(TICK_SECONDS)
    return sent / (monotonic() - started)
