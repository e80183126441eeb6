"""What troubles customers: their complaints, and everything else. Who writes here has locked the customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.retention.service import Family, Key, Kind, Trouble
from services.retention.tables import COMPLAINTS, TROUBLES
from shared.database import Transaction, among, insert_rows

_FAMILIES: Mapping[Kind, Family] = {"outage": "outage", "legal": "legal", "bill_dispute": "payment", "legal_hold": "legal_hold"}


async def of(tx: Transaction, customer_ids: Collection[str]) -> dict[str, list[Trouble]]:
    """By customer, those that began, the earliest first."""
    found: dict[str, list[Trouble]] = defaultdict(list)
    for one in (await held(tx, customer_ids)).values():
        if one.began_at:
            found[one.key.customer_id].append(one)
    for listed in found.values():
        listed.sort(key=lambda one: (one.began_at, one.key))
    return dict(found)


async def held(tx: Transaction, customer_ids: Collection[str]) -> dict[Key, Trouble]:
    """Also those of which only the end was told."""
    complaints = await tx.execute(sa.select(COMPLAINTS).where(among(tx, COMPLAINTS.c.customer_id, customer_ids)))
    others = await tx.execute(sa.select(TROUBLES).where(among(tx, TROUBLES.c.customer_id, customer_ids)))
    found = [*map(_complaint, complaints), *map(_other, others)]
    return {one.key: one for one in found}


async def save(tx: Transaction, troubles: Iterable[Trouble], *, look_at: Mapping[Key, datetime | None]) -> None:
    ordered = sorted(troubles, key=lambda one: one.key)
    complaints = [_complaint_row(one) for one in ordered if one.key.family == "complaint"]
    columns = ("opened_at", "resolved_at", "kind", "severity", "opened_by")
    await insert_rows(tx, COMPLAINTS, complaints, key=("customer_id", "complaint_id"), merge=dict.fromkeys(columns, "replace"))
    others = [_other_row(one) | {"look_at": look_at.get(one.key)} for one in ordered if one.key.family != "complaint"]
    columns = ("severity", "began_at", "ended_at", "opened_by", "look_at")
    await insert_rows(tx, TROUBLES, others, key=("customer_id", "kind", "trouble_id"), merge=dict.fromkeys(columns, "replace"))


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        for table in (COMPLAINTS, TROUBLES):
            await tx.execute(table.delete().where(among(tx, table.c.customer_id, customer_ids)))


async def due(tx: Transaction, now: datetime, *, limit: int) -> list[str]:
    """Customers of outages that have lasted long enough by now."""
    query = sa.select(TROUBLES.c.customer_id).where(TROUBLES.c.look_at <= now).order_by(TROUBLES.c.look_at, TROUBLES.c.customer_id)
    return list(dict.fromkeys(await tx.scalars(query.limit(limit))))


def _complaint(row: sa.Row[Any]) -> Trouble:
    key = Key(row.customer_id, "complaint", row.complaint_id)
    return Trouble(key, row.kind or "complaint", row.severity, row.opened_at, row.resolved_at, row.opened_by)


def _other(row: sa.Row[Any]) -> Trouble:
    return Trouble(Key(row.customer_id, _FAMILIES[row.kind], row.trouble_id), row.kind, row.severity, row.began_at, row.ended_at, row.opened_by)


def _complaint_row(one: Trouble) -> dict[str, Any]:
    said = {"opened_at": one.began_at, "resolved_at": one.ended_at, "kind": one.kind, "severity": one.severity, "opened_by": one.opened_by}
    return {"customer_id": one.key.customer_id, "complaint_id": one.key.trouble_id} | said


def _other_row(one: Trouble) -> dict[str, Any]:
    said = {"severity": one.severity, "began_at": one.began_at, "ended_at": one.ended_at, "opened_by": one.opened_by}
    return {"customer_id": one.key.customer_id, "kind": one.kind, "trouble_id": one.key.trouble_id} | said
