"""Statements about potential customers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.customer.prospects import OpenStage, ProspectStage
from services.customer.tables import PROSPECT_KEYS, PROSPECTS
from shared.database import Instant, Transaction, among, insert_rows

IS_OPEN = PROSPECTS.c.converted_at.is_(None)


class Recognised(NamedTuple):
    """A prospect, and by what."""

    key: str
    prospect_id: str
    created_at: datetime


async def insert_prospect(tx: Transaction, row: Mapping[str, Any], keys: Collection[str]) -> None:
    await insert_rows(tx, PROSPECTS, [row])
    await insert_keys(tx, {(key, row["prospect_id"]) for key in keys})


async def insert_keys(tx: Transaction, keys: Collection[tuple[str, str]]) -> None:
    """(key, prospect id): those that are not there yet."""
    rows = [{"key": key, "prospect_id": prospect_id} for key, prospect_id in sorted(keys)]
    await insert_rows(tx, PROSPECT_KEYS, rows, key=("key", "prospect_id"))


async def open_among(tx: Transaction, prospect_ids: Collection[str]) -> set[str]:
    return set(await tx.scalars(sa.select(PROSPECTS.c.prospect_id).where(among(tx, PROSPECTS.c.prospect_id, prospect_ids), IS_OPEN)))


async def recognised(tx: Transaction, keys: Collection[str]) -> list[Recognised]:
    query = (
        sa.select(PROSPECT_KEYS.c.key, PROSPECTS.c.prospect_id, PROSPECTS.c.created_at)
        .join(PROSPECTS, PROSPECTS.c.prospect_id == PROSPECT_KEYS.c.prospect_id)
        .where(among(tx, PROSPECT_KEYS.c.key, keys), IS_OPEN)
        .order_by(PROSPECTS.c.prospect_id)
    )
    return [Recognised(*row) for row in await tx.execute(query)]


async def convert(tx: Transaction, prospect_id: str, *, customer_id: str, at: datetime, now: datetime) -> None:
    """Once: it is recognised by nothing any more."""
    values = {"stage": "converted", "customer_id": customer_id, "converted_at": at, "changed_at": now}
    await tx.execute(sa.update(PROSPECTS).where(PROSPECTS.c.prospect_id == prospect_id, IS_OPEN).values(**values))
    await tx.execute(PROSPECT_KEYS.delete().where(PROSPECT_KEYS.c.prospect_id == prospect_id))


async def set_stage(tx: Transaction, prospect_id: str, *, stage: OpenStage, agent: str | None, now: datetime) -> bool:
    """Whether it was open."""
    values = {"stage": stage, "changed_at": now} | ({"agent": agent} if agent else {})
    changed = await tx.execute(sa.update(PROSPECTS).where(PROSPECTS.c.prospect_id == prospect_id, IS_OPEN).values(**values))
    return bool(changed.rowcount)


async def get_prospect(tx: Transaction, prospect_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(PROSPECTS).where(PROSPECTS.c.prospect_id == prospect_id))).one_or_none()


async def list_prospects(
    tx: Transaction, *, source: str | None, stage: ProspectStage | None, before: tuple[datetime, str] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(PROSPECTS).order_by(PROSPECTS.c.created_at.desc(), PROSPECTS.c.prospect_id.desc()).limit(limit)
    for column, value in ((PROSPECTS.c.source, source), (PROSPECTS.c.stage, stage)):
        query = query if value is None else query.where(column == value)
    if before:
        query = query.where(sa.tuple_(PROSPECTS.c.created_at, PROSPECTS.c.prospect_id) < sa.tuple_(sa.literal(before[0], Instant()), before[1]))
    return (await tx.execute(query)).all()


async def funnel(tx: Transaction) -> Sequence[sa.Row[Any]]:
    """(source, stage, prospects)"""
    grouped = (PROSPECTS.c.source, PROSPECTS.c.stage)
    return (await tx.execute(sa.select(*grouped, sa.func.count().label("prospects")).group_by(*grouped).order_by(*grouped))).all()
