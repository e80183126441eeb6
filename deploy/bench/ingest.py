"""Events per second through the customer worker, from the first batch committed to all of it applied and published, beside the floor.

Both take the same events from the same topics, in turns: what else the machine does meets both alike. The ratio is what counts.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from time import monotonic
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from deploy.bench.load import REPORTED, Load, batches
from deploy.bench.loop import open_for, publish
from deploy.bench.place import Place
from deploy.bench.processes import PartEnded, Processes, cpu_seconds
from shared.bus import Message
from shared.contracts import topics
from shared.database import Database
from shared.inbox import inbox_tables
from shared.outbox import outbox_table

SERVICE = "customer"
LOOK_SECONDS = 0.05
STALL_SECONDS = 60.0
PUBLISH_RECORDS = 2000
PROFILED_FUNCTIONS = 200
FLOORS = ("contract", "orjson")
# The second one shares the topics with the first, and the cores with everything else.
WORKERS = {1: "worker", 2: "2 workers"}

Pids = Mapping[str, Sequence[int]]
Say = Callable[[str], None]

OUTBOX = outbox_table(sa.MetaData())
WATERMARKS = inbox_tables(sa.MetaData(), OUTBOX).watermarks


class Mark(NamedTuple):
    """So many events were done at that moment, and the processes had taken that much CPU."""

    at: float
    events: int
    cpu: dict[str, float]


@dataclass(frozen=True)
class Run:
    what: str
    events: int
    start_seconds: float
    seconds: float
    cpu_us_per_event: dict[str, float]

    @property
    def rate(self) -> float:
        return self.events / self.seconds


async def prepare(place: Place, processes: Processes, load: Load) -> None:
    """Everybody is known and what is reported of them waits on its topics."""
    processes.run("services", "migrate", SERVICE)
    await publish_all(place, load.registry)
    worker = processes.start("services", SERVICE, "worker")
    database = Database(place.settings.database_url(SERVICE))
    await _watch(database, processes, (topics.ORDERS,), len(load.registry), {})
    processes.stop(worker)
    await database.close()
    await publish_all(place, load.reported)
    await place.save(SERVICE)


async def publish_all(place: Place, messages: list[Message]) -> None:
    async with open_for(place) as bus:
        for batch in batches(messages, PUBLISH_RECORDS):
            await publish(bus, batch)


async def through_workers(place: Place, processes: Processes, events: int, *, members: int = 1, launcher: tuple[str, ...] = ("services",)) -> Run:
    await place.rewind(SERVICE, REPORTED)
    database = Database(place.settings.database_url(SERVICE))
    started = monotonic()
    workers = [processes.start(*launcher, SERVICE, "worker") for _ in range(members)]
    pids = {"worker": [worker.pid for worker in workers], **place.servers}
    try:
        first, last = await _watch(database, processes, REPORTED, events, pids)
    finally:
        processes.stop(*workers)
        await database.close()
    return _run_between(WORKERS[members], started, first, last)


async def through_floor(place: Place, processes: Processes, events: int, kind: str) -> Run:
    await place.rewind(SERVICE, REPORTED)
    started = monotonic()
    floor = processes.start("deploy.bench.floor", kind, str(events), f"floor-{started}", talks=True)
    pids = {"worker": [floor.pid], **place.servers}
    try:
        first, last = [await _told(processes, floor, pids) for _ in range(2)]
    finally:
        processes.stop(floor)
    return _run_between(f"floor, {kind}", started, first, last)


async def compare(place: Place, processes: Processes, events: int, *, rounds: int, say: Say) -> list[Run]:
    """The worker and its floors in turns. A first run is not counted: a young broker compiles more than it serves."""
    runs: list[Run] = []
    await through_workers(place, processes, events)
    for _ in range(rounds):
        workers = (through_workers(place, processes, events, members=members) for members in WORKERS)
        floors = (through_floor(place, processes, events, kind) for kind in FLOORS)
        for run in chain(workers, floors):
            runs.append(await run)
            say(f"  {runs[-1].what:16} {runs[-1].rate:9,.0f} events/s")
    return runs


async def profile(place: Place, processes: Processes, events: int) -> list[dict[str, Any]]:
    """Where the CPU time of the worker goes, by function."""
    file = place.log.with_name("profile")
    await through_workers(place, processes, events, launcher=("deploy.bench.profiled", str(file)))
    found: list[dict[str, Any]] = orjson.loads(file.read_bytes())
    return found[:PROFILED_FUNCTIONS]


def median_rate(runs: Sequence[Run], what: str) -> float:
    return median(run.rate for run in runs if run.what == what)


async def _told(processes: Processes, floor: subprocess.Popen[str], pids: Pids) -> Mark:
    line = await asyncio.wait_for(asyncio.to_thread(processes.said_by, floor), STALL_SECONDS)
    at, events = line.split()
    return Mark(float(at), int(events), _cpu(pids))


async def _watch(database: Database, processes: Processes, of: Sequence[str], events: int, pids: Pids) -> tuple[Mark, Mark]:
    """The marks of the first batch and of the end, which is when all is applied and the outbox empty."""
    first: Mark | None = None
    done, moved = 0, monotonic()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        processes.refuse_ended()
        before, done = done, await _applied(database, of)
        if done != before:
            moved = monotonic()
            first = first or Mark(moved, done, _cpu(pids))
        if first and done >= events and await _is_published(database):
            return first, Mark(monotonic(), done, _cpu(pids))
        if monotonic() - moved > STALL_SECONDS:
            raise PartEnded(f"{done} of {events} events are applied, and no more since {STALL_SECONDS:.0f} s")


async def _applied(database: Database, of: Sequence[str]) -> int:
    query = sa.select(sa.func.coalesce(sa.func.sum(WATERMARKS.c.next_offset), 0)).where(WATERMARKS.c.topic.in_(of))
    async with database.reading() as connection:
        return int(await connection.scalar(query) or 0)


async def _is_published(database: Database) -> bool:
    async with database.reading() as connection:
        return not await connection.scalar(sa.select(sa.exists(sa.select(OUTBOX.c.id))))


def _cpu(pids: Pids) -> dict[str, float]:
    return {name: sum(map(cpu_seconds, of_name)) for name, of_name in pids.items()}


def _run_between(what: str, started: float, first: Mark, last: Mark) -> Run:
    events = last.events - first.events
    if not events:
        raise PartEnded("The first batch was all there was: take more events")
    cpu = {name: (last.cpu[name] - first.cpu[name]) / events * 1e6 for name in first.cpu}
    return Run(what, events, first.at - started, last.at - first.at, cpu)
