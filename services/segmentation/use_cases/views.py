"""What is asked of segmentation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from services.segmentation.patterns import is_open
from services.segmentation.repository import alerts, customers, standings
from services.segmentation.repository import rfm as repository
from services.segmentation.rfm import snapshot_of
from services.segmentation.use_cases import rules as ruling
from services.segmentation.words import SEGMENTS
from shared import clock
from shared.database import Transaction
from shared.errors import Gone, NotFound

Document = dict[str, Any]


async def customer(tx: Transaction, customer_id: str) -> Document:
    """Features, scores, standing and open alerts; of one who was merged, those of who carries on. Raises NotFound, Gone."""
    features = await there(tx, customer_id)
    now = clock.now()
    parameters = (await ruling.in_force(tx, now)).parameters.patterns
    still_open = [alerted["alert_id"] for alerted in features.alerted.values() if is_open(alerted, now=now, parameters=parameters)]
    return {
        "customer_id": features.customer_id,
        "features": features,
        "rfm": (await repository.rfm_of(tx, [features.customer_id])).get(features.customer_id),
        "standing": (await standings.of(tx, [features.customer_id])).get(features.customer_id),
        "open_alerts": await alerts.get_alerts(tx, still_open),
    }


async def customer_as_of(tx: Transaction, customer_id: str, moment: datetime) -> Document:
    """What was known then: the scores, where they stood, and the alerts whose cool-down was not over. Features are not kept. Raises NotFound, Gone."""
    await there(tx, customer_id)
    rfm_id, rfm = await known(partial(repository.rfm_as_of, tx), customer_id, moment)
    standing_id, standing = await known(partial(standings.as_of, tx), customer_id, moment)
    carries_on = standing_id if standing_id != customer_id else rfm_id
    cool_down = timedelta(days=(await ruling.in_force(tx, moment)).parameters.patterns.cool_down_days)
    return {
        "customer_id": carries_on,
        "features": None,
        "rfm": rfm,
        "standing_then": standing,
        "open_alerts": await alerts.alerts_between(tx, carries_on, moment - cool_down, moment),
    }


async def known(read: Callable[[str, datetime], Awaitable[sa.Row[Any] | None]], customer_id: str, moment: datetime) -> tuple[str, sa.Row[Any] | None]:
    """What a history says of a customer, or of who carried on for them by then; None: nothing any more."""
    row, seen = await read(customer_id, moment), {customer_id}
    while row is not None and row.merged_into and row.merged_into not in seen:
        customer_id = row.merged_into
        seen.add(customer_id)
        row = await read(customer_id, moment)
    return customer_id, row if row is not None and row.dropped is None else None


async def there(tx: Transaction, customer_id: str) -> sa.Row[Any]:
    """The features row, of one who was merged that of who carries on. Raises NotFound, Gone."""
    features = await customers.get_features(tx, customer_id)
    if features is not None and features.merged_into:
        survivor_id = await customers.find_survivor(tx, customer_id)
        features = await customers.get_features(tx, survivor_id) if survivor_id else None
    if features is None:
        raise NotFound(f"no customer {customer_id}")
    if features.erased:
        raise Gone(f"{customer_id} was erased")
    return features


async def segments(tx: Transaction) -> list[Document]:
    """Customers per population and segment, and the cut that the stream scores by now. Who came back is not counted as new."""
    cuts = await repository.newest_cuts(tx)
    parameters = (await ruling.in_force(tx, clock.now())).parameters.rfm
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SEGMENTS, 0))
    returned: dict[str, int] = defaultdict(int)
    for row in await repository.segment_counts(tx):
        if row.returned and row.segment == "new":
            returned[row.population] += row.customers
        counts[row.population][row.segment] += 0 if row.returned and row.segment == "new" else row.customers
    return [
        {
            "population": population,
            "cut_version": snapshot_of(cuts.get(population), parameters.of(population)).version,
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
