"""The full re-cut: new cut points over everybody, then everybody scored by them, in steps that a crash can come between.

1. A row in `recuts` asks for it, once a business day or over HTTP.
2. The next step finds the cut points. From its commit on, the stream scores by them too.
3. Each further step scores a page of customers and notes how far it came. The newest re-cut is the one that is carried on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from services.segmentation import repository
from services.segmentation.rfm import Cut
from services.segmentation.use_cases.scoring import score_held
from shared import clock, telemetry
from shared.database import Transaction
from shared.errors import InvalidRequest

PAGE = 2_000
MEASURES: Mapping[str, str] = {"r": "last_day", "f": "frequency", "m": "monetary_minor"}
EARLY = timedelta(days=1)  # how far a source's clock may run ahead

log = telemetry.logger()


async def request(tx: Transaction, *, as_of: date | None) -> dict[str, Any]:
    """Ask for a re-cut, with recency counted to `as_of` or else to today. Raises InvalidRequest."""
    today = clock.now().date()
    if as_of and as_of > today + EARLY:
        raise InvalidRequest(f"as_of {as_of} lies in the future")
    newest_day = await repository.newest_purchase_day(tx)
    if as_of and newest_day and as_of < newest_day - EARLY:
        raise InvalidRequest(f"as_of {as_of} is before the newest purchase, of {newest_day}: it can not be left out")
    await repository.lock_recuts(tx)
    newest = await repository.newest_recut(tx)
    version = await _ask(tx, newest, as_of=as_of or today, made_by="request")
    return {"version": version, "as_of": (as_of or today).isoformat(), "state": "waiting"}


async def carry_on(tx: Transaction, *, page: int = PAGE) -> bool:
    """One step of the newest re-cut; whether there is another one to take."""
    await repository.lock_recuts(tx)
    newest = await repository.newest_recut(tx)
    if newest is None or newest.finished_at:
        return await _ask_daily(tx, newest)
    if newest.cut_at is None:
        return await _cut(tx, newest)
    return await _score_page(tx, newest, page)


async def _ask_daily(tx: Transaction, newest: sa.Row[Any] | None) -> bool:
    today = clock.now().date()
    if (newest and newest.requested_at.date() >= today) or not await repository.anyone_scored(tx):
        return False
    await _ask(tx, newest, as_of=today, made_by="schedule")
    return True


async def _ask(tx: Transaction, newest: sa.Row[Any] | None, *, as_of: date, made_by: Literal["schedule", "request"]) -> int:
    version = newest.version + 1 if newest else 1
    await repository.insert_recut(tx, version=version, as_of=as_of.isoformat(), made_by=made_by, requested_at=clock.now())
    return version


async def _cut(tx: Transaction, recut: sa.Row[Any]) -> bool:
    as_of = date.fromisoformat(recut.as_of)
    points: dict[str, dict[str, tuple[int, ...]]] = {}
    customers: dict[str, int] = {}
    for measure, column in MEASURES.items():
        cuts: dict[str, Cut] = {}
        async for population, count, value, holders in repository.histogram(tx, column):
            customers[population] = count
            worth = (as_of - date.fromisoformat(value)).days if measure == "r" else value
            cuts.setdefault(population, Cut(count)).add(worth, holders)
        for population, cut in cuts.items():
            points.setdefault(population, {})[measure] = cut.points
    rows = [{"population": one, "version": recut.version, "points": points[one], "customers": customers[one]} for one in sorted(points)]
    await repository.insert_cuts(tx, rows)
    await repository.update_recut(tx, recut.version, cut_at=clock.now())
    return True


async def _score_page(tx: Transaction, recut: sa.Row[Any], page: int) -> bool:
    now = clock.now()
    customer_ids = await repository.scored_after(tx, recut.scored_to, limit=page)
    if not customer_ids:
        await repository.update_recut(tx, recut.version, finished_at=now)
        log.info("recut_finished", version=recut.version, customers=recut.customers)
        return False
    held = await repository.hold(tx, customer_ids, now)
    changed = await score_held(tx, held, customer_ids, as_of=date.fromisoformat(recut.as_of), now=now)
    done = {"scored_to": customer_ids[-1], "customers": recut.customers + len(customer_ids), "changed": recut.changed + changed}
    await repository.update_recut(tx, recut.version, **done)
    return True
