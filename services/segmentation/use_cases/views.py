"""What is asked of segmentation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from services.segmentation import repository
from services.segmentation.patterns import is_open
from services.segmentation.rfm import BUILT_IN
from services.segmentation.segments import SEGMENTS
from shared import clock
from shared.database import Transaction
from shared.errors import NotFound

Document = dict[str, Any]


async def customer(tx: Transaction, customer_id: str) -> Document:
    """Features, scores and open alerts. Raises NotFound."""
    features = await repository.get_features(tx, customer_id)
    if features is None:
        raise NotFound(f"no customer {customer_id}")
    still_open = [alerted["alert_id"] for alerted in features.alerted.values() if is_open(alerted, now=clock.now())]
    return {
        "customer_id": customer_id,
        "features": features,
        "rfm": (await repository.rfm_of(tx, [customer_id])).get(customer_id),
        "open_alerts": await repository.get_alerts(tx, still_open),
    }


async def segments(tx: Transaction) -> list[Document]:
    """Customers per population and segment, and the cut that the stream scores by now."""
    cuts = await repository.newest_cuts(tx)
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SEGMENTS, 0))
    for row in await repository.segment_counts(tx):
        counts[row.population][row.segment] = row.customers
    return [
        {"population": population, "cut_version": cuts.get(population, BUILT_IN).version, "customers": sum(found.values()), "segments": found}
        for population, found in counts.items()
    ]


async def recuts(tx: Transaction, *, before: int | None, limit: int) -> list[Document]:
    """Newest first, with the cut points of each population."""
    newest = await repository.newest_recut(tx)
    rows = await repository.list_recuts(tx, before=before, limit=limit)
    cuts: dict[int, Document] = defaultdict(dict)
    for cut in await repository.cuts_of(tx, [row.version for row in rows]):
        cuts[cut.version][cut.population] = {"customers": cut.customers, **cut.points}
    return [{**row._mapping, "state": _state(row, newest), "populations": cuts[row.version]} for row in rows]


def _state(recut: sa.Row[Any], newest: sa.Row[Any] | None) -> str:
    if recut.finished_at:
        return "finished"
    if newest and newest.version > recut.version:
        return "superseded"
    return "scoring" if recut.cut_at else "waiting"
