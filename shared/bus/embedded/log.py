"""The log: what is appended to, read from and removed from partitions. Every function runs on a lane's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from shared.bus import Message, Partition, Record
from shared.bus.embedded.file import transaction

# So many bytes of values end a fetch, whatever number of records was asked for: it all lies in memory at once.
FETCH_BYTES = 16 * 1024 * 1024
EXPIRE_CHUNK_RECORDS = 1000


class Row(NamedTuple):
    """A record that has no offset yet."""

    at: Partition
    key: str
    value: bytes
    headers: bytes


class Fetched(NamedTuple):
    generation: int
    records: list[Record]
    next_offsets: dict[Partition, int]


class Keep(NamedTuple):
    """What retention leaves alone in a partition, besides what a group that is alive has not committed."""

    since_ms: int
    records: int
    groups_since_ms: int


def create_partitions(connection: sqlite3.Connection, topics: Sequence[str], count: int) -> None:
    with transaction(connection):
        rows = [(topic, number) for topic in topics for number in range(count)]
        connection.executemany("INSERT OR IGNORE INTO partitions (topic, number) VALUES (?, ?)", rows)


def partition_counts(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT topic, count(*) FROM partitions GROUP BY topic"))


def row_of(message: Message, at: Partition) -> Row:
    # Latin-1 has a character for every byte.
    headers = orjson.dumps({name: value.decode("latin-1") for name, value in message.headers.items()})
    return Row(at, message.key, message.value, headers)


def append(connection: sqlite3.Connection, rows: Sequence[Row], *, now_ms: int) -> None:
    with transaction(connection):
        following = {at: _next_offset(connection, at) for at in {row.at for row in rows}}
        numbered = []
        for row in rows:
            numbered.append((*row.at, following[row.at], row.key, row.value, row.headers, now_ms))
            following[row.at] += 1
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", numbered)
        connection.executemany(
            "UPDATE partitions SET next_offset = ? WHERE topic = ? AND number = ?", [(next_offset, *at) for at, next_offset in following.items()]
        )


def _next_offset(connection: sqlite3.Connection, at: Partition) -> int:
    (offset,) = connection.execute("SELECT next_offset FROM partitions WHERE topic = ? AND number = ?", at).fetchone()
    return int(offset)


def fetch(connection: sqlite3.Connection, group: str, positions: Mapping[Partition, int], *, max_records: int, prefix: str) -> Fetched:
    """The records at `positions`, the partitions in the order given, and the generation of the group that they were read at."""
    connection.execute("BEGIN")
    try:
        generation = connection.execute("SELECT generation FROM groups WHERE name = ?", (group,)).fetchone()
        records: list[Record] = []
        next_offsets: dict[Partition, int] = {}
        for at, record in _read(connection, _behind(connection, positions), max_records, prefix):
            records.append(record)
            next_offsets[at] = record.offset + 1
    finally:
        connection.execute("COMMIT")
    return Fetched(generation[0] if generation else 0, records, next_offsets)


def _behind(connection: sqlite3.Connection, positions: Mapping[Partition, int]) -> dict[Partition, int]:
    """Those of the positions that have records."""
    topics = sorted({at.topic for at in positions})
    marks = ", ".join("?" * len(topics))
    rows = connection.execute(f"SELECT topic, number, next_offset FROM partitions WHERE topic IN ({marks})", topics)
    ends = {Partition(topic, number): next_offset for topic, number, next_offset in rows}
    return {at: position for at, position in positions.items() if position < ends[at]}


def _read(connection: sqlite3.Connection, positions: Mapping[Partition, int], max_records: int, prefix: str) -> Iterator[tuple[Partition, Record]]:
    left_records, left_bytes = max_records, FETCH_BYTES
    for at, position in positions.items():
        topic = at.topic.removeprefix(prefix)
        rows = connection.execute(
            'SELECT "offset", key, value, headers, timestamp_ms FROM records WHERE topic = ? AND partition = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?',
            (*at, position, left_records),
        )
        for offset, key, value, headers, timestamp_ms in rows:
            yield at, Record(topic, at.number, offset, key, value, _unpacked(headers), timestamp_ms)
            left_records -= 1
            left_bytes -= len(value)
            if left_records <= 0 or left_bytes <= 0:
                return


def _unpacked(headers: bytes) -> dict[str, bytes]:
    return {name: value.encode("latin-1") for name, value in orjson.loads(headers).items()}


def expire(connection: sqlite3.Connection, at: Partition, keep: Keep) -> int:
    """Remove the oldest records, one chunk at most; how many went."""
    with transaction(connection):
        next_offset = _next_offset(connection, at)
        (committed,) = connection.execute(
            "SELECT min(next_offset) FROM cursors WHERE topic = ? AND partition = ? AND moved_ms >= ?", (*at, keep.groups_since_ms)
        ).fetchone()
        floor = next_offset if committed is None else committed
        deleted = connection.execute(
            """
            DELETE FROM records WHERE rowid IN (
                SELECT rowid FROM (
                    SELECT rowid, "offset", timestamp_ms FROM records
                    WHERE topic = ? AND partition = ? AND "offset" < ? ORDER BY "offset" LIMIT ?
                ) WHERE timestamp_ms < ? OR "offset" < ?
            )
            """,
            (*at, floor, EXPIRE_CHUNK_RECORDS, keep.since_ms, next_offset - keep.records),
        )
        return deleted.rowcount
