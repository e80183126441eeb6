"""Warnings that were raised."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation.tables import ALERTS
from shared.database import Transaction, among, insert_rows

LISTED = 200


async def insert_alerts(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of those that were not there yet."""
    ordered = sorted(rows, key=lambda row: str(row["alert_id"]))
    return {row.alert_id for row in await insert_rows(tx, ALERTS, ordered, key=("alert_id",), returning=("alert_id",))}


async def list_alerts(
    tx: Transaction, *, kind: str | None, customer_id: str | None, since: datetime | None, before: tuple[datetime, str] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Newest first, those before the position `before`."""
    query = sa.select(ALERTS).order_by(ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc()).limit(limit)
    if kind is not None:
        query = query.where(ALERTS.c.kind == kind)
    if customer_id is not None:
        query = query.where(ALERTS.c.customer_id == customer_id)
    if since is not None:
        query = query.where(ALERTS.c.raised_at >= since)
    if before is not None:
        query = query.where(sa.tuple_(ALERTS.c.raised_at, ALERTS.c.alert_id) < sa.tuple_(*before, types=[ALERTS.c.raised_at.type, ALERTS.c.alert_id.type]))
    return (await tx.execute(query)).all()


async def get_alerts(tx: Transaction, alert_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(ALERTS).where(among(tx, ALERTS.c.alert_id, alert_ids)).order_by(ALERTS.c.raised_at.desc()))).all()


async def alerts_between(tx: Transaction, customer_id: str, since: datetime, until: datetime) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(ALERTS).where(ALERTS.c.customer_id == customer_id, ALERTS.c.raised_at > since, ALERTS.c.raised_at <= until)
    return (await tx.execute(query.order_by(ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc()).limit(LISTED))).all()
