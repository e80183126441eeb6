"""What the gateway can do with its read model: one function, one transaction's worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.gateway import repository
from services.gateway.view import apply, claims
from shared import clock
from shared.contracts.envelope import Payload
from shared.contracts.retention import OutcomeRecorded, TaskOpened
from shared.contracts.segmentation import AlertRaised
from shared.database import Transaction
from shared.errors import BadCursor, NotFound
from shared.web import decode_cursor, encode_cursor
from shared.worker import Batch, Delivery

Document = dict[str, Any]
Page = tuple[Sequence[sa.Row[Any]], str | None]


async def keep(batch: Batch, deliveries: Sequence[Delivery]) -> None:
    """Bring the read model up to date. All topics in one call, so that each customer's row is written once."""
    views = await repository.lock_views(batch.tx, {_customer_id(one) for one in deliveries})
    for one in deliveries:
        apply(views[_customer_id(one)], one.event, replayed=one.replayed)
    changed = [view for view in views.values() if view.changed]
    await repository.save_views(batch.tx, changed, clock.wall())
    profiles = {view.customer_id: view.changed["profile"] for view in changed if "profile" in view.changed}
    await repository.replace_lookups(batch.tx, {customer_id: claims(profile) for customer_id, profile in profiles.items()})
    await repository.insert_alerts(batch.tx, {one.event.data.alert_id: _alert_row(one) for one in _of(deliveries, AlertRaised)})
    await repository.open_tasks(batch.tx, {one.event.data.task_id: _task_row(one) for one in _of(deliveries, TaskOpened)})
    await repository.finish_tasks(batch.tx, {one.event.data.task_id: _outcome_row(one) for one in _of(deliveries, OutcomeRecorded)})


async def view(tx: Transaction, customer_id: str) -> sa.Row[Any]:
    row = await repository.find_view(tx, customer_id)
    if row is None:
        raise NotFound(f"no customer {customer_id}")
    return row


async def view_of_owner(tx: Transaction, identifier: str) -> sa.Row[Any]:
    row = await repository.find_owned_view(tx, identifier)
    if row is None:
        raise NotFound(f"nobody owns {identifier} now")
    return row


async def alerts(tx: Transaction, filters: Document, *, limit: int, cursor: str | None) -> Page:
    position = decode_cursor(cursor, str, str)
    before = (_moment(position[0]), position[1]) if position else None
    rows = await repository.list_alerts(tx, filters, before=before, limit=limit)
    return rows, encode_cursor(rows[-1].raised_at, rows[-1].alert_id) if len(rows) == limit else None


async def tasks(tx: Transaction, filters: Document, *, limit: int, cursor: str | None) -> Page:
    position = decode_cursor(cursor, int, str, str)
    after = (position[0], _moment(position[1]), position[2]) if position else None
    rows = await repository.list_tasks(tx, filters, after=after, limit=limit)
    return rows, encode_cursor(rows[-1].priority, rows[-1].due_at, rows[-1].task_id) if len(rows) == limit else None


async def task(tx: Transaction, task_id: str) -> sa.Row[Any]:
    row = await repository.find_task(tx, task_id)
    if row is None:
        raise NotFound(f"no task {task_id}")
    return row


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadCursor from None
    if moment.tzinfo is None:
        raise BadCursor
    return moment


def _customer_id(one: Delivery) -> str:
    return one.event.subject.partition(":")[2]


def _of(deliveries: Sequence[Delivery], payload: type[Payload]) -> list[Delivery]:
    return [one for one in deliveries if isinstance(one.event.data, payload)]


def _alert_row(one: Delivery) -> Document:
    row: Document = one.event.data.model_dump()
    return row | {"customer_id": _customer_id(one)}


def _task_row(one: Delivery) -> Document:
    row: Document = one.event.data.model_dump(exclude={"decision_id"})
    return row | {"customer_id": _customer_id(one), "status": "open"}


def _outcome_row(one: Delivery) -> Document:
    said: Document = one.event.data.model_dump(mode="json")
    about = {name: said.pop(name) for name in ("task_id", "campaign_id", "alert_id", "offer_id")}
    return about | {"customer_id": _customer_id(one), "status": "done", "outcome": said}
