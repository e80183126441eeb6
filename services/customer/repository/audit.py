"""Statements on the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.audit import Link
from services.customer.tables import AUDIT_ANCHORS, AUDIT_LOG
from shared.database import Transaction, insert_rows


async def anchor(tx: Transaction, name: str, *, lock: bool = False) -> sa.Row[Any] | None:
    """Locked, it is the log's one lock: entries are put on one after the other, so the chain has no forks."""
    query = sa.select(AUDIT_ANCHORS).where(AUDIT_ANCHORS.c.name == name)
    return (await tx.execute(query.with_for_update() if lock else query)).one_or_none()


async def insert_anchors(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Those that are not there yet."""
    await insert_rows(tx, AUDIT_ANCHORS, rows, key=("name",))


async def move_anchor(tx: Transaction, name: str, link: Link, signature: str) -> None:
    await tx.execute(sa.update(AUDIT_ANCHORS).where(AUDIT_ANCHORS.c.name == name).values(**link._asdict(), signature=signature))


async def insert_entries(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, AUDIT_LOG, rows)


async def entries_after(tx: Transaction, entry_id: int, *, limit: int) -> Sequence[sa.Row[Any]]:
    """In the chain's order."""
    return (await tx.execute(sa.select(AUDIT_LOG).where(AUDIT_LOG.c.entry_id > entry_id).order_by(AUDIT_LOG.c.entry_id).limit(limit))).all()


async def first_entry_id(tx: Transaction) -> int | None:
    first: int | None = await tx.scalar(sa.select(sa.func.min(AUDIT_LOG.c.entry_id)))
    return first


async def delete_entries(tx: Transaction, *, up_to: int) -> int:
    return (await tx.execute(AUDIT_LOG.delete().where(AUDIT_LOG.c.entry_id <= up_to))).rowcount


async def last_entry_before(tx: Transaction, at: datetime, *, after: int, limit: int) -> Any:
    """The last of the first `limit` entries after `after` if they are all older than `at`; else the last that is."""
    page = sa.select(AUDIT_LOG).where(AUDIT_LOG.c.entry_id > after).order_by(AUDIT_LOG.c.entry_id).limit(limit).subquery()
    query = sa.select(page.c.entry_id, page.c.hash).where(page.c.at < at).order_by(page.c.entry_id.desc()).limit(1)
    return (await tx.execute(query)).one_or_none()


async def list_entries(tx: Transaction, *, customer_id: str | None, actor: str | None, action: str | None, before: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(AUDIT_LOG).where(AUDIT_LOG.c.entry_id < before).order_by(AUDIT_LOG.c.entry_id.desc()).limit(limit)
    for column, value in ((AUDIT_LOG.c.customer_id, customer_id), (AUDIT_LOG.c.actor, actor), (AUDIT_LOG.c.action, action)):
        query = query if value is None else query.where(column == value)
    return (await tx.execute(query)).all()
