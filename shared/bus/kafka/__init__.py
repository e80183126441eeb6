"""The bus on Apache Kafka, through aiokafka."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from shared.bus import Message, retention_days
from shared.bus.kafka.client import DEADLINE_SECONDS, RETRY_MS, reaching, stop_producer
from shared.bus.kafka.consumer import SESSION_SECONDS, KafkaConsumer
from shared.bus.partitioner import partition_of
from shared.errors import TopicMissing

PARTITIONS = 12
MOST_REPLICAS = 3
TOPIC_ALREADY_EXISTS = 36
# After compression. A dead letter has more headers than the record that it was.
MAX_RECORD_BYTES = 2 * 1024 * 1024
MAX_DEAD_LETTER_BYTES = 2 * MAX_RECORD_BYTES
# How long a new topic may take to be known to every broker.
NEW_TOPIC_SECONDS = 5.0
PING_SECONDS = 3.0

PRODUCER = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 5,
    "max_batch_size": 256 * 1024,
    # Before compression: whether a record fits is for its topic to say.
    "max_request_size": 64 * 1024 * 1024,
    "compression_type": "zstd",
    "partitioner": lambda key, partitions, _: partitions[partition_of(key, len(partitions))],
    "retry_backoff_ms": RETRY_MS,
    "request_timeout_ms": int(DEADLINE_SECONDS * 1000),
}


class KafkaBus:
    """An idempotent producer never gives up what it was handed, hence:

    1. What a publish that ran out of time has left under way is waited for by the next one: else the same messages, given
       again, would pile up, for as long as the broker is away.
    2. After a refusal there is a gap in the producer's sequence and Kafka refuses all that follows: the producer is replaced.
    """

    def __init__(self, servers: str, topic_prefix: str = "", *, session_seconds: float = SESSION_SECONDS) -> None:
        self._servers, self._prefix, self._session_seconds = servers, topic_prefix, session_seconds
        self._producer: AIOKafkaProducer | None = None
        self._changing_producer = asyncio.Lock()
        self._left_over: set[asyncio.Future[Any]] = set()
        self._consumers: list[KafkaConsumer] = []

    async def start(self) -> None:
        """Who needs a connection makes it: the broker may come later."""

    async def close(self) -> None:
        for consumer in self._consumers:
            await consumer.close()
        if self._producer:
            await stop_producer(self._producer)

    async def create_topics(self, names: Sequence[str]) -> None:
        async with reaching():
            admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
            try:
                await admin.start()
                brokers = len((await admin.describe_cluster())["brokers"])
                answer = await admin.create_topics([self._new_topic(name, replicas=min(MOST_REPLICAS, brokers)) for name in names])
            finally:
                await admin.close()
            # It answers per topic, and raises for none.
            for topic, code, *_ in answer.topic_errors:
                if code not in (0, TOPIC_ALREADY_EXISTS):
                    raise for_code(code)(topic)

    async def publish(self, messages: Sequence[Message]) -> None:
        async with reaching():
            producer = await self._connected()
            await self._settle(producer, self._left_over)
            await self._require(producer, {message.topic for message in messages})
            sent: set[asyncio.Future[Any]] = set()
            try:
                for message in messages:
                    sent.add(await self._send(producer, message))
                await self._settle(producer, sent)
            finally:
                self._left_over |= {future for future in sent if not future.done()}

    async def consumer(self, group: str, topics: Sequence[str]) -> KafkaConsumer:
        async with reaching():
            await self._require(await self._connected(), topics)
        names = [self._prefix + topic for topic in topics]
        consumer = KafkaConsumer(self._servers, self._prefix + group, names, prefix=self._prefix, session_seconds=self._session_seconds)
        await consumer.join()
        self._consumers.append(consumer)
        return consumer

    async def ping(self) -> None:
        async with reaching(PING_SECONDS):
            await (await self._connected()).client.fetch_all_metadata()

    async def _connected(self) -> AIOKafkaProducer:
        async with self._changing_producer:
            if self._producer is None:
                producer = AIOKafkaProducer(bootstrap_servers=self._servers, **PRODUCER)
                try:
                    await producer.start()
                except BaseException:
                    await stop_producer(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _replace(self, producer: AIOKafkaProducer) -> None:
        async with self._changing_producer:
            if self._producer is producer:
                self._producer = None
                self._left_over.clear()
                await stop_producer(producer)

    async def _require(self, producer: AIOKafkaProducer, topics: Collection[str]) -> None:
        """The client would wait for a missing topic as it waits for a broker."""
        for topic in topics:
            try:
                async with asyncio.timeout(NEW_TOPIC_SECONDS):
                    await producer.partitions_for(self._prefix + topic)
            except TimeoutError:
                if self._prefix + topic in (await producer.client.fetch_all_metadata()).topics():
                    raise
                raise TopicMissing(f"There is no topic {topic}: create_topics has to come first") from None

    async def _send(self, producer: AIOKafkaProducer, message: Message) -> asyncio.Future[Any]:
        """Queue it, in the order of calls, and give back what tells its end."""
        ack: asyncio.Future[Any] = await producer.send(
            self._prefix + message.topic, key=message.key.encode(), value=message.value, headers=list(message.headers.items())
        )
        return ack

    async def _settle(self, producer: AIOKafkaProducer, sent: Collection[asyncio.Future[Any]]) -> None:
        if not sent:
            return
        done, _ = await asyncio.wait(sent)
        self._left_over -= done
        refusals = [error for error in (future.exception() for future in done) if error]
        if refusals:
            await self._replace(producer)
            raise refusals[0]

    def _new_topic(self, name: str, *, replicas: int) -> NewTopic:
        settings = {
            "retention.ms": int(timedelta(days=retention_days(name)).total_seconds() * 1000),
            "max.message.bytes": MAX_DEAD_LETTER_BYTES if name.endswith(".dlq") else MAX_RECORD_BYTES,
            # So that "all acks" means two of three, and one may be lost.
            "min.insync.replicas": max(1, replicas - 1),
        }
        return NewTopic(self._prefix + name, PARTITIONS, replicas, topic_configs={key: str(value) for key, value in settings.items()})
