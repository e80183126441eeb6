"""A request that is sent again is done once. Apart from `web`: workers load the table with their others, and have no use for FastAPI."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import sqlalchemy as sa

from shared import clock
from shared.database import Instant, Json, Transaction, insert_rows
from shared.errors import Conflict, IdempotencyKeyReused


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("answer", Json, nullable=False),
        sa.Column("answered_at", Instant, nullable=False),
    )


async def once(tx: Transaction, table: sa.Table, *, key: str, request: Any, act: Callable[[], Awaitable[Any]]) -> Any:
    """`act`'s answer, kept in the same transaction: the same key again gets the kept answer, and nothing is done twice.

    Raises IdempotencyKeyReused when the key came with another request, Conflict while the first is still in flight.
    (SQLite has one writer: there the second waits for the first.)
    """
    request_hash = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    if tx.dialect.name == "postgresql":
        free = await tx.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(key, 0))))
        if not free:
            raise Conflict("a request with this Idempotency-Key is in flight")
    kept = (await tx.execute(sa.select(table).where(table.c.key == key))).one_or_none()
    if kept is not None:
        if kept.request_hash != request_hash:
            raise IdempotencyKeyReused
        return kept.answer
    answer = await act()
    await insert_rows(tx, table, [{"key": key, "request_hash": request_hash, "answer": answer, "answered_at": clock.wall()}])
    return answer
