"""Exactly-once effects of at-least-once delivery, and the records that could not be applied.

The watermark row of a partition says which offset is next. It is advanced in the transaction that applies the batch, so
what lies below it was applied and is dropped when the bus delivers it again: after a crash between the database's commit
and the bus's, or after a rebalance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from shared import clock
from shared.bus import Message, Partition, Record
from shared.contracts.decoding import peek_source
from shared.contracts.topics import dead_letter_topic
from shared.database import Instant, Json, Transaction, insert_rows
from shared.errors import Conflict, EventRejected, NotFound
from shared.outbox import pack_headers, publish, unpack_headers

MAX_KEPT_BYTES = 2_000_000

# Names the group a record is published again for: the others applied it the first time.
REPLAY_HEADER = "x-replay-for"


@dataclass(frozen=True, slots=True)
class InboxTables:
    watermarks: sa.Table
    dead_letters: sa.Table
    outbox: sa.Table


def inbox_tables(metadata: sa.MetaData, outbox: sa.Table) -> InboxTables:
    watermarks = sa.Table(
        "watermarks",
        metadata,
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
    )
    dead_letters = sa.Table(
        "dead_letters",
        metadata,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("died_at", Instant, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="dead"),
        sa.Column("replayed_at", Instant),
        sa.UniqueConstraint("topic", "partition", "offset"),
    )
    return InboxTables(watermarks, dead_letters, outbox)


async def advance(tx: Transaction, watermarks: sa.Table, records: Sequence[Record]) -> list[Record]:
    """Move the watermarks past `records`, and give back those that were not applied before. Locks in partition order."""
    ends: dict[Partition, int] = {}
    for record in records:
        ends[record.at] = max(ends.get(record.at, 0), record.offset + 1)
    partitions = sorted(ends)
    await insert_rows(tx, watermarks, [{"topic": at.topic, "partition": at.number, "next_offset": 0} for at in partitions], key=("topic", "partition"))
    rows = await tx.execute(
        sa.select(watermarks)
        .where(sa.tuple_(watermarks.c.topic, watermarks.c.partition).in_([tuple(at) for at in partitions]))
        .order_by(watermarks.c.topic, watermarks.c.partition)
        .with_for_update()
    )
    applied = {Partition(row.topic, row.partition): row.next_offset for row in rows}
    moved = [{"topic": at.topic, "partition": at.number, "next_offset": ends[at]} for at in partitions if ends[at] > applied[at]]
    await insert_rows(tx, watermarks, moved, key=("topic", "partition"), merge={"next_offset": "replace"})
    return [record for record in records if record.offset >= applied[record.at]]


async def bury(tx: Transaction, tables: InboxTables, *, group: str, dead: Sequence[tuple[Record, EventRejected]]) -> None:
    """Keep what can not be applied: a row with the original bytes and the reason, and a copy on the dead-letter topic."""
    rows = [_grave(record, error) for record, error in dead]
    await insert_rows(tx, tables.dead_letters, rows, key=("topic", "partition", "offset"))
    await publish(tx, tables.outbox, [_dead_message(record, error, group) for record, error in dead])


async def list_dead(tx: Transaction, dead_letters: sa.Table, *, status: str | None, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Oldest first, those after `after`."""
    query = sa.select(dead_letters).where(dead_letters.c.id > after).order_by(dead_letters.c.id).limit(limit)
    return (await tx.execute(query if status is None else query.where(dead_letters.c.status == status))).all()


async def get_dead(tx: Transaction, dead_letters: sa.Table, dead_id: int) -> sa.Row[Any]:
    row = (await tx.execute(sa.select(dead_letters).where(dead_letters.c.id == dead_id).with_for_update())).one_or_none()
    if row is None:
        raise NotFound(f"no dead letter {dead_id}")
    return row


async def replay_dead(tx: Transaction, tables: InboxTables, dead_id: int, *, group: str, fixed: bytes | None) -> Message:
    """Publish a dead letter to its topic again, as it was or `fixed`. Once: a second replay is a Conflict."""
    row = await get_dead(tx, tables.dead_letters, dead_id)
    if row.status != "dead":
        raise Conflict(f"dead letter {dead_id} was replayed at {row.replayed_at.isoformat()}")
    # A fixed value is structured JSON whatever it was before: the headers that said otherwise go.
    headers = unpack_headers(row.headers) if fixed is None else {}
    message = Message(row.topic, row.key, row.value if fixed is None else fixed, headers | {REPLAY_HEADER: group.encode()})
    await tx.execute(sa.update(tables.dead_letters).where(tables.dead_letters.c.id == dead_id).values(status="replayed", replayed_at=clock.wall()))
    await publish(tx, tables.outbox, [message])
    return message


def _grave(record: Record, error: EventRejected) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "source": peek_source(record.value),
        "key": record.key,
        "value": record.value[:MAX_KEPT_BYTES],
        "headers": pack_headers(record.headers),
        "code": error.code,
        "detail": error.detail[:2000].replace("\x00", ""),
        "died_at": clock.wall(),
        "status": "dead",
    }


def _dead_message(record: Record, error: EventRejected, group: str) -> Message:
    reason = {"code": error.code, "detail": error.detail[:2000], "topic": record.topic, "partition": record.partition, "offset": record.offset}
    return Message(dead_letter_topic(record.topic, group), record.key, record.value, {**record.headers, "x-dead-letter": orjson.dumps(reason)})
