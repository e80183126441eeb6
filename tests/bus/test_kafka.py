"""What is particular to Kafka: a broker that goes away, and how topics are made."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.commit import OffsetFetchRequest

from deploy.stack import Stack
from shared.bus import Message, Record
from shared.bus.kafka import PARTITIONS, KafkaBus
from shared.errors import BusUnavailable
from tests.bus.place import SESSION_SECONDS
from tests.bus.test_bus import SUBJECTS, ends, numbered, numbers, poll_some, take

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def stack(own_stack: Stack) -> Stack:
    return own_stack


@pytest.fixture
def prefix() -> str:
    return f"{uuid.uuid4().hex[:8]}."


@pytest.fixture
async def bus(kafka_servers: str, prefix: str) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(kafka_servers, prefix, session_seconds=SESSION_SECONDS)
    await bus.start()
    yield bus
    await bus.close()


@asynccontextmanager
async def broker_away(stack: Stack) -> AsyncIterator[None]:
    await asyncio.to_thread(stack.kafka.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(stack.kafka.start)


async def test_loses_nothing_while_the_broker_is_away(bus: KafkaBus, stack: Stack) -> None:
    await bus.create_topics(["billing"])
    consumer = await bus.consumer("readers", ["billing"])
    await bus.publish(numbered(100))
    before = await take(consumer, 100)
    await bus.publish(numbered(100, start=100))
    in_flight = await poll_some(consumer, max_records=10)
    async with broker_away(stack):
        uses = (bus.ping(), bus.publish(numbered(50, start=200)), consumer.commit(ends(in_flight)), consumer.lag(), bus.consumer("late", ["billing"]))
        outcomes = await asyncio.gather(*uses, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [BusUnavailable] * len(uses)
    consumer.done()
    await bus.ping()
    await bus.publish(numbered(50, start=200))
    await consumer.seek_to_committed()
    after: list[Record] = []
    while len(set(numbers(after))) < 150:
        batch = await poll_some(consumer)
        await consumer.commit(ends(batch))
        consumer.done()
        after += batch
    assert set(numbers(before)) == set(range(100))
    assert set(numbers(after)) == set(range(100, 250))
    for key in SUBJECTS:
        of_key = list(dict.fromkeys(numbers(record for record in after if record.key == key)))
        assert of_key == sorted(of_key)


async def test_starts_before_the_broker(kafka_servers: str, prefix: str, stack: Stack) -> None:
    bus = KafkaBus(kafka_servers, prefix)
    async with broker_away(stack):
        await bus.start()
        for use in (bus.create_topics(["billing"]), bus.publish(numbered(1)), bus.consumer("readers", ["billing"])):
            with pytest.raises(BusUnavailable):
                await use
    await bus.create_topics(["billing"])
    await bus.publish(numbered(1))
    assert numbers(await take(await bus.consumer("readers", ["billing"]), 1)) == [0]
    await bus.close()


async def test_leaves_nothing_running_when_it_closes_without_the_broker(kafka_servers: str, prefix: str, stack: Stack) -> None:
    before = asyncio.all_tasks()
    bus = KafkaBus(kafka_servers, prefix)
    await bus.create_topics(["billing"])
    await bus.publish(numbered(10))
    await poll_some(await bus.consumer("readers", ["billing"]))
    async with broker_away(stack):
        with pytest.raises(BusUnavailable):
            await bus.publish(numbered(10))
        await bus.close()
        assert asyncio.all_tasks() == before


def test_asks_for_offsets_so_that_aiokafka_reads_the_error() -> None:
    assert OffsetFetchRequest("readers", [("billing", [0])]).prepare({OffsetFetchRequest.API_KEY: (1, 10)}).API_VERSION == 1


async def test_makes_topics_as_their_contract_says(bus: KafkaBus, kafka_servers: str, prefix: str) -> None:
    names = ["billing", "activity", "billing.customer.dlq"]
    await bus.create_topics(names)
    await bus.publish([Message(name, "customer:C-1", b"") for name in names])
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_servers)
    await admin.start()
    try:
        topics = {topic["topic"].removeprefix(prefix): topic for topic in await admin.describe_topics() if topic["topic"].startswith(prefix)}
        wanted = [ConfigResource(ConfigResourceType.TOPIC, prefix + name, configs={"retention.ms": ""}) for name in topics]
        (answer,) = await admin.describe_configs(wanted)
    finally:
        await admin.close()
    assert {name: len(topic["partitions"]) for name, topic in topics.items()} == dict.fromkeys(names, PARTITIONS)
    kept = {name.removeprefix(prefix): int(entries[0][1]) // DAY_MS for _, _, _, name, entries in answer.resources}
    assert kept == {"billing": 7, "activity": 30, "billing.customer.dlq": 30}
