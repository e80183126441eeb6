"""Statements about birthdays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.facts import OWN_SOURCE
from services.customer.tables import BIRTHDAY_BACKFILL, BIRTHDAYS, CUSTOMERS, FACTS
from shared.database import Transaction, among, insert_rows


async def save(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: row["customer_id"])
    await insert_rows(tx, BIRTHDAYS, ordered, key=("customer_id",), merge=dict.fromkeys(("key", "zone", "year"), "replace"))


async def delete(tx: Transaction, customer_ids: Collection[str]) -> None:
    await tx.execute(BIRTHDAYS.delete().where(among(tx, BIRTHDAYS.c.customer_id, customer_ids)))


async def zones(tx: Transaction, keys: Collection[str], *, year: int) -> list[str]:
    """Of those with one of these keys who were not looked at in this year."""
    query = sa.select(BIRTHDAYS.c.zone).where(BIRTHDAYS.c.key.in_(keys), BIRTHDAYS.c.year < year).distinct()
    return sorted(await tx.scalars(query))


async def due(tx: Transaction, keys: Collection[str], zones: Collection[str], *, year: int, limit: int) -> dict[str, str]:
    """Customer -> zone, of some who were not looked at in this year."""
    query = sa.select(BIRTHDAYS.c.customer_id, BIRTHDAYS.c.zone).where(BIRTHDAYS.c.key.in_(keys), among(tx, BIRTHDAYS.c.zone, zones), BIRTHDAYS.c.year < year)
    return {row.customer_id: row.zone for row in await tx.execute(query.order_by(BIRTHDAYS.c.customer_id).limit(limit))}


async def told(tx: Transaction, fact_ids: Collection[str]) -> set[str]:
    """Those of them that are there."""
    return set(await tx.scalars(sa.select(FACTS.c.id).where(FACTS.c.source == OWN_SOURCE, among(tx, FACTS.c.id, fact_ids))))


async def looked_at(tx: Transaction, customer_ids: Collection[str], keys: Collection[str], *, year: int) -> None:
    """In this year; not those whose date changed meanwhile."""
    which = (among(tx, BIRTHDAYS.c.customer_id, customer_ids), BIRTHDAYS.c.key.in_(keys))
    await tx.execute(sa.update(BIRTHDAYS).where(*which).values(year=year))


async def backfilled_to(tx: Transaction, now: datetime) -> str | None:
    """The id from where to go on; None: there is nothing to do, or it is too early."""
    reached: str | None = await tx.scalar(sa.select(BIRTHDAY_BACKFILL.c.reached).where(BIRTHDAY_BACKFILL.c.starts_at <= now))
    return reached


async def customers_after(tx: Transaction, customer_id: str, *, limit: int) -> list[str]:
    query = sa.select(CUSTOMERS.c.customer_id).where(CUSTOMERS.c.customer_id > customer_id, CUSTOMERS.c.survivor_id.is_(None))
    return list(await tx.scalars(query.order_by(CUSTOMERS.c.customer_id).limit(limit)))


async def backfilled(tx: Transaction, *, to: str | None) -> None:
    """None: all are in the index."""
    await tx.execute(sa.update(BIRTHDAY_BACKFILL).values(reached=to) if to else sa.delete(BIRTHDAY_BACKFILL))
