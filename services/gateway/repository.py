"""Every statement of the gateway."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from services.gateway.tables import ALERTS, DELIVERIES, LOOKUPS, STREAM_EVENTS, TASKS, VIEWS
from services.gateway.view import BLOCKS, Claim, View
from shared.database import Database, HotRead, Instant, Merge, Transaction, among, insert_rows

Rows = Sequence[sa.Row[Any]]
Fields = Mapping[str, Any]

STATE = ("last_sequence", "reset_sequence", "merged_into", "erased_at")
VIEW_CHANGES: dict[str, Merge] = dict.fromkeys((*STATE, "version", *BLOCKS, *(f"{name}_at" for name in BLOCKS)), "replace")
LISTED = ("customer_id", "version", "profile", "segment", "standing", "churn")
MEMBERS = 200
TELLS_ERASURE = "CustomerDeleteEvent"
TASK_FIELDS = ("channel", "priority", "opened_at", "due_at", "reason", "script")


async def lock_views(tx: Transaction, customer_ids: Collection[str]) -> dict[str, View]:
    """The views of these customers, new ones empty, until the transaction ends: a row is changed by events of five topics."""
    rows = [{"customer_id": one, "last_sequence": 0, "reset_sequence": 0, "version": 0} for one in sorted(customer_ids)]
    await insert_rows(tx, VIEWS, rows, key=("customer_id",))
    query = sa.select(VIEWS).where(among(tx, VIEWS.c.customer_id, customer_ids)).order_by(VIEWS.c.customer_id).with_for_update()
    return {row.customer_id: _view(row) for row in await tx.execute(query)}


def _view(row: sa.Row[Any]) -> View:
    return View(row.customer_id, **{name: getattr(row, name) for name in STATE}, stored=row._asdict())


async def save_views(tx: Transaction, views: Iterable[View], at: datetime) -> None:
    rows = [_view_row(view, at) for view in sorted(views, key=lambda view: view.customer_id)]
    await insert_rows(tx, VIEWS, rows, key=("customer_id",), merge=VIEW_CHANGES)


def _view_row(view: View, at: datetime) -> Fields:
    row = {**view.stored, **{name: getattr(view, name) for name in STATE}, "version": view.stored["version"] + 1}
    for name, document in view.changed.items():
        row |= {name: None if document is None else orjson.dumps(document).decode(), f"{name}_at": at}
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


async def move_tasks(tx: Transaction, due: Mapping[str, datetime]) -> None:
    """By task id, when each is due from now on: of several moments of one task the last that was told."""
    for task_id in sorted(due):
        await tx.execute(sa.update(TASKS).where(TASKS.c.task_id == task_id).values(due_at=due[task_id]))


async def cancel_tasks(tx: Transaction, rows: Mapping[str, Fields]) -> None:
    """By task id. One that is done stays done; one that did not come yet is kept as cancelled."""
    await insert_rows(tx, TASKS, [rows[one] for one in sorted(rows)], key=("task_id",))
    if rows:
        still_open = sa.and_(among(tx, TASKS.c.task_id, list(rows)), TASKS.c.status == "open")
        await tx.execute(sa.update(TASKS).where(still_open).values(status="cancelled"))


async def drop_lists(tx: Transaction, customer_ids: Collection[str]) -> None:
    """Alerts and tasks of customers who were erased, and what was to be pushed about them; that they were erased is still told."""
    for table in (ALERTS, TASKS, DELIVERIES, STREAM_EVENTS) if customer_ids else ():
        told = [DELIVERIES.c.event_type != TELLS_ERASURE] if table is DELIVERIES else []
        await tx.execute(table.delete().where(among(tx, table.c.customer_id, customer_ids), *told))


async def finish_tasks(tx: Transaction, rows: Mapping[str, Fields]) -> None:
    """By task id. A task that did not come yet is kept as one that is done."""
    await insert_rows(tx, TASKS, [rows[one] for one in sorted(rows)], key=("task_id",), merge={"status": "replace", "outcome": "replace"})


def _views_of(asked: sa.Select[Any]) -> sa.Select[Any]:
    """The customer's, and those of the ids merged into this one. Each says who was asked for."""
    who = asked.cte("who")
    mine = sa.or_(VIEWS.c.customer_id == who.c.asked, VIEWS.c.merged_into == who.c.asked)
    return sa.select(who.c.asked, VIEWS).select_from(who.join(VIEWS, mine)).limit(MEMBERS)


_ASKED = sa.bindparam("customer_id", type_=sa.Text)
VIEWS_OF_CUSTOMER = _views_of(sa.select(_ASKED.label("asked")))
# Of the same rows, without who was asked for: joined to it, the query takes half as long again.
VERSIONS_OF_CUSTOMER = sa.select(VIEWS.c.customer_id, VIEWS.c.version).where(sa.or_(VIEWS.c.customer_id == _ASKED, VIEWS.c.merged_into == _ASKED)).limit(2)
# Of several who say that they own an identifier now, the one who got it last.
VIEWS_OF_OWNER = _views_of(
    sa.select(LOOKUPS.c.customer_id.label("asked"))
    .where(LOOKUPS.c.identifier == sa.bindparam("identifier", type_=sa.Text))
    .order_by(LOOKUPS.c.since.desc(), LOOKUPS.c.customer_id)
    .limit(1)
)


