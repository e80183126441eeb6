"""Households and closed user groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from services.segmentation.tables import GROUPS, MEMBERS
from shared.database import Transaction, among, insert_rows


async def of_customers(tx: Transaction, customer_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(MEMBERS).where(among(tx, MEMBERS.c.customer_id, customer_ids)))).all()


async def save_members(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: (str(row["group_id"]), str(row["customer_id"])))
    await insert_rows(tx, MEMBERS, ordered, key=("group_id", "customer_id"), merge={"sign": "replace", "sign_on": "replace"})


async def remove_members(tx: Transaction, members: Iterable[tuple[str, str]]) -> None:
    """By group and customer."""
    for group_id, customer_id in sorted(members):
        await tx.execute(MEMBERS.delete().where(MEMBERS.c.group_id == group_id, MEMBERS.c.customer_id == customer_id))


async def mark_changed(tx: Transaction, group_ids: Iterable[str]) -> None:
    rows = [{"group_id": one, "changes": 1} for one in sorted(group_ids)]
    await insert_rows(tx, GROUPS, rows, key=("group_id",), merge={"changes": "add"})


async def changed(tx: Transaction, *, limit: int) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(GROUPS).where(GROUPS.c.changes > GROUPS.c.looked_at).order_by(GROUPS.c.group_id).limit(limit))).all()


async def members_of(tx: Transaction, group_id: str, *, limit: int) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(MEMBERS).where(MEMBERS.c.group_id == group_id).order_by(MEMBERS.c.customer_id).limit(limit))).all()


async def lock(tx: Transaction, group_id: str) -> sa.Row[Any]:
    return (await tx.execute(sa.select(GROUPS).where(GROUPS.c.group_id == group_id).with_for_update())).one()


async def note_looked_at(tx: Transaction, group_id: str, *, changes: int, raised_on: date | None) -> None:
    raised = raised_on.isoformat() if raised_on else None
    await tx.execute(sa.update(GROUPS).where(GROUPS.c.group_id == group_id).values(looked_at=changes, raised_on=raised))
