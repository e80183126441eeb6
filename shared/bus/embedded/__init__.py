"""The bus for one machine: a durable log in one SQLite file, which any number of processes use at once.

What `publish` returned for is on the disk, a power cut included. Nothing runs but the processes that use it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shared import clock, telemetry
from shared.bus import Message, Partition, retention_days
from shared.bus.embedded import log
from shared.bus.embedded.consumer import EmbeddedConsumer, now_ms
from shared.bus.embedded.file import Lane, News
from shared.bus.embedded.groups import Member
from shared.bus.partitioner import partition_of
from shared.errors import BusUnavailable, EventTooLarge, TopicMissing

PARTITIONS = 8
LEASE_SECONDS = 10.0
SWEEP_SECONDS = 60.0
KEEP_RECORDS = 1_000_000
MAX_VALUE_BYTES = 4 * 1024 * 1024
# A group that has neither joined nor committed for so long holds back no record any more, as on Kafka.
GROUP_DAYS = 30

logger = telemetry.logger()


class Append(NamedTuple):
    """What one call of `publish` waits for."""

    rows: list[log.Row]
    durable: asyncio.Future[None]


class EmbeddedBus:
    def __init__(self, path: Path, topic_prefix: str = "", *, lease_seconds: float = LEASE_SECONDS, keep_records: int = KEEP_RECORDS) -> None:
        self._prefix, self._lease_seconds, self._keep_records = topic_prefix, lease_seconds, keep_records
        self._writer, self._reader = Lane(path, "writer"), Lane(path, "reader")
        self._news = News(path)
        self._waiting: list[Append] = []
        self._appending: asyncio.Task[None] | None = None
        self._counts: dict[str, int] = {}
        self._consumers: list[EmbeddedConsumer] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._sweeper = asyncio.create_task(self._sweep_for_ever())

    async def close(self) -> None:
        if self._sweeper:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        for consumer in self._consumers:
            await consumer.close()
        if self._appending:
            await self._appending
        await self._writer.close()
        await self._reader.close()
        self._news.close()

    async def create_topics(self, names: Sequence[str]) -> None:
        topics = [self._prefix + name for name in names]
        await self._writer.run(partial(log.create_partitions, topics=topics, count=PARTITIONS))

    async def publish(self, messages: Sequence[Message]) -> None:
        rows = [log.row_of(message, await self._partition_of(message)) for message in messages]
        append = Append(rows, asyncio.get_running_loop().create_future())
        self._waiting.append(append)
        if self._appending is None or self._appending.done():
            self._appending = asyncio.create_task(self._append_waiting())
        await append.durable

    async def consumer(self, group: str, topics: Sequence[str]) -> EmbeddedConsumer:
        for topic in topics:
            await self._partitions_of(topic)
        names = tuple(self._prefix + topic for topic in topics)
        member = Member(uuid.uuid4().hex, self._prefix + group, names, int(self._lease_seconds * 1000))
        consumer = EmbeddedConsumer(member, prefix=self._prefix, writer=self._writer, reader=self._reader, news=self._news)
        await consumer.join()
        self._consumers.append(consumer)
        return consumer

    async def ping(self) -> None:
        await self._reader.run(log.partition_counts)

    async def sweep(self, now: datetime) -> None:
        """Remove what retention allows, in transactions so short that publishers do not notice."""
        groups_since = now - timedelta(days=GROUP_DAYS)
        for topic, partitions in (await self._topics()).items():
            since = now - timedelta(days=retention_days(topic))
            keep = log.Keep(_to_ms(since), self._keep_records, _to_ms(groups_since))
            for number in range(partitions):
                while await self._writer.run(partial(log.expire, at=Partition(self._prefix + topic, number), keep=keep)):
                    pass

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep(clock.wall())
            except BusUnavailable as error:
                logger.warning("sweep_failed", error=error.detail)

    async def _partition_of(self, message: Message) -> Partition:
        if len(message.value) > MAX_VALUE_BYTES:
            raise EventTooLarge(f"A message of {len(message.value)} bytes: the bus takes {MAX_VALUE_BYTES}")
        count = self._counts.get(message.topic) or await self._partitions_of(message.topic)
        return Partition(self._prefix + message.topic, partition_of(message.key.encode(), count))

    async def _partitions_of(self, topic: str) -> int:
        if topic not in self._counts:
            self._counts = await self._topics()
        if topic not in self._counts:
            raise TopicMissing(f"There is no topic {topic}: create_topics has to come first")
        return self._counts[topic]

    async def _topics(self) -> dict[str, int]:
        counts = await self._reader.run(log.partition_counts)
        return {name.removeprefix(self._prefix): count for name, count in counts.items() if name.startswith(self._prefix)}

    async def _append_waiting(self) -> None:
        """All who wait in one transaction, then those who came meanwhile: a sync of the disk costs more than a hundred records."""
        while self._waiting:
            together, self._waiting = self._waiting, []
            failed: Exception | None = None
            try:
                await self._writer.run(partial(log.append, rows=[row for each in together for row in each.rows], now_ms=now_ms()))
            except Exception as error:  # of whatever kind, each of them has to hear of it
                failed = error
            for each in together:
                if each.durable.done():
                    continue  # who waited was cancelled
                if failed:
                    each.durable.set_exception(failed)
                else:
                    each.durable.set_result(None)
            self._news.tell()


def _to_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
