"""Exactly-once effects of at-least-once delivery, and the records that could not be applied.

The watermark row of a partition says which offset is next. It is advanced in the transaction that applies the batch, so
what lies below it was applied and is dropped when the bus delivers it again: after a crash between the database's commit
and the bus's, or after a rebalance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from shared import clock
from shared.bus import Message, Partition, Record
from shared.contracts.decoding import peek_source
from shared.contracts.envelope import SUBJECTS
from shared.contracts.topics import dead_letter_topic
from shared.database import Instant, Json, Transaction, insert_rows
from shared.errors import Conflict, EventRejected, NotFound
from shared.outbox import pack_headers, publish, unpack_headers
from shared.pii import SEALED_BYTES, Keyring

MAX_KEPT_BYTES = 2_000_000

# Names the group a record is published again for: the others applied it the first time.
REPLAY_HEADER = "x-replay-for"


class Remains(NamedTuple):
    """Of a record that died."""

    key: str
    value: bytes
    headers: Mapping[str, bytes]


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


async def bury(tx: Transaction, tables: InboxTables, *, group: str, dead: Sequence[tuple[Record, EventRejected]], keyring: Keyring | None = None) -> None:
    """Keep what can not be applied: a row with the original bytes and the reason, and a copy on the dead-letter topic.

    With a keyring both are sealed: nobody knows whose data they hold, so it is under the master key and no customer's.
    """
    remains = [_remains(record, keyring) for record, _ in dead]
    rows = [_grave(record, error, kept) for (record, error), kept in zip(dead, remains, strict=True)]
    await insert_rows(tx, tables.dead_letters, rows, key=("topic", "partition", "offset"))
    await publish(tx, tables.outbox, [_dead_message(record, error, kept, group) for (record, error), kept in zip(dead, remains, strict=True)])


async def list_dead(tx: Transaction, dead_letters: sa.Table, *, status: str | None, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Oldest first, those after `after`."""
    query = sa.select(dead_letters).where(dead_letters.c.id > after).order_by(dead_letters.c.id).limit(limit)
    return (await tx.execute(query if status is None else query.where(dead_letters.c.status == status))).all()


async def get_dead(tx: Transaction, dead_letters: sa.Table, dead_id: int) -> sa.Row[Any]:
    row = (await tx.execute(sa.select(dead_letters).where(dead_letters.c.id == dead_id).with_for_update())).one_or_none()
    if row is None:
        raise NotFound(f"no dead letter {dead_id}")
    return row


def remains_of(row: sa.Row[Any], keyring: Keyring | None) -> Remains:
    """What came, of a dead letter's row, opened."""
    if keyring is None or not row.value.startswith(SEALED_BYTES):
        return Remains(row.key, row.value, unpack_headers(row.headers))
    document = orjson.loads(keyring.open_bytes(row.value))
    return Remains(document["key"], document["value"].encode("latin-1"), unpack_headers(document["headers"]))


async def replay_dead(tx: Transaction, tables: InboxTables, dead_id: int, *, group: str, fixed: bytes | None, keyring: Keyring | None = None) -> Message:
    """Publish a dead letter to its topic again, as it was or `fixed`. Once: a second replay is a Conflict."""
    row = await get_dead(tx, tables.dead_letters, dead_id)
    if row.status != "dead":
        raise Conflict(f"dead letter {dead_id} was replayed at {row.replayed_at.isoformat()}")
    came = remains_of(row, keyring)
    # A fixed value is structured JSON whatever it was before: the headers that said otherwise go.
    headers = dict(came.headers) if fixed is None else {}
    message = Message(row.topic, came.key, came.value if fixed is None else fixed, headers | {REPLAY_HEADER: group.encode()})
    await tx.execute(sa.update(tables.dead_letters).where(tables.dead_letters.c.id == dead_id).values(status="replayed", replayed_at=clock.wall()))
    await publish(tx, tables.outbox, [message])
    return message


def _remains(record: Record, keyring: Keyring | None) -> Remains:
    """As it is kept. Sealed it is one piece: the key and the headers of a record name its subject too."""
    value = record.value[:MAX_KEPT_BYTES]
    if keyring is None:
        return Remains(record.key, value, record.headers)
    document = {"key": record.key, "value": value.decode("latin-1"), "headers": pack_headers(record.headers)}
    return Remains(_stand_in(record.key, keyring), keyring.seal_bytes(orjson.dumps(document)), {})


def _stand_in(key: str, keyring: Keyring) -> str:
    """What a subject is stored as, so that what is about a customer is found; a key that is none says nothing."""
    is_subject = any(re.fullmatch(pattern, key) for pattern in SUBJECTS.values())
    return keyring.subject(key) if is_subject else f"key:{keyring.index('text', key)}"


def _grave(record: Record, error: EventRejected, kept: Remains) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "source": peek_source(record.value),
        "key": kept.key,
        "value": kept.value,
        "headers": pack_headers(kept.headers),
        "code": error.code,
        "detail": error.detail[:2000].replace("\x00", ""),
        "died_at": clock.wall(),
        "status": "dead",
    }


def _dead_message(record: Record, error: EventRejected, kept: Remains, group: str) -> Message:
    reason = {"code": error.code, "detail": error.detail[:2000], "topic": record.topic, "partition": record.partition, "offset": record.offset}
    return Message(dead_letter_topic(record.topic, group), kept.key, kept.value, {**kept.headers, "x-dead-letter": orjson.dumps(reason)})
