"""Statements about listeners, what is to be delivered to them, and the log of the stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.gateway.tables import DELIVERIES, LISTENERS, STREAM_EVENTS, STREAM_HEAD, VIEWS
from shared.database import Instant, Transaction, among, insert_rows

Row = Mapping[str, Any]
Rows = Sequence[sa.Row[Any]]
Position = tuple[datetime, str]

HEAD = "stream"


async def insert_listener(tx: Transaction, row: Row) -> bool:
    """False: there is one with the same callback and query."""
    return bool(await insert_rows(tx, LISTENERS, [row], key=("callback", "query"), returning=("listener_id",)))


async def count_listeners(tx: Transaction) -> int:
    return await tx.scalar(sa.select(sa.func.count()).select_from(LISTENERS)) or 0


async def find_listener(tx: Transaction, listener_id: str, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(LISTENERS).where(LISTENERS.c.listener_id == listener_id)
    return (await tx.execute(query.with_for_update() if lock else query)).one_or_none()


async def find_same(tx: Transaction, callback: str, query: str) -> str | None:
    found: str | None = await tx.scalar(sa.select(LISTENERS.c.listener_id).where(LISTENERS.c.callback == callback, LISTENERS.c.query == query))
    return found


async def list_listeners(tx: Transaction) -> Rows:
    return (await tx.execute(sa.select(LISTENERS).order_by(LISTENERS.c.created_at, LISTENERS.c.listener_id))).all()


async def hold_listeners(tx: Transaction) -> Rows:
    """Those that have not ended: none of them goes away before the transaction ends."""
    query = sa.select(LISTENERS).where(LISTENERS.c.state != "ended").order_by(LISTENERS.c.listener_id)
    return (await tx.execute(query.with_for_update(read=True, key_share=True))).all()


async def due_listeners(tx: Transaction, now: datetime) -> Rows:
    due = sa.select(DELIVERIES.c.delivery_id).where(DELIVERIES.c.listener_id == LISTENERS.c.listener_id, *_is_due(now)).exists()
    return (await tx.execute(sa.select(LISTENERS).where(LISTENERS.c.state != "ended", _may_be_called(now), due))).all()


async def change_listener(tx: Transaction, listener_id: str, values: Row) -> None:
    await tx.execute(sa.update(LISTENERS).where(LISTENERS.c.listener_id == listener_id).values(values))


async def count_missed(tx: Transaction, listener_id: str, count: int) -> None:
    await change_listener(tx, listener_id, {"missed": LISTENERS.c.missed + count})


async def delete_listener(tx: Transaction, listener_id: str, api: str | None) -> bool:
    """With all that is to be delivered to it. With an `api` only when it is one of it."""
    mine = sa.and_(LISTENERS.c.listener_id == listener_id, *([LISTENERS.c.api == api] if api else []))
    return bool((await tx.execute(LISTENERS.delete().where(mine))).rowcount)


async def counts(tx: Transaction, listener_ids: Collection[str]) -> dict[tuple[str, str], int]:
    """(listener, state) -> how many deliveries."""
    query = sa.select(DELIVERIES.c.listener_id, DELIVERIES.c.state, sa.func.count().label("found"))
    query = query.where(among(tx, DELIVERIES.c.listener_id, listener_ids)).group_by(DELIVERIES.c.listener_id, DELIVERIES.c.state)
    return {(row.listener_id, row.state): row.found for row in await tx.execute(query)}


async def count_waiting(tx: Transaction, listener_id: str) -> int:
    waiting = sa.select(sa.func.count()).where(DELIVERIES.c.listener_id == listener_id, DELIVERIES.c.state == "waiting")
    return await tx.scalar(waiting) or 0


async def insert_deliveries(tx: Transaction, rows: Sequence[Row]) -> None:
    """What was taken before stays as it is."""
    await insert_rows(tx, DELIVERIES, sorted(rows, key=lambda row: row["delivery_id"]), key=("delivery_id",))


def _is_due(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return DELIVERIES.c.state == "waiting", DELIVERIES.c.at <= now


def _may_be_called(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(LISTENERS.c.not_before.is_(None), LISTENERS.c.not_before <= now)


async def claim(tx: Transaction, listener_id: str, *, now: datetime, until: datetime, limit: int) -> Rows:
    """Begin the next attempt of what is due, longest due first. What another worker is just claiming is left to it."""
    called = sa.select(LISTENERS.c.listener_id).where(LISTENERS.c.state != "ended", _may_be_called(now))
    query = sa.select(DELIVERIES.c.delivery_id).where(DELIVERIES.c.listener_id == listener_id, *_is_due(now), DELIVERIES.c.listener_id.in_(called))
    query = query.order_by(DELIVERIES.c.at, DELIVERIES.c.delivery_id).limit(limit).with_for_update(skip_locked=True)
    values: dict[str, Any] = {
        "at": until,
        "attempts": DELIVERIES.c.attempts + 1,
        "first_tried_at": sa.func.coalesce(DELIVERIES.c.first_tried_at, sa.bindparam("now", now, Instant())),
    }
    mine = among(tx, DELIVERIES.c.delivery_id, list(await tx.scalars(query)))
    return (await tx.execute(sa.update(DELIVERIES).where(mine).values(values).returning(*DELIVERIES.c))).all()


async def settle(tx: Transaction, delivery_id: str, attempt: int, values: Row) -> None:
    """Nothing changes when this attempt is not the current one any more."""
    mine = sa.and_(DELIVERIES.c.delivery_id == delivery_id, DELIVERIES.c.state == "waiting", DELIVERIES.c.attempts == attempt)
    await tx.execute(sa.update(DELIVERIES).where(mine).values(values))


async def give_up(tx: Transaction, listener_id: str, values: Row) -> None:
    """All that waits for it."""
    await tx.execute(sa.update(DELIVERIES).where(DELIVERIES.c.listener_id == listener_id, DELIVERIES.c.state == "waiting").values(values))


async def list_deliveries(tx: Transaction, listener_id: str, *, state: str, after: Position | None, limit: int) -> Rows:
    """Of waiting ones the first due first, of the others the first ended."""
    query = sa.select(DELIVERIES).where(DELIVERIES.c.listener_id == listener_id, DELIVERIES.c.state == state)
    if after is not None:
        query = query.where(sa.tuple_(DELIVERIES.c.at, DELIVERIES.c.delivery_id) > sa.tuple_(sa.literal(after[0], Instant()), after[1]))
    return (await tx.execute(query.order_by(DELIVERIES.c.at, DELIVERIES.c.delivery_id).limit(limit))).all()


async def lock_delivery(tx: Transaction, listener_id: str, delivery_id: str) -> sa.Row[Any] | None:
    query = sa.select(DELIVERIES).where(DELIVERIES.c.listener_id == listener_id, DELIVERIES.c.delivery_id == delivery_id)
    return (await tx.execute(query.with_for_update())).one_or_none()


async def await_again(tx: Transaction, delivery_ids: Collection[str], now: datetime) -> Rows:
    """As if they had never been tried."""
    fresh = {"state": "waiting", "at": now, "attempts": 0, "first_tried_at": None, "code": None}
    query = sa.update(DELIVERIES).where(among(tx, DELIVERIES.c.delivery_id, delivery_ids)).values(fresh)
    return (await tx.execute(query.returning(*DELIVERIES.c))).all()


async def delete_ended(tx: Transaction, state: str, *, before: datetime, limit: int) -> int:
    """How many there were, up to the limit."""
    # By way of the listeners: the index begins with them.
    theirs = LISTENERS.join(DELIVERIES, DELIVERIES.c.listener_id == LISTENERS.c.listener_id)
    over = sa.select(DELIVERIES.c.delivery_id).select_from(theirs).where(DELIVERIES.c.state == state, DELIVERIES.c.at < before)
    found = list(await tx.scalars(over.limit(limit)))
    await tx.execute(DELIVERIES.delete().where(among(tx, DELIVERIES.c.delivery_id, found)))
    return len(found)


async def find_profiles(tx: Transaction, customer_ids: Collection[str]) -> Sequence[Any]:
    """Rows of id, end and profile as the read model has them now, the profile as text."""
    query = sa.select(VIEWS.c.customer_id, VIEWS.c.erased_at, VIEWS.c.profile).where(among(tx, VIEWS.c.customer_id, customer_ids))
    return (await tx.execute(query)).all()


# The stream


async def append(tx: Transaction, rows: Sequence[Row], now: datetime) -> None:
    """To the log. From here to the commit nobody else appends: nothing slow may follow.

    A log that is laid anew goes on from the microsecond it begins, so that it repeats no id of the one before.
    """
    began = int(now.timestamp() * 1_000_000)
    await insert_rows(tx, STREAM_HEAD, [{"name": HEAD, "last_id": began, "trimmed_to": began}], key=("name",))
    moved = sa.update(STREAM_HEAD).where(STREAM_HEAD.c.name == HEAD).values(last_id=STREAM_HEAD.c.last_id + len(rows)).returning(STREAM_HEAD.c.last_id)
    first: int = await tx.scalar(moved) - len(rows) + 1
    await insert_rows(tx, STREAM_EVENTS, [{"id": number, **row, "at": now} for number, row in enumerate(rows, first)])


async def head(tx: Transaction) -> tuple[int, int]:
    """The last id that was given, and the last one that is not kept any more."""
    row = (await tx.execute(sa.select(STREAM_HEAD.c.last_id, STREAM_HEAD.c.trimmed_to).where(STREAM_HEAD.c.name == HEAD))).one_or_none()
    return (row.last_id, row.trimmed_to) if row else (0, 0)


async def read_stream(tx: Transaction, types: Collection[str], *, after: int, up_to: int, limit: int) -> Rows:
    span = sa.and_(STREAM_EVENTS.c.id > after, STREAM_EVENTS.c.id <= up_to, among(tx, STREAM_EVENTS.c.type, types))
    return (await tx.execute(sa.select(STREAM_EVENTS).where(span).order_by(STREAM_EVENTS.c.id).limit(limit))).all()


async def trim(tx: Transaction, *, before: datetime, keep: int, limit: int) -> int:
    """Forget the oldest of the log: those before the moment, and those beyond the number. How many, up to the limit."""
    last_id, trimmed_to = await head(tx)
    over = sa.or_(STREAM_EVENTS.c.at < before, STREAM_EVENTS.c.id <= last_id - keep)
    oldest = sa.select(STREAM_EVENTS.c.id).where(over, STREAM_EVENTS.c.id > trimmed_to).order_by(STREAM_EVENTS.c.id).limit(limit)
    found = list(await tx.scalars(oldest))
    if found:
        await tx.execute(STREAM_EVENTS.delete().where(STREAM_EVENTS.c.id <= found[-1]))
        # Last, for who appends waits for it; and never back, for another worker may have trimmed further.
        behind = sa.and_(STREAM_HEAD.c.name == HEAD, STREAM_HEAD.c.trimmed_to < found[-1])
        await tx.execute(sa.update(STREAM_HEAD).where(behind).values(trimmed_to=found[-1]))
    return len(found)
