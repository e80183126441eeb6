"""Which outages a customer met: they were served by the cell while it was down.

Quality summaries say in which cells a customer was served badly, and when; outages say which cell was down, and when. Either
may be reported first.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from services.customer.facts import OwnFact
from shared.contracts.customer import NetworkFaultEnded, NetworkFaultMet

# Of an outage whose end nobody reported: later trouble in the cell is hardly the same.
LONGEST = timedelta(days=2)
# The end of an outage is often a report of its own: both are one fault, named by cell and start.
_NAMES = uuid.UUID("0c6d4a0e-2f0b-4a53-9d53-7c1b0c9d1a77")


class Outage(NamedTuple):
    cell_id: str
    kind: Literal["outage", "degraded", "fault"]
    started_at: datetime
    ended_at: datetime | None

    @property
    def until(self) -> datetime:
        return min(self.ended_at or self.started_at + LONGEST, self.started_at + LONGEST)


class Visit(NamedTuple):
    """The customer was served by the cell between the two moments."""

    cell_id: str
    customer_id: str
    since: datetime
    until: datetime


def met(visits: Iterable[Visit], outages: Iterable[Outage]) -> Iterator[OwnFact]:
    """What to report: one fact per customer and fault, and another one once its end is known."""
    by_cell: dict[str, list[Outage]] = {}
    for outage in outages:
        by_cell.setdefault(outage.cell_id, []).append(outage)
    for visit in visits:
        for outage in by_cell.get(visit.cell_id, ()):
            if outage.started_at < visit.until and visit.since < outage.until:
                name = uuid.uuid5(_NAMES, f"{outage.cell_id}|{outage.started_at.isoformat()}|{visit.customer_id}")
                payload = NetworkFaultMet(cell_id=outage.cell_id, kind=outage.kind, started_at=outage.started_at)
                yield OwnFact(visit.customer_id, f"fault:{name}", payload, outage.started_at)
                if outage.ended_at:
                    ended = NetworkFaultEnded(cell_id=outage.cell_id, kind=outage.kind, started_at=outage.started_at, ended_at=outage.ended_at)
                    yield OwnFact(visit.customer_id, f"fault-ended:{name}", ended, outage.ended_at)
