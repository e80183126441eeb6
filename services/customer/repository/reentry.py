"""Statements about who came, who left and who came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.reentry import Stay
from services.customer.tables import CIRCLES, FACTS, REENTRIES, STAYS
from shared.contracts.network import UsageSummarised
from shared.database import Transaction, among, insert_rows


async def save_stays(tx: Transaction, stays: Iterable[Stay]) -> None:
    rows = [one._asdict() for one in sorted(stays, key=lambda one: one.customer_id)]
    await insert_rows(tx, STAYS, rows, key=("customer_id",), merge=dict.fromkeys(Stay._fields[1:], "replace"))


async def delete_stays(tx: Transaction, customer_ids: Collection[str]) -> None:
    await tx.execute(STAYS.delete().where(among(tx, STAYS.c.customer_id, customer_ids)))


async def stays(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Stay]:
    rows = await tx.execute(sa.select(STAYS).where(among(tx, STAYS.c.customer_id, customer_ids)))
    return {row.customer_id: Stay(*row) for row in rows}


async def watched(tx: Transaction, customer_ids: Collection[str], *, since: datetime) -> set[str]:
    """Those who came or left after `since`."""
    lately = sa.or_(STAYS.c.came_at > since, STAYS.c.left_at > since)
    return set((await tx.execute(sa.select(STAYS.c.customer_id).where(among(tx, STAYS.c.customer_id, customer_ids), lately))).scalars())


async def usage(tx: Transaction, customer_ids: Collection[str], *, since: datetime) -> dict[str, list[tuple[datetime, list[str]]]]:
    """(when, whom they called most) of each, sealed."""
    columns = (FACTS.c.customer_id, FACTS.c.occurred_at, FACTS.c.data)
    query = sa.select(*columns).where(among(tx, FACTS.c.customer_id, customer_ids), FACTS.c.occurred_at >= since, FACTS.c.type == UsageSummarised.type)
    found: dict[str, list[tuple[datetime, list[str]]]] = defaultdict(list)
    for row in await tx.execute(query):
        found[row.customer_id].append((row.occurred_at, row.data.get("top_contacts", [])))
    return found


async def replace_circles(tx: Transaction, circles: Mapping[str, tuple[Collection[str], datetime | None]]) -> None:
    """Of these customers: their contacts, and until when they count."""
    await tx.execute(CIRCLES.delete().where(among(tx, CIRCLES.c.customer_id, circles)))
    rows = [{"key": key, "customer_id": one, "until": until} for one, (contacts, until) in circles.items() for key in contacts]
    await insert_rows(tx, CIRCLES, sorted(rows, key=lambda row: (str(row["key"]), str(row["customer_id"]))))


async def circle_sizes(tx: Transaction, customer_ids: Collection[str]) -> dict[str, int]:
    query = sa.select(CIRCLES.c.customer_id, sa.func.count().label("size")).where(among(tx, CIRCLES.c.customer_id, customer_ids))
    return {row.customer_id: row.size for row in await tx.execute(query.group_by(CIRCLES.c.customer_id))}


async def delete_old_circles(tx: Transaction, *, now: datetime, limit: int) -> int:
    """How many rows; `limit` at most."""
    old = sa.select(CIRCLES.c.key, CIRCLES.c.customer_id).where(CIRCLES.c.until < now).limit(limit)
    return (await tx.execute(CIRCLES.delete().where(sa.tuple_(CIRCLES.c.key, CIRCLES.c.customer_id).in_(old)))).rowcount


async def insert_reentries(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Those who were not found to have come back before."""
    ordered = sorted(rows, key=lambda row: row["customer_id"])
    return {row.customer_id for row in await insert_rows(tx, REENTRIES, ordered, key=("customer_id",), returning=("customer_id",))}


async def list_reentries(tx: Transaction, *, customer_id: str | None, after: tuple[datetime, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(REENTRIES).order_by(REENTRIES.c.found_at, REENTRIES.c.customer_id).limit(limit)
    if customer_id:
        query = query.where(sa.or_(REENTRIES.c.customer_id == customer_id, REENTRIES.c.former_customer_id == customer_id))
    if after:
        query = query.where(sa.tuple_(REENTRIES.c.found_at, REENTRIES.c.customer_id) > sa.tuple_(*_bound(after)))
    return (await tx.execute(query)).all()


async def registrations(tx: Transaction, *, since: datetime, until: datetime) -> Sequence[sa.Row[Any]]:
    """(channel, registered, returned) of a period."""
    counts = (sa.func.count().label("registered"), sa.func.count(REENTRIES.c.customer_id).label("returned"))
    joined = STAYS.outerjoin(REENTRIES, REENTRIES.c.customer_id == STAYS.c.customer_id)
    query = sa.select(STAYS.c.channel, *counts).select_from(joined).where(STAYS.c.registered_at >= since, STAYS.c.registered_at < until)
    return (await tx.execute(query.group_by(STAYS.c.channel).order_by(STAYS.c.channel))).all()


def _bound(after: tuple[datetime, str]) -> tuple[sa.BindParameter[Any], ...]:
    return sa.literal(after[0], REENTRIES.c.found_at.type), sa.literal(after[1])