class ViewReads:
    """How a view is read. Merged customers, of whom there are few, are looked up by `database`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.of_customer, self.of_owner = HotRead(database, VIEWS_OF_CUSTOMER, "customer_id"), HotRead(database, VIEWS_OF_OWNER, "identifier")
        self.versions = HotRead(database, VERSIONS_OF_CUSTOMER, "customer_id")


async def find_survivor(tx: Transaction, customer_id: str) -> str | None:
    """Who the customer is by now, over however many merges; None while the merges heard of go round in a circle.

    Step by step, here and below: a recursive query is planned as if it found half of the table.
    """
    seen: set[str] = set()
    step: str | None = customer_id
    while step is not None and step not in seen:
        seen.add(step)
        row = (await tx.execute(sa.select(VIEWS.c.merged_into).where(VIEWS.c.customer_id == step))).one_or_none()
        if row is None or row.merged_into is None:
            return step if row else None
        step = row.merged_into
    return None


async def find_members(tx: Transaction, customer_id: str) -> Rows:
    """The views of those that were merged into the customer, over however many merges; at most 200 of them."""
    found: dict[str, sa.Row[Any]] = {}
    step = [customer_id]
    while step and len(found) < MEMBERS:
        rows = await tx.execute(sa.select(VIEWS).where(among(tx, VIEWS.c.merged_into, step)).order_by(VIEWS.c.customer_id).limit(MEMBERS))
        fresh = {row.customer_id: row for row in rows if row.customer_id not in {customer_id, *found}}
        found |= fresh
        step = list(fresh)
    return list(found.values())


async def list_views(tx: Transaction, block: str, *, offset: int, limit: int, customer_ids: Collection[str] | None = None) -> Rows:
    """Of customers who are here and have this block, by id: without the blocks that hold a history."""
    query = sa.select(*(VIEWS.c[name] for name in LISTED)).where(_is_here(block))
    if customer_ids is not None:
        query = query.where(among(tx, VIEWS.c.customer_id, customer_ids))
    return (await tx.execute(query.order_by(VIEWS.c.customer_id).offset(offset).limit(limit))).all()


async def count_views(tx: Transaction, block: str) -> int:
    return (await tx.execute(sa.select(sa.func.count()).select_from(VIEWS).where(_is_here(block)))).scalar_one()


def _is_here(block: str) -> sa.ColumnElement[bool]:
    return sa.and_(VIEWS.c.merged_into.is_(None), VIEWS.c.erased_at.is_(None), VIEWS.c[block].is_not(None), VIEWS.c[block] != "null")


async def list_alerts(tx: Transaction, filters: Fields, *, before: tuple[datetime, str] | None, limit: int) -> Rows:
    """Newest first."""
    query = _filtered(tx, ALERTS, filters)
    if before:
        query = query.where(sa.tuple_(ALERTS.c.raised_at, ALERTS.c.alert_id) < sa.tuple_(sa.literal(before[0], Instant()), before[1]))
    rows: Rows = (await tx.execute(query.order_by(ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc()).limit(limit))).all()
    return rows


async def list_tasks(tx: Transaction, filters: Fields, *, after: tuple[int, datetime, str] | None, limit: int) -> Rows:
    """Highest priority first, then what is due first. Not those of which only the outcome came yet."""
    query = _filtered(tx, TASKS, filters).where(TASKS.c.opened_at.is_not(None))
    if after:
        # From outside: it may be more than the column's type holds.
        priority = sa.literal(after[0], sa.BigInteger())
        later = sa.tuple_(TASKS.c.due_at, TASKS.c.task_id) > sa.tuple_(sa.literal(after[1], Instant()), after[2])
        query = query.where(sa.or_(TASKS.c.priority < priority, sa.and_(TASKS.c.priority == priority, later)))
    rows: Rows = (await tx.execute(query.order_by(TASKS.c.priority.desc(), TASKS.c.due_at, TASKS.c.task_id).limit(limit))).all()
    return rows


async def find_task(tx: Transaction, task_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(TASKS).where(TASKS.c.task_id == task_id, TASKS.c.opened_at.is_not(None)))).one_or_none()


def _filtered(tx: Transaction, table: sa.Table, filters: Fields) -> sa.Select[Any]:
    """A list of values lets each of them through."""
    given = {name: value for name, value in filters.items() if value is not None}
    return sa.select(table).where(*(among(tx, table.c[name], value) if isinstance(value, list) else table.c[name] == value for name, value in given.items()))
