"""What the gateway can do with its read model: one function, one transaction's worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.gateway import repository
from services.gateway.view import apply
from shared import clock
from shared.contracts.envelope import Payload
from shared.contracts.retention import OutcomeRecorded, TaskCancelled, TaskOpened, TaskRescheduled
from shared.contracts.segmentation import AlertRaised
from shared.cursors import decode_cursor, encode_cursor, moment_of
from shared.database import Transaction
from shared.errors import Gone, NotFound
from shared.worker import Batch, Delivery

Document = dict[str, Any]
Page = tuple[Sequence[sa.Row[Any]], str | None]


async def keep(batch: Batch, deliveries: Sequence[Delivery]) -> None:
    """Bring the read model up to date. All topics in one call, so that each customer's row is written once."""
    tx = batch.tx
    views = await repository.lock_views(tx, {_customer_id(one) for one in deliveries})
    for one in deliveries:
        apply(views[_customer_id(one)], one.event, replayed=one.replayed)
    changed = [view for view in views.values() if view.changed]
    await repository.save_views(tx, changed, clock.wall())
    await repository.replace_lookups(tx, {view.customer_id: view.claims for view in changed if view.claims is not None})
    await repository.insert_alerts(tx, {one.event.data.alert_id: _alert_row(one) for one in _of(deliveries, AlertRaised)})
    await repository.open_tasks(tx, {one.event.data.task_id: _task_row(one) for one in _of(deliveries, TaskOpened)})
    await repository.move_tasks(tx, {one.event.data.task_id: one.event.data.due_at for one in _of(deliveries, TaskRescheduled)})
    await repository.cancel_tasks(tx, {one.event.data.task_id: _cancelled_row(one) for one in _of(deliveries, TaskCancelled)})
    await repository.finish_tasks(tx, {one.event.data.task_id: _outcome_row(one) for one in _of(deliveries, OutcomeRecorded)})
    await repository.drop_lists(tx, [view.customer_id for view in views.values() if view.erased_at])


async def view(reads: repository.ViewReads, customer_id: str) -> repository.Rows:
    """The row of the customer, or of who carries on for them, then those of the ids merged into that one. Raises NotFound, Gone."""
    return await _whole(reads, await reads.of_customer.rows(customer_id), f"no customer {customer_id}")


async def view_of_owner(reads: repository.ViewReads, identifier: str) -> repository.Rows:
    return await _whole(reads, await reads.of_owner.rows(identifier), f"nobody owns this {identifier.partition(':')[0]} now")


async def _whole(reads: repository.ViewReads, rows: repository.Rows, missing: str) -> repository.Rows:
    first = next((row for row in rows if row.customer_id == row.asked), None)
    if first is not None and first.merged_into:
        survivor_id = await _survivor(reads, first.customer_id)
        rows = await reads.of_customer.rows(survivor_id) if survivor_id else ()
        first = next((row for row in rows if row.customer_id == survivor_id), None)
    if first is None:
        raise NotFound(missing)
    if first.erased_at:
        raise Gone(f"{first.customer_id} was erased", erased_at=first.erased_at)
    return [first, *(await _members(reads, first.customer_id) if len(rows) > 1 else ())]


async def _survivor(reads: repository.ViewReads, customer_id: str) -> str | None:
    async with reads.database.reading() as connection:
        return await repository.find_survivor(connection, customer_id)


async def _members(reads: repository.ViewReads, customer_id: str) -> repository.Rows:
    async with reads.database.reading() as connection:
        return await repository.find_members(connection, customer_id)


async def _all_ids(tx: Transaction, filters: Document) -> Document:
    """One customer's list is that of all their ids."""
    if filters["customer_id"] is None:
        return filters
    survivor_id = await repository.find_survivor(tx, filters["customer_id"]) or filters["customer_id"]
    return filters | {"customer_id": [survivor_id, *(row.customer_id for row in await repository.find_members(tx, survivor_id))]}


async def alerts(tx: Transaction, filters: Document, *, limit: int, cursor: str | None) -> Page:
    position = decode_cursor(cursor, str, str)
    before = (moment_of(position[0]), position[1]) if position else None
    rows = await repository.list_alerts(tx, await _all_ids(tx, filters), before=before, limit=limit)
    return rows, encode_cursor(rows[-1].raised_at, rows[-1].alert_id) if len(rows) == limit else None


async def tasks(tx: Transaction, filters: Document, *, limit: int, cursor: str | None) -> Page:
    position = decode_cursor(cursor, int, str, str)
    after = (position[0], moment_of(position[1]), position[2]) if position else None
    rows = await repository.list_tasks(tx, await _all_ids(tx, filters), after=after, limit=limit)
    return rows, encode_cursor(rows[-1].priority, rows[-1].due_at, rows[-1].task_id) if len(rows) == limit else None


async def task(tx: Transaction, task_id: str) -> sa.Row[Any]:
    row = await repository.find_task(tx, task_id)
    if row is None:
        raise NotFound(f"no task {task_id}")
    return row


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


def _cancelled_row(one: Delivery) -> Document:
    row: Document = one.event.data.model_dump(include={"task_id", "campaign_id", "alert_id", "offer_id"})
    return row | {"customer_id": _customer_id(one), "status": "cancelled"}


def _outcome_row(one: Delivery) -> Document:
    said: Document = one.event.data.model_dump(mode="json")
    about = {name: said.pop(name) for name in ("task_id", "campaign_id", "alert_id", "offer_id")}
    return about | {"customer_id": _customer_id(one), "status": "done", "outcome": said}
