"""The services as processes, a load at a set rate, and how to tell that all of it came through."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from time import monotonic

import sqlalchemy as sa

from deploy.bench.place import Place
from deploy.bench.processes import PartEnded, Processes
from shared.bus import Bus, Message
from shared.bus.opening import open_bus
from shared.database import Database
from shared.errors import BusUnavailable
from shared.worker import WorkerSpec

TICK_SECONDS = 0.05
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 240.0
ATTEMPTS = 5


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
            await until(partial(self._is_through, service), PATIENCE_SECONDS, what=f"{service} to be through")

    async def _is_through(self, service: str) -> bool:
        self._processes.refuse_ended()
        return await behind(self._place, service) == 0


async def behind(place: Place, service: str) -> int:
    """Records the service has not taken in, and messages it has not published."""
    spec: WorkerSpec = import_module(f"services.{service}.worker").SPEC
    watermarks, outbox = spec.tables.watermarks, spec.tables.outbox
    there = await place.ends(spec.topics)
    database = Database(place.settings.database_url(service))
    try:
        async with database.reading() as connection:
            taken = await connection.scalar(sa.select(sa.func.sum(watermarks.c.next_offset)))
            waiting = await connection.scalar(sa.select(sa.func.count()).select_from(outbox))
    finally:
        await database.close()
    return there - int(taken or 0) + (waiting or 0)


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
