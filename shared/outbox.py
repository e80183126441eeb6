"""What is to be published is written in the transaction that made it true, and published afterwards, in order.

1. `publish` puts a row into the outbox, in the caller's transaction.
2. The relay takes the oldest rows, publishes them, waits for every ack, and only then deletes them.
A crash between 2's publish and its delete publishes again: readers dedupe by the per-customer sequence or the event id.
One relay per service at a time (an advisory lock; a file lock on SQLite): two would break the order per key. Deleting, and
not a last-seen id, is what makes rows that commit late safe: reading `id > last` loses them.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import telemetry
from shared.bus import Bus, Message
from shared.contracts.envelope import CONTENT_TYPE
from shared.database import Database, HotRead, Json, Transaction, among, insert_rows, is_transient
from shared.errors import BusUnavailable

BATCH = 2000
POLL_SECONDS = 0.05
RETRY_SECONDS = 1.0
ADVISORY_LOCK = 7412

log = telemetry.logger()


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """Column names as Debezium's outbox router expects them, so that it can take over."""
    return sa.Table(
        "outbox",
        metadata,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("aggregatetype", sa.Text, nullable=False),
        sa.Column("aggregateid", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("headers", Json, nullable=False),
    )


async def publish(tx: Transaction, outbox: sa.Table, messages: Iterable[Message]) -> None:
    """Have the messages published once `tx` commits. Lock the aggregate's row before: that is what orders its messages."""
    rows = [
        {
            "aggregatetype": message.topic,
            "aggregateid": message.key,
            "type": message.headers.get("ce_type", b"").decode(),
            "payload": message.value,
            "headers": pack_headers(message.headers),
        }
        for message in messages
    ]
    await insert_rows(tx, outbox, rows)


def event_message(topic: str, key: str, *, event_type: str, event_id: str, value: bytes) -> Message:
    """A structured CloudEvent, with what a reader filters by as headers."""
    headers = {"ce_type": event_type.encode(), "ce_id": event_id.encode(), "content-type": CONTENT_TYPE.encode()}
    return Message(topic, key, value, headers)


def pack_headers(headers: Mapping[str, bytes]) -> dict[str, str]:
    """For a JSON column. Latin-1 has a character for every byte, so nothing is lost and what is text stays readable."""
    return {name: value.decode("latin-1") for name, value in headers.items()}


def unpack_headers(headers: Mapping[str, str]) -> dict[str, bytes]:
    return {name: value.encode("latin-1") for name, value in headers.items()}


class Relay:
    """Publishes the outbox of one service until it is stopped."""

    def __init__(self, *, service: str, database: Database, bus: Bus, outbox: sa.Table) -> None:
        self._service, self._database, self._bus, self._outbox = service, database, bus, outbox
        self._oldest = HotRead(database, sa.select(outbox.c.id).order_by(outbox.c.id).limit(1))
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something was committed: do not wait for the next poll."""
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with self._alone() as connection:
                    while connection is not None and not stop.is_set():
                        # Twenty times a second, mostly for nothing: hence not by way of `connection`, which takes many times as long.
                        if not await self._oldest.rows() or not await self.publish_some(connection):
                            await self._rest(POLL_SECONDS)
            except Exception as error:
                if not (is_transient(error) or isinstance(error, BusUnavailable)):
                    raise
                log.warning("relay_waits", error_class=type(error).__name__, delay_seconds=RETRY_SECONDS)
            if not stop.is_set():
                await self._rest(RETRY_SECONDS)

    async def publish_some(self, connection: AsyncConnection) -> int:
        """Publish the oldest messages and delete them; how many there were.

        All on the connection that holds the lock: when it breaks, so does this, and no second relay runs beside it.
        """
        rows = (await connection.execute(sa.select(self._outbox).order_by(self._outbox.c.id).limit(BATCH))).all()
        telemetry.OUTBOX.labels(self._service).set(len(rows))
        if not rows:
            return 0
        await self._bus.publish([_message(row) for row in rows])
        await connection.execute(self._outbox.delete().where(among(connection, self._outbox.c.id, [row.id for row in rows])))
        for topic, count in Counter(row.aggregatetype for row in rows).items():
            telemetry.PUBLISHED.labels(self._service, topic).inc(count)
        return len(rows)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._news.clear()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[AsyncConnection | None]:
        """A connection, if this is the active relay: the lock goes with it, or with the process. None if another one is."""
        async with self._database.reading() as connection:
            if self._database.file:
                with self._database.file.with_suffix(".relay").open("w") as handle:
                    yield connection if _try_lock(handle.fileno()) else None
                return
            taken = await connection.scalar(sa.text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})"))
            try:
                yield connection if taken else None
            except BaseException:
                # Back in the pool it would keep the lock, and no relay could run but by the chance of being given this one again.
                await connection.invalidate()
                raise
            if taken:
                await connection.execute(sa.text(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})"))


def _message(row: sa.Row[Any]) -> Message:
    return Message(row.aggregatetype, row.aggregateid, row.payload, unpack_headers(row.headers))


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
