"""Outages put together with the customers who were in their cells, whichever is reported first.

1. A quality summary is put down as visits, and told of the outages known by then, in the batch that brought it.
2. An outage waits until every batch that may not have seen it is through, and is then told to those who visited its cell.
What both find is one fact, by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.customer.facts import Document, OwnFact, Stored
from services.customer.network_faults import Visit, met
from services.customer.repository import network_faults as repository
from shared import clock
from shared.contracts.network import OutageReported, QualitySummarised
from shared.database import Transaction

KEPT = timedelta(days=35)


async def follow(tx: Transaction, stored: Sequence[Stored], profiles: Mapping[str, Document]) -> list[OwnFact]:
    visits = {
        Visit(cell.cell_id, one.customer_id, one.payload.period_start, one.payload.period_end)
        for one in stored
        if type(one.payload) is QualitySummarised and one.payload.period_end > clock.now() - KEPT
        for cell in one.payload.cells
    }
    if not visits:
        return []
    await repository.save_visits(tx, visits)
    known = await repository.outages(tx, {visit.cell_id for visit in visits})
    return list({fact.id: fact for fact in met(visits, known)}.values())


async def note_outages(tx: Transaction, stored: Sequence[Stored]) -> None:
    """Of facts about cells: those are for nobody until they are told."""
    rows = [
        {"source": one.source, "id": one.id, "cell_id": one.subject.removeprefix("cell:"), "noted_at": clock.wall(), "told_to": ""}
        for one in stored
        if one.type == OutageReported.type
    ]
    await repository.note_untold(tx, sorted(rows, key=lambda row: (row["source"], row["id"])))
