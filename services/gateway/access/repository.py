"""Statements on API keys, refusals and usage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.gateway.tables import API_KEYS, REFUSALS, USAGE
from shared.database import Transaction, among, insert_rows

REFUSAL = ("minute", "client", "address", "code", "reason")

Row = Mapping[str, Any]


async def insert_key(tx: Transaction, row: Row) -> None:
    await insert_rows(tx, API_KEYS, [row])


async def find_key(tx: Transaction, key_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(API_KEYS).where(API_KEYS.c.key_id == key_id))).one_or_none()


async def list_keys(tx: Transaction, *, client: str | None, after: str, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(API_KEYS).where(API_KEYS.c.key_id > after).order_by(API_KEYS.c.key_id).limit(limit)
    return (await tx.execute(query if client is None else query.where(API_KEYS.c.client == client))).all()


async def revoke_key(tx: Transaction, key_id: str, *, at: datetime, by: str) -> None:
    """Who was first stays."""
    await tx.execute(sa.update(API_KEYS).where(API_KEYS.c.key_id == key_id, API_KEYS.c.revoked_at.is_(None)).values(revoked_at=at, revoked_by=by))


async def mark_used(tx: Transaction, key_ids: Collection[str], at: datetime) -> None:
    if key_ids:
        await tx.execute(sa.update(API_KEYS).where(among(tx, API_KEYS.c.key_id, key_ids)).values(last_used_at=at))


async def add_refusals(tx: Transaction, rows: Sequence[Row]) -> None:
    """Sorted by key."""
    await insert_rows(tx, REFUSALS, rows, key=REFUSAL, merge={"count": "add"})


async def list_refusals(tx: Transaction, *, client: str | None, before: Sequence[Any] | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    columns = [REFUSALS.c[name] for name in REFUSAL]
    query = sa.select(REFUSALS).order_by(*(column.desc() for column in columns)).limit(limit)
    if before:
        query = query.where(sa.tuple_(*columns) < sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(before, columns, strict=True))))
    return (await tx.execute(query if client is None else query.where(REFUSALS.c.client == client))).all()


async def add_usage(tx: Transaction, rows: Sequence[Row]) -> Sequence[sa.Row[Any]]:
    """Sorted by key. The sums of all processes."""
    return await insert_rows(tx, USAGE, rows, key=("day", "client"), merge={"requests": "add"}, returning=("day", "client", "requests"))


async def drop_before(tx: Transaction, at: datetime) -> None:
    await tx.execute(REFUSALS.delete().where(REFUSALS.c.minute < at))
    await tx.execute(USAGE.delete().where(USAGE.c.day < at.date()))
