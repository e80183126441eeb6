"""Statements about the customers' own keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from services.customer.tables import DATA_KEYS
from shared.database import Transaction, among, insert_rows


async def keys_by_owner(tx: Transaction, owners: Collection[str]) -> Sequence[sa.Row[Any]]:
    """Destroyed ones too."""
    return (await tx.execute(sa.select(DATA_KEYS).where(among(tx, DATA_KEYS.c.customer_id, owners)))).all()


async def keys_by_id(tx: Transaction, key_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """Those that are not destroyed."""
    query = sa.select(DATA_KEYS).where(among(tx, DATA_KEYS.c.key_id, key_ids), DATA_KEYS.c.wrapped.is_not(None))
    return (await tx.execute(query)).all()


async def insert_keys(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, DATA_KEYS, rows)


async def keys_under(tx: Transaction, master_ids: Collection[str], *, limit: int) -> Sequence[sa.Row[Any]]:
    """Some that are wrapped under one of these masters, locked; those that somebody else has locked are left to them."""
    query = sa.select(DATA_KEYS).where(among(tx, DATA_KEYS.c.master_id, master_ids), DATA_KEYS.c.wrapped.is_not(None))
    return (await tx.execute(query.limit(limit).with_for_update(skip_locked=True))).all()


async def save_keys(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, DATA_KEYS, rows, key=("key_id",), merge={"master_id": "replace", "wrapped": "replace"})


async def count_keys(tx: Transaction) -> Sequence[sa.Row[Any]]:
    """Living and destroyed ones by master."""
    living, destroyed = sa.func.count(DATA_KEYS.c.wrapped).label("living"), sa.func.count(DATA_KEYS.c.destroyed_at).label("destroyed")
    query = sa.select(DATA_KEYS.c.master_id, living, destroyed).group_by(DATA_KEYS.c.master_id).order_by(DATA_KEYS.c.master_id)
    return (await tx.execute(query)).all()
