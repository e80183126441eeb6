"""What is asked of segmentation."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.segmentation import repository
from services.segmentation.patterns import PARAMETERS, is_open
from services.segmentation.rfm import BUILT_IN
from services.segmentation.segments import SEGMENTS
from shared import clock
from shared.database import Transaction
from shared.errors import Gone, NotFound

Document = dict[str, Any]


async def customer(tx: Transaction, customer_id: str) -> Document:
    """Features, scores and open alerts; of one who was merged, those of who carries on. Raises NotFound, Gone."""
    features = await _features(tx, customer_id)
    still_open = [alerted["alert_id"] for alerted in features.alerted.values() if is_open(alerted, now=clock.now())]
    return {
        "customer_id": features.customer_id,
        "features": features,
        "rfm": (await repository.rfm_of(tx, [features.customer_id])).get(features.customer_id),
        "open_alerts": await repository.get_alerts(tx, still_open),
    }


async def customer_as_of(tx: Transaction, customer_id: str, moment: datetime) -> Document:
    """What was known then: the scores, and the alerts whose cool-down was not over. Features are not kept. Raises NotFound, Gone."""
    await _features(tx, customer_id)
    rfm, seen = await repository.rfm_as_of(tx, customer_id, moment), {customer_id}
    while rfm is not None and rfm.merged_into and rfm.merged_into not in seen:
        customer_id = rfm.merged_into
        seen.add(customer_id)
        rfm = await repository.rfm_as_of(tx, customer_id, moment)
    return {
        "customer_id": customer_id,
        "features": None,
        "rfm": rfm if rfm and rfm.dropped is None else None,
        "open_alerts": await repository.alerts_between(tx, customer_id, moment - timedelta(days=PARAMETERS.cool_down_days), moment),
    }


async def _features(tx: Transaction, customer_id: str) -> sa.Row[Any]:
    features = await repository.get_features(tx, customer_id)
    if features is not None and features.merged_into:
        survivor_id = await repository.find_survivor(tx, customer_id)
        features = await repository.get_features(tx, survivor_id) if survivor_id else None
    if features is None:
        raise NotFound(f"no customer {customer_id}")
    if features.erased:
        raise Gone(f"{customer_id} was erased")
    return features


async def segments(tx: Transaction) -> list[Document]:
    """Customers per population and segment, and the cut that the stream scores by now. Who came back is not counted as new."""
    cuts = await repository.newest_cuts(tx)
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SEGMENTS, 0))
    returned: dict[str, int] = defaultdict(int)
    for row in await repository.segment_counts(tx):
        if row.returned and row.segment == "new":
            returned[row.population] += row.customers
        counts[row.population][row.segment] += 0 if row.returned and row.segment == "new" else row.customers
    return [
        {
            "population": population,
            "cut_version": cuts.get(population, BUILT_IN).version,
            "customers": sum(found.values()) + returned[population],
            "segments": found,
            "returned": returned[population],
        }
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
