"""Take a piece of a file in, as the events that its rows stand for: by the same way, and under the same rules, as from the bus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.customer.repository import importing as repository
from services.customer.repository.registry import book
from services.customer.use_cases.attribution import MOVED_PARTITION
from services.customer.use_cases.recording import Report, take_in
from services.customer.use_cases.work import Work
from shared import clock
from shared.contracts.envelope import Event, Payload
from shared.database import Transaction
from shared.errors import Conflict
from shared.pii import Keyring

OUTCOMES = ("applied", "duplicate", "parked")


async def take_piece(
    tx: Transaction, keyring: Keyring, fingerprint: str, events: Sequence[Event[Payload]], *, rows_before: int, changes: dict[str, int]
) -> dict[str, int]:
    """How many of the events came to which end. The run moves on in the same transaction; raises Conflict when another process moved it."""
    work = Work(tx, keyring, clock.now())
    reports = [Report.of(event, event.data.topic, MOVED_PARTITION, keyring) for event in events]
    for (topic, source), count in Counter((report.topic, report.event.source) for report in reports).items():
        work.count(topic, MOVED_PARTITION, source, "accepted", count)
    await take_in(work, reports)
    await book(tx, work.books)
    outcome = Counter[str]()
    for entry, count in work.books.items():
        outcome[entry.outcome] += count
    came_to = {name: outcome[name] for name in OUTCOMES}
    if not await repository.advance(tx, fingerprint, rows_before=rows_before, changes=changes | came_to, at=clock.wall()):
        raise Conflict("another process imports this file")
    return came_to
