"""One data set on its way through the system: published as fast as the bus takes it, then followed until all is applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from itertools import islice
from typing import NamedTuple

from rich.progress import Progress

from deploy.replay.events import message_of
from deploy.replay.system import System
from deploy.replay.table import Source, Table
from shared import clock
from shared.bus import Bus, Message
from shared.bus.opening import open_bus
from shared.settings import Settings

BATCH = 1000
LOOK_EVERY_BATCHES = 20
DECISIONS = "SELECT CASE WHEN failed_gate IS NULL THEN verdict ELSE verdict || ', ' || failed_gate END, count(*) FROM decisions GROUP BY 1 ORDER BY 1"


class Result(NamedTuple):
    sent: int
    skipped: Counter[str]
    books: Counter[str]
    """What became of the events in this run: accepted = applied + duplicate + parked + dead."""
    agrees: bool
    """Whether the books are balanced and are what is stored."""
    customer_seconds: float
    """From the first event published to the last one applied by customer; then by everyone."""
    seconds: float
    recut_seconds: float
    segments: dict[str, dict[str, int]]
    warnings: dict[str, int]
    decisions: dict[str, int]


async def run_through(source: Source, table: Table, as_of: date, *, settings: Settings, system: System, progress: Progress) -> Result:
    before, started = await system.books(source.SOURCE), clock.monotonic()
    skipped = Counter[str]()
    sending, taking = progress.add_task("sent", total=None), progress.add_task("taken in by customer", total=None)

    async def taken() -> int:
        accepted = (await system.books(source.SOURCE) - before)["accepted"]
        progress.update(taking, completed=accepted)
        return accepted

    sent = 0
    async with _opened(settings) as bus:
        for number, batch in enumerate(_batches(message_of(one, source.SOURCE) for one in source.events(table, skipped))):
            await bus.publish(batch)
            sent += len(batch)
            progress.update(sending, completed=sent)
            if number % LOOK_EVERY_BATCHES == 0:
                await taken()
    for bar in (sending, taking):
        progress.update(bar, total=sent)

    async def outstanding() -> int:
        return sent - await taken()

    await system.until_nothing(outstanding, "customer stands still")
    customer_seconds = clock.monotonic() - started
    await _settle(system, progress)
    seconds = clock.monotonic() - started
    await system.recut(as_of)
    recut_seconds = clock.monotonic() - started - seconds
    await _settle(system, progress)
    return Result(
        sent=sent,
        skipped=skipped,
        books=await system.books(source.SOURCE) - before,
        agrees=await system.agrees(),
        customer_seconds=customer_seconds,
        seconds=seconds,
        recut_seconds=recut_seconds,
        segments=await system.segments(),
        warnings=await system.tally("segmentation", "SELECT kind, count(*) FROM alerts GROUP BY kind"),
        decisions=await system.tally("retention", DECISIONS),
    )


async def _settle(system: System, progress: Progress) -> None:
    waiting = progress.add_task("", total=None)
    await system.settle(lambda service, left: progress.update(waiting, description=f"left for {service}", completed=left))
    progress.remove_task(waiting)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Bus]:
    bus = open_bus(settings)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


def _batches(messages: Iterator[Message]) -> Iterator[list[Message]]:
    while batch := list(islice(messages, BATCH)):
        yield batch
