"""Every statement of the gateway."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from services.gateway.tables import ALERTS, LOOKUPS, TASKS, VIEWS
from services.gateway.view import BLOCKS, Claim, View
from shared.database import Instant, Merge, Transaction, among, insert_rows

Rows = Sequence[sa.Row[Any]]
Fields = Mapping[str, Any]

VIEW_CHANGES: dict[str, Merge] = dict.fromkeys(("last_sequence", "version", *BLOCKS, *(f"{name}_at" for name in BLOCKS)), "replace")
TASK_FIELDS = ("channel", "priority", "opened_at", "due_at", "reason", "script")


async def lock_views(tx: Transaction, customer_ids: Collection[str]) -> dict[str, View]:
    """The views of these customers, new ones empty, until the transaction ends: a row is changed by events of five topics."""
    rows = [{"customer_id": one, "last_sequence": 0, "version": 0} for one in sorted(customer_ids)]
    await insert_rows(tx, VIEWS, rows, key=("customer_id",))
    query = sa.select(VIEWS).where(among(tx, VIEWS.c.customer_id, customer_ids)).order_by(VIEWS.c.customer_id).with_for_update()
    return {row.customer_id: View(row.customer_id, row.last_sequence, row._asdict()) for row in await tx.execute(query)}


async def save_views(tx: Transaction, views: Iterable[View], at: datetime) -> None:
    rows = [_view_row(view, at) for view in sorted(views, key=lambda view: view.customer_id)]
    await insert_rows(tx, VIEWS, rows, key=("customer_id",), merge=VIEW_CHANGES)


def _view_row(view: View, at: datetime) -> Fields:
    row = {**view.stored, "last_sequence": view.last_sequence, "version": view.stored["version"] + 1}
    for name, document in view.changed.items():
        row |= {name: orjson.dumps(document).decode(), f"{name}_at": at}
    return row


async def replace_lookups(tx: Transaction, claimed: Mapping[str, Sequence[Claim]]) -> None:
    """What these customers own now, and no longer what they owned before."""
    if not claimed:
        return
    await tx.execute(LOOKUPS.delete().where(among(tx, LOOKUPS.c.customer_id, list(claimed))))
    rows = [{**claim._asdict(), "customer_id": customer_id} for customer_id in sorted(claimed) for claim in claimed[customer_id]]
    await insert_rows(tx, LOOKUPS, rows, key=("identifier", "customer_id"))


async def insert_alerts(tx: Transaction, rows: Mapping[str, Fields]) -> None:
    """By alert id. What is there already stays as it is."""
    await insert_rows(tx, ALERTS, [rows[one] for one in sorted(rows)], key=("alert_id",))


async def open_tasks(tx: Transaction, rows: Mapping[str, Fields]) -> None:
    """By task id. An outcome that came before its task stays."""
    await insert_rows(tx, TASKS, [rows[one] for one in sorted(rows)], key=("task_id",), merge=dict.fromkeys(TASK_FIELDS, "replace"))


async def finish_tasks(tx: Transaction, rows: Mapping[str, Fields]) -> None:
    """By task id. A task that did not come yet is kept as one that is done."""
    await insert_rows(tx, TASKS, [rows[one] for one in sorted(rows)], key=("task_id",), merge={"status": "replace", "outcome": "replace"})


async def find_view(tx: Transaction, customer_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(VIEWS).where(VIEWS.c.customer_id == customer_id))).one_or_none()


async def find_owned_view(tx: Transaction, identifier: str) -> sa.Row[Any] | None:
    """The view of the one who owns it now: of several who say so, the one who got it last."""
    owner = LOOKUPS.join(VIEWS, VIEWS.c.customer_id == LOOKUPS.c.customer_id)
    query = sa.select(VIEWS).select_from(owner).where(LOOKUPS.c.identifier == identifier)
    return (await tx.execute(query.order_by(LOOKUPS.c.since.desc(), LOOKUPS.c.customer_id).limit(1))).one_or_none()


async def list_alerts(tx: Transaction, filters: Fields, *, before: tuple[datetime, str] | None, limit: int) -> Rows:
    """Newest first."""
    query = _filtered(sa.select(ALERTS), ALERTS, filters)
    if before:
        query = query.where(sa.tuple_(ALERTS.c.raised_at, ALERTS.c.alert_id) < sa.tuple_(sa.literal(before[0], Instant()), before[1]))
    rows: Rows = (await tx.execute(query.order_by(ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc()).limit(limit))).all()
    return rows


async def list_tasks(tx: Transaction, filters: Fields, *, after: tuple[int, datetime, str] | None, limit: int) -> Rows:
    """Highest priority first, then what is due first. Not those of which only the outcome came yet."""
    query = _filtered(sa.select(TASKS), TASKS, filters).where(TASKS.c.opened_at.is_not(None))
    if after:
        # From outside: it may be more than the column's type holds.
        priority = sa.literal(after[0], sa.BigInteger())
        later = sa.tuple_(TASKS.c.due_at, TASKS.c.task_id) > sa.tuple_(sa.literal(after[1], Instant()), after[2])
        query = query.where(sa.or_(TASKS.c.priority < priority, sa.and_(TASKS.c.priority == priority, later)))
    rows: Rows = (await tx.execute(query.order_by(TASKS.c.priority.desc(), TASKS.c.due_at, TASKS.c.task_id).limit(limit))).all()
    return rows


async def find_task(tx: Transaction, task_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(TASKS).where(TASKS.c.task_id == task_id, TASKS.c.opened_at.is_not(None)))).one_or_none()


def _filtered(query: sa.Select[Any], table: sa.Table, filters: Fields) -> sa.Select[Any]:
    return query.where(*(table.c[name] == value for name, value in filters.items() if value is not None))
