"""Statements about messages, their attempts and their templates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.retention.delivery import State
from services.retention.tables import CAMPAIGNS, DECISIONS, MESSAGE_ATTEMPTS, MESSAGE_TEMPLATES, MESSAGES
from services.retention.templates import Key, Template
from shared.database import Transaction, among, insert_rows

Row = Mapping[str, Any]
Position = tuple[datetime, str]


async def templates_in_force(tx: Transaction, purposes: Collection[str]) -> dict[Key, Template]:
    """The highest version of each that is for one of the purposes."""
    query = sa.select(MESSAGE_TEMPLATES).where(among(tx, MESSAGE_TEMPLATES.c.purpose, purposes)).order_by(MESSAGE_TEMPLATES.c.version)
    return {one.key: one for one in map(_template, await tx.execute(query))}


def _template(row: sa.Row[Any]) -> Template:
    return Template(Key(row.channel, row.purpose, row.language, row.segment), row.version, row.subject, row.body)


async def list_templates(tx: Transaction, *, purpose: str | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(MESSAGE_TEMPLATES).order_by(MESSAGE_TEMPLATES.c.created_at.desc(), *MESSAGE_TEMPLATES.primary_key.columns)
    if purpose is not None:
        query = query.where(MESSAGE_TEMPLATES.c.purpose == purpose)
    return (await tx.execute(query.limit(limit))).all()


async def latest_version(tx: Transaction, key: Key) -> int:
    """0 when there is none."""
    same = sa.and_(*(MESSAGE_TEMPLATES.c[name] == value for name, value in key._asdict().items()))
    return await tx.scalar(sa.select(sa.func.max(MESSAGE_TEMPLATES.c.version)).where(same)) or 0


async def insert_template(tx: Transaction, row: Row) -> bool:
    """False: somebody else made this version at the same moment."""
    key = tuple(column.name for column in MESSAGE_TEMPLATES.primary_key.columns)
    return bool(await insert_rows(tx, MESSAGE_TEMPLATES, [row], key=key, returning=("version",)))


async def enqueue(tx: Transaction, rows: Sequence[Row]) -> set[str]:
    """The ids of those that were not there already."""
    ordered = sorted(rows, key=lambda row: row["message_id"])
    return {row.message_id for row in await insert_rows(tx, MESSAGES, ordered, key=("message_id",), returning=("message_id",))}


def _is_due(now: datetime, wall: datetime) -> sa.ColumnElement[bool]:
    """Queued and its time has come, or sending by somebody whose lease lapsed."""
    queued = sa.and_(MESSAGES.c.state == "queued", MESSAGES.c.next_at <= now, _may_go(now))
    abandoned = sa.and_(MESSAGES.c.state == "sending", MESSAGES.c.lease_until <= wall)
    return sa.or_(queued, abandoned)


def _may_go(now: datetime) -> sa.ColumnElement[bool]:
    """The campaign that decided it runs: a pause holds what is not on its way yet, until it expires."""
    decided = DECISIONS.join(CAMPAIGNS, DECISIONS.c.campaign_id == CAMPAIGNS.c.campaign_id)
    held = sa.select(DECISIONS.c.decision_id).select_from(decided).where(DECISIONS.c.decision_id == MESSAGES.c.decision_id, CAMPAIGNS.c.state != "running")
    return sa.or_(~held.exists(), MESSAGES.c.expires_at <= now)


async def is_any_due(tx: Transaction, *, now: datetime, wall: datetime) -> bool:
    return await tx.scalar(sa.select(MESSAGES.c.message_id).where(_is_due(now, wall)).limit(1)) is not None


async def lock_due(tx: Transaction, *, now: datetime, wall: datetime, limit: int) -> Sequence[sa.Row[Any]]:
    """The longest due first. What another worker is just claiming is left to it."""
    query = sa.select(MESSAGES).where(_is_due(now, wall)).order_by(MESSAGES.c.next_at, MESSAGES.c.message_id).limit(limit)
    return (await tx.execute(query.with_for_update(skip_locked=True))).all()


async def claim(tx: Transaction, message_ids: Collection[str], *, now: datetime, lease_until: datetime) -> Sequence[sa.Row[Any]]:
    """Begin the next attempt of each."""
    values: dict[str, Any] = {
        "state": "sending",
        "attempts": MESSAGES.c.attempts + 1,
        "first_tried_at": sa.func.coalesce(MESSAGES.c.first_tried_at, sa.bindparam("now", now, MESSAGES.c.first_tried_at.type)),
        "lease_until": lease_until,
    }
    query = sa.update(MESSAGES).where(among(tx, MESSAGES.c.message_id, message_ids)).values(values).returning(*MESSAGES.c)
    rows = sorted((await tx.execute(query)).all(), key=lambda row: row.message_id)
    await insert_rows(tx, MESSAGE_ATTEMPTS, [{"message_id": row.message_id, "attempt": row.attempts, "started_at": now} for row in rows])
    return rows


async def end_attempt(tx: Transaction, message_id: str, attempt: int, values: Row) -> None:
    mine = sa.and_(MESSAGE_ATTEMPTS.c.message_id == message_id, MESSAGE_ATTEMPTS.c.attempt == attempt)
    await tx.execute(sa.update(MESSAGE_ATTEMPTS).where(mine).values(values))


async def settle(tx: Transaction, message_id: str, attempt: int, values: Row) -> bool:
    """False, and nothing changes, when this attempt is not the current one any more: it was taken over, or a receipt was faster."""
    mine = sa.and_(MESSAGES.c.message_id == message_id, MESSAGES.c.state == "sending", MESSAGES.c.attempts == attempt)
    return bool((await tx.execute(sa.update(MESSAGES).where(mine).values(values))).rowcount)


async def end(tx: Transaction, message_ids: Collection[str], values: Row) -> None:
    """Of messages that are locked."""
    await tx.execute(sa.update(MESSAGES).where(among(tx, MESSAGES.c.message_id, message_ids)).values(values))


async def lock_unended_of(tx: Transaction, customer_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """Those of these customers that are still to be sent."""
    theirs = sa.and_(among(tx, MESSAGES.c.customer_id, customer_ids), MESSAGES.c.state.in_(("queued", "sending")))
    return (await tx.execute(sa.select(MESSAGES).where(theirs).order_by(MESSAGES.c.message_id).with_for_update())).all()


async def blank(tx: Transaction, customer_ids: Collection[str]) -> None:
    await tx.execute(sa.update(MESSAGES).where(among(tx, MESSAGES.c.customer_id, customer_ids)).values(subject="", body=""))


async def get(tx: Transaction, message_id: str, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(MESSAGES).where(MESSAGES.c.message_id == message_id)
    return (await tx.execute(query.with_for_update() if lock else query)).one_or_none()


async def attempts(tx: Transaction, message_id: str) -> Sequence[sa.Row[Any]]:
    query = sa.select(MESSAGE_ATTEMPTS).where(MESSAGE_ATTEMPTS.c.message_id == message_id)
    return (await tx.execute(query.order_by(MESSAGE_ATTEMPTS.c.attempt))).all()


async def list_messages(tx: Transaction, *, state: State | None, customer_id: str | None, after: Position | None, limit: int) -> Sequence[sa.Row[Any]]:
    """In the order they were enqueued."""
    query = sa.select(MESSAGES).order_by(MESSAGES.c.enqueued_at, MESSAGES.c.message_id).limit(limit)
    if state is not None:
        query = query.where(MESSAGES.c.state == state)
    if customer_id is not None:
        query = query.where(MESSAGES.c.customer_id == customer_id)
    if after is not None:
        at, message_id = after
        query = query.where(sa.or_(MESSAGES.c.enqueued_at > at, sa.and_(MESSAGES.c.enqueued_at == at, MESSAGES.c.message_id > message_id)))
    return (await tx.execute(query)).all()
