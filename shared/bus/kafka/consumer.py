"""A member of a group on Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, RebalanceInProgressError
from aiokafka.structs import ConsumerRecord

from shared.bus import Partition, Record
from shared.bus.kafka.client import RETRY_MS, reaching, stop_consumer
from shared.errors import BusUnavailable, OwnershipLost

SESSION_SECONDS = 30.0
BEATS_PER_SESSION = 10
GRACE_SECONDS = 0.5
REBALANCE_MS = 60_000

CONSUMER = {
    # Its commits would take what was polled for applied.
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    # The sticky one embeds metadata that would block a later move to another client.
    "partition_assignment_strategy": (RangePartitionAssignor,),
    # How long a member that joins waits for another one's batch: by default that one would be expelled after 10 s.
    "rebalance_timeout_ms": REBALANCE_MS,
    # Joining is a request that is answered when the rebalance is over.
    "request_timeout_ms": REBALANCE_MS + 5_000,
    # A batch is held for as long as the database is away. The dead are told by their heartbeats.
    "max_poll_interval_ms": 24 * 3600 * 1000,
    # One fetch is under way per broker: the busy partition waits for the idle ones.
    "fetch_max_wait_ms": 50,
    "fetch_max_bytes": 16 * 1024 * 1024,
    "retry_backoff_ms": RETRY_MS,
}


class Handover(ConsumerRebalanceListener):  # type: ignore[misc]
    """Holds a rebalance until the batch in flight is done. Nothing else belongs here: what a listener raises is swallowed."""

    def __init__(self) -> None:
        self.idle = asyncio.Event()
        self.idle.set()

    async def on_partitions_revoked(self, revoked: object) -> None:
        await self.idle.wait()

    def on_partitions_assigned(self, assigned: object) -> None:
        """Reading starts at the committed offsets by itself."""


class KafkaConsumer:
    def __init__(self, servers: str, group: str, topics: Sequence[str], *, prefix: str, session_seconds: float) -> None:
        self._servers, self._group, self._topics, self._prefix, self._session_seconds = servers, group, topics, prefix, session_seconds
        self._handover = Handover()
        self._client: AIOKafkaConsumer | None = None

    async def join(self) -> None:
        await self._joined()

    async def poll(self, *, max_records: int, timeout_seconds: float) -> list[Record]:
        client = await self._joined()
        try:
            # While a rebalance is under way getmany waits for its end, whatever the timeout.
            async with asyncio.timeout(timeout_seconds + GRACE_SECONDS):
                polled = await client.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
                if polled:
                    # No await since: a rebalance that began in between would not wait for this batch.
                    self._handover.idle.clear()
        except TimeoutError:
            return []
        except KafkaError as error:
            await self._stop()
            raise BusUnavailable(f"Kafka can not be read: {error!r}") from error
        return [self._record(record) for records in polled.values() for record in records]

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        if self._client is None:
            raise OwnershipLost
        async with reaching():
            try:
                await self._client.commit({TopicPartition(self._prefix + at.topic, at.number): offset for at, offset in offsets.items()})
            except (CommitFailedError, IllegalStateError, RebalanceInProgressError) as error:
                raise OwnershipLost(str(error)) from error

    def done(self) -> None:
        self._handover.idle.set()

    async def seek_to_committed(self) -> None:
        client = self._client
        if client is None:
            return
        async with reaching():
            for at, offset in (await self._committed(client)).items():
                # The client's own seek_to_committed passes over partitions without a commit.
                with suppress(IllegalStateError):  # not ours any more
                    if offset is None:
                        await client.seek_to_beginning(at)
                    else:
                        client.seek(at, offset)

    async def lag(self) -> dict[Partition, int]:
        client = self._client
        if client is None:
            return {}
        async with reaching():
            committed = await self._committed(client)
            starts, ends = await client.beginning_offsets(list(committed)), await client.end_offsets(list(committed))
        return {self._partition(at): ends[at] - max(offset or 0, starts[at]) for at, offset in committed.items()}

    async def close(self) -> None:
        # The client leaves when the listener is through, and that waits for the batch.
        self.done()
        await self._stop()

    async def _joined(self) -> AIOKafkaConsumer:
        if self._client is None:
            session_ms = int(self._session_seconds * 1000)
            beat_ms = session_ms // BEATS_PER_SESSION
            client = AIOKafkaConsumer(
                bootstrap_servers=self._servers, group_id=self._group, session_timeout_ms=session_ms, heartbeat_interval_ms=beat_ms, **CONSUMER
            )
            async with reaching():
                try:
                    await client.start()
                except BaseException:
                    await stop_consumer(client)
                    raise
            # Not before the start, which would wait until all other members have finished their batches.
            client.subscribe(self._topics, listener=self._handover)
            self._client = client
        return self._client

    async def _stop(self) -> None:
        client, self._client = self._client, None
        if client:
            await stop_consumer(client)

    async def _committed(self, client: AIOKafkaConsumer) -> dict[TopicPartition, int | None]:
        owned = list(client.assignment())
        return dict(zip(owned, await asyncio.gather(*map(client.committed, owned)), strict=True))

    def _partition(self, at: TopicPartition) -> Partition:
        return Partition(at.topic.removeprefix(self._prefix), at.partition)

    def _record(self, record: ConsumerRecord) -> Record:
        """Other producers may leave out what ours always give."""
        key = (record.key or b"").decode(errors="replace")
        headers = {name: value or b"" for name, value in record.headers}
        return Record(record.topic.removeprefix(self._prefix), record.partition, record.offset, key, record.value or b"", headers, record.timestamp)
