"""Parameter sets, from draft to force, and the customers that a preview looks at."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from services.segmentation.tables import FEATURES, PARAMETER_SETS, RFM, STANDINGS
from shared.database import Transaction, among

IDS_READ = 20_000

_SETS = PARAMETER_SETS.c


async def in_force(tx: Transaction, moment: datetime) -> sa.Row[Any] | None:
    """The newest that was approved, effective and not rolled back at a moment, also one gone by; None: the built-in ones."""
    holds = sa.or_(_SETS.rolled_back_at.is_(None), _SETS.rolled_back_at > moment)
    query = sa.select(PARAMETER_SETS).where(_SETS.state.in_(("approved", "rolled_back")), _SETS.effective_from <= moment, holds)
    return (await tx.execute(query.order_by(_SETS.version.desc()).limit(1))).one_or_none()


async def newest_approved(tx: Transaction) -> sa.Row[Any] | None:
    """Whether effective yet or not; None: the built-in ones."""
    query = sa.select(PARAMETER_SETS).where(_SETS.state == "approved").order_by(_SETS.version.desc()).limit(1)
    return (await tx.execute(query)).one_or_none()


async def next_in_force(tx: Transaction, now: datetime) -> sa.Row[Any] | None:
    """The first of those that are approved and not effective yet."""
    query = sa.select(PARAMETER_SETS).where(_SETS.state == "approved", _SETS.effective_from > now)
    return (await tx.execute(query.order_by(_SETS.effective_from, _SETS.version.desc()).limit(1))).one_or_none()


async def get(tx: Transaction, version: int) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(PARAMETER_SETS).where(_SETS.version == version))).one_or_none()


async def lock(tx: Transaction) -> None:
    """One at a time drafts or decides. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        await tx.execute(sa.text("LOCK TABLE parameter_sets IN EXCLUSIVE MODE"))


async def newest_version(tx: Transaction) -> int:
    return await tx.scalar(sa.select(sa.func.max(_SETS.version))) or 0


async def insert(tx: Transaction, **columns: Any) -> None:
    await tx.execute(sa.insert(PARAMETER_SETS).values(**columns))


async def update(tx: Transaction, version: int, **columns: Any) -> None:
    await tx.execute(sa.update(PARAMETER_SETS).where(_SETS.version == version).values(**columns))


async def roll_back(tx: Transaction, since: int, **columns: Any) -> list[int]:
    """Every approved version from `since` on; which these were."""
    query = sa.update(PARAMETER_SETS).where(_SETS.state == "approved", _SETS.version >= since).values(state="rolled_back", **columns)
    return sorted((await tx.scalars(query.returning(_SETS.version))).all())


async def list_newest(tx: Transaction, *, before: int | None, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(PARAMETER_SETS).order_by(_SETS.version.desc()).limit(limit)
    return (await tx.execute(query if before is None else query.where(_SETS.version < before))).all()


async def count_standing(tx: Transaction) -> int:
    """Customers who stand somewhere."""
    return await tx.scalar(sa.select(sa.func.count()).select_from(STANDINGS)) or 0


async def sample(tx: Transaction, limit: int) -> Sequence[str]:
    """Customers who stand somewhere, by a hash of their ids: the same ones as long as nobody comes or goes, and any first part of
    them is a fair sample too. A server hashes in its own way: there all ids would take seconds on the way here."""
    customer_id = STANDINGS.c.customer_id
    if tx.dialect.name == "postgresql":
        query = sa.select(customer_id).order_by(sa.func.hashtextextended(customer_id, 0), customer_id).limit(limit)
        return (await tx.scalars(query)).all()
    chosen: list[str] = []
    last = ""
    while ids := (await tx.scalars(sa.select(customer_id).where(customer_id > last).order_by(customer_id).limit(IDS_READ))).all():
        chosen, last = heapq.nsmallest(limit, [*chosen, *ids], key=_hash), ids[-1]
    return chosen


def _hash(customer_id: str) -> bytes:
    return blake2b(customer_id.encode(), digest_size=8).digest()


async def purchases_among(tx: Transaction, customer_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """What cut points are found in, of those among them who bought, with what decides whom they are scored among."""
    columns = (RFM.c.last_day, RFM.c.frequency, RFM.c.monetary_minor, FEATURES.c.customer_id, FEATURES.c.brand, FEATURES.c.payment_type)
    query: sa.Select[Any] = sa.select(*columns).select_from(RFM.join(FEATURES, RFM.c.customer_id == FEATURES.c.customer_id))
    rows: Sequence[sa.Row[Any]] = (await tx.execute(query.where(among(tx, RFM.c.customer_id, customer_ids)))).all()
    return rows
