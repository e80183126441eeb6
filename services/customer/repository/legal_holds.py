"""Statements about legal holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.facts import OWN_SOURCE
from services.customer.legal_holds import LIFTED, PLACED
from services.customer.tables import FACTS, LEGAL_HOLDS
from shared.database import Transaction, among, insert_rows


async def insert(tx: Transaction, row: Mapping[str, Any]) -> None:
    await insert_rows(tx, LEGAL_HOLDS, [row])


async def get(tx: Transaction, hold_id: str) -> sa.Row[Any] | None:
    """Locked."""
    return (await tx.execute(sa.select(LEGAL_HOLDS).where(LEGAL_HOLDS.c.hold_id == hold_id).with_for_update())).one_or_none()


async def lift(tx: Transaction, hold_id: str, *, at: datetime, actor: str) -> None:
    await tx.execute(sa.update(LEGAL_HOLDS).where(LEGAL_HOLDS.c.hold_id == hold_id).values(lifted_at=at, lifted_by=actor))


async def of(tx: Transaction, customer_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    query = sa.select(LEGAL_HOLDS).where(among(tx, LEGAL_HOLDS.c.customer_id, customer_ids))
    return (await tx.execute(query.order_by(LEGAL_HOLDS.c.placed_at, LEGAL_HOLDS.c.hold_id))).all()


async def untold(tx: Transaction, *, limit: int) -> Sequence[sa.Row[Any]]:
    """Those in force of which there is no fact, and those that are over though only their beginning was told."""
    in_force = LEGAL_HOLDS.c.lifted_at.is_(None)
    which = sa.or_(sa.and_(in_force, ~_told(PLACED)), sa.and_(~in_force, _told(PLACED), ~_told(LIFTED)))
    return (await tx.execute(sa.select(LEGAL_HOLDS).where(which).order_by(LEGAL_HOLDS.c.hold_id).limit(limit))).all()


def _told(prefix: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(FACTS.c.source == OWN_SOURCE, FACTS.c.id == sa.literal(prefix) + LEGAL_HOLDS.c.hold_id)
