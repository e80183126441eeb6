"""What a bus has to do, whichever it is: every test runs on the embedded one and on real Kafka."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka

from shared.bus import Bus, Consumer, Message, Partition, Record
from shared.bus.partitioner import murmur2, partition_of
from shared.errors import EventTooLarge, OwnershipLost, TopicMissing
from tests.bus.conftest import OpenBus
from tests.bus.place import LEASE_SECONDS, Place

DEADLINE_SECONDS = 60.0
SUBJECTS = [f"msisdn:86138{number:08d}" for number in range(40)]


def numbered(count: int, *, topic: str = "billing", start: int = 0) -> list[Message]:
    """Messages over many keys, the number as value."""
    return [Message(topic, SUBJECTS[number % len(SUBJECTS)], str(number).encode()) for number in range(start, start + count)]


def numbers(records: Iterable[Record]) -> list[int]:
    return [int(record.value) for record in records]


def ends(records: Sequence[Record]) -> dict[Partition, int]:
    return {record.at: record.offset + 1 for record in records}


async def poll_some(consumer: Consumer, *, max_records: int = 1000) -> list[Record]:
    """The next batch, in flight."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if records := await consumer.poll(max_records=max_records, timeout_seconds=0.2):
            return records
    raise AssertionError(f"no record in {DEADLINE_SECONDS} s")


async def take(consumer: Consumer, count: int, *, max_records: int = 1000) -> list[Record]:
    """Exactly `count` records, applied as a worker would."""
    taken: list[Record] = []
    while len(taken) < count:
        batch = await poll_some(consumer, max_records=max_records)
        await consumer.commit(ends(batch))
        consumer.done()
        taken += batch
    assert len(taken) == count
    return taken


async def take_between(members: Sequence[Consumer], count: int) -> list[list[Record]]:
    """Exactly `count` records, applied by several members at work: what each of them got."""
    taken: list[list[Record]] = [[] for _ in members]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while sum(map(len, taken)) < count:
        assert time.monotonic() < deadline, f"{sum(map(len, taken))} of {count} records in {DEADLINE_SECONDS} s"
        for index, member in enumerate(members):
            batch = await member.poll(max_records=50, timeout_seconds=0.05)
            if batch:
                await member.commit(ends(batch))
            member.done()
            taken[index] += batch
    assert sum(map(len, taken)) == count
    return taken


async def nothing_comes(*members: Consumer, seconds: float = 1.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for member in members:
            assert await member.poll(max_records=10, timeout_seconds=0.1) == []


async def all_own_some(*members: Consumer) -> None:
    """Wait until each member owns partitions and none is owned by two, while nothing is left to read."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        await nothing_comes(*members, seconds=0.1)
        owned = [set(await member.lag()) for member in members]
        if all(owned) and len(set.union(*owned)) == sum(map(len, owned)):
            return
        assert time.monotonic() < deadline, owned


async def test_keeps_the_order_of_each_key(bus: Bus) -> None:
    for start in range(0, 1000, 100):
        await bus.publish(numbered(100, start=start))
    by_key: dict[str, list[Record]] = defaultdict(list)
    for record in await take(await bus.consumer("readers", ["billing"]), 1000, max_records=70):
        by_key[record.key].append(record)
    assert set(by_key) == set(SUBJECTS)
    for records in by_key.values():
        assert len({record.partition for record in records}) == 1
        assert numbers(records) == sorted(numbers(records))


async def test_spreads_keys_as_kafka_does(bus: Bus) -> None:
    await bus.publish(numbered(40))
    consumer = await bus.consumer("readers", ["billing"])
    records = await take(consumer, 40)
    count = len(await consumer.lag())
    assert count > 1
    for record in records:
        assert record.partition == partition_of(record.key.encode(), count)


def test_hashes_as_kafka_does() -> None:
    for length, seed in itertools.product(range(20), range(50)):
        data = bytes((seed * 37 + index * 11) % 256 for index in range(length))
        assert murmur2(data) == murmur2_of_aiokafka(data)


async def test_groups_do_not_disturb_each_other(bus: Bus) -> None:
    await bus.publish(numbered(100))
    for group in ("customer", "gateway"):
        assert sorted(numbers(await take(await bus.consumer(group, ["billing"]), 100))) == list(range(100))


async def test_reads_several_topics(bus: Bus) -> None:
    await bus.publish(numbered(50) + numbered(50, topic="care"))
    records = await take(await bus.consumer("readers", ["billing", "care"]), 100)
    assert {topic: len([record for record in records if record.topic == topic]) for topic in ("billing", "care")} == {"billing": 50, "care": 50}


async def test_resumes_at_what_was_committed(bus: Bus, open_bus: OpenBus) -> None:
    await bus.publish(numbered(100))
    first = await bus.consumer("readers", ["billing"])
    before = await take(first, 100)
    await first.close()
    await bus.publish(numbered(100, start=100))
    second = await (await open_bus()).consumer("readers", ["billing"])
    after = await take(second, 100)
    assert sorted(numbers(before + after)) == list(range(200))


async def test_delivers_again_what_was_not_committed(bus: Bus) -> None:
    await bus.publish(numbered(100))
    first = await bus.consumer("readers", ["billing"])
    batch = await poll_some(first, max_records=30)
    await first.commit(ends(batch))
    first.done()
    await poll_some(first, max_records=30)
    await first.close()
    rest = await take(await bus.consumer("readers", ["billing"]), 100 - len(batch))
    assert sorted(numbers(batch + rest)) == list(range(100))


async def test_goes_back_to_what_was_committed(bus: Bus) -> None:
    await bus.publish(numbered(100))
    consumer = await bus.consumer("readers", ["billing"])
    batch = await poll_some(consumer, max_records=20)
    await consumer.seek_to_committed()
    consumer.done()
    committed = await poll_some(consumer, max_records=20)
    await consumer.commit(ends(committed))
    consumer.done()
    await poll_some(consumer, max_records=20)
    await consumer.seek_to_committed()
    consumer.done()
    rest = await take(consumer, 100 - len(committed))
    assert batch
    assert sorted(numbers(committed + rest)) == list(range(100))


async def test_tells_what_is_not_committed_yet(bus: Bus) -> None:
    await bus.publish(numbered(100))
    consumer = await bus.consumer("readers", ["billing"])
    batch = await poll_some(consumer, max_records=30)
    assert sum((await consumer.lag()).values()) == 100
    await consumer.commit(ends(batch))
    consumer.done()
    assert sum((await consumer.lag()).values()) == 100 - len(batch)
    assert {at.topic for at in await consumer.lag()} == {"billing"}


async def test_wakes_a_waiting_member(bus: Bus, open_bus: OpenBus) -> None:
    consumer = await bus.consumer("readers", ["billing"])
    await nothing_comes(consumer)
    for publisher in (bus, await open_bus()):
        polling = asyncio.create_task(consumer.poll(max_records=10, timeout_seconds=DEADLINE_SECONDS))
        await publisher.publish(numbered(1))
        assert numbers(await polling) == [0]
        consumer.done()


async def test_two_members_share_the_work(bus: Bus, open_bus: OpenBus) -> None:
    """The second joins, and the first leaves, in the middle of it."""
    await bus.publish(numbered(1000))
    first = await bus.consumer("readers", ["billing"])
    alone = await take(first, 500, max_records=1)
    second = await (await open_bus()).consumer("readers", ["billing"])
    joined = await take_between([first, second], 500)
    await all_own_some(first, second)
    await bus.publish(numbered(1000, start=1000))
    by_first, by_second = await take_between([first, second], 1000)
    assert by_first
    assert by_second
    await bus.publish(numbered(500, start=2000))
    await first.close()
    left = await take(second, 500)
    everything = [*alone, *itertools.chain(*joined), *by_first, *by_second, *left]
    assert sorted(numbers(everything)) == list(range(2500))
    for member in ([*alone, *joined[0], *by_first], [*joined[1], *by_second, *left]):
        for key in SUBJECTS:
            of_key = numbers(record for record in member if record.key == key)
            assert of_key == sorted(of_key)


async def test_a_batch_in_flight_is_waited_for(bus: Bus, open_bus: OpenBus) -> None:
    await bus.publish(numbered(100))
    first = await bus.consumer("readers", ["billing"])
    batch = await poll_some(first, max_records=10)
    second = await (await open_bus()).consumer("readers", ["billing"])
    # For longer than a lease: who holds a batch is not dead.
    await nothing_comes(second, seconds=2 * LEASE_SECONDS)
    await first.commit(ends(batch))
    first.done()
    rest = await take_between([first, second], 100 - len(batch))
    assert sorted(numbers([*batch, *itertools.chain(*rest)])) == list(range(100))


async def test_what_a_killed_member_held_goes_to_another(bus: Bus, place: Place) -> None:
    await bus.publish(numbered(100))
    async with place.process("hold", "readers", "billing") as holder:
        assert holder.stdout
        assert int(await holder.stdout.readline()) > 0
        survivor = await bus.consumer("readers", ["billing"])
        await nothing_comes(survivor)
        holder.kill()
    assert sorted(numbers(await take(survivor, 100))) == list(range(100))


async def test_refuses_the_commit_of_a_former_owner(bus: Bus, open_bus: OpenBus) -> None:
    first = await bus.consumer("readers", ["billing"])
    await bus.publish(numbered(100))
    late: list[Record] = []
    while len(late) < 100:
        late += await poll_some(first)
    first.done()
    second = await (await open_bus()).consumer("readers", ["billing"])
    moved = await poll_some(second)
    with pytest.raises(OwnershipLost):
        await first.commit(ends(late))
    await second.commit(ends(moved))
    second.done()
    await first.close()
    rest = await take(second, 100 - len(moved))
    assert sorted(numbers(moved + rest)) == list(range(100))


async def test_a_slow_reader_of_a_big_backlog_holds_little_of_it(bus: Bus, open_bus: OpenBus) -> None:
    values = [os.urandom(512 * 1024) for _ in range(4)]
    for _ in range(24):
        await bus.publish([Message("billing", subject, value) for subject, value in zip(SUBJECTS, values, strict=False)])
    values.clear()
    consumer = await (await open_bus()).consumer("readers", ["billing"])
    tracemalloc.start()
    try:
        assert len(await poll_some(consumer, max_records=96)) <= 34
        consumer.done()
        for _ in range(20):
            assert len(await poll_some(consumer, max_records=2)) <= 2
            consumer.done()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 * 1024 * 1024


async def test_carries_any_bytes(bus: Bus) -> None:
    every_byte = bytes(range(256))
    messages = [
        Message("billing", "customer:张三 é", every_byte, {"ce_id": b"1", "raw": every_byte, "empty": b"", "名": "值".encode()}),
        Message("billing", "customer:张三 é", b""),
    ]
    await bus.publish(messages)
    records = await take(await bus.consumer("readers", ["billing"]), 2)
    assert [(record.key, record.value, record.headers) for record in records] == [(message.key, message.value, message.headers) for message in messages]
    assert all(abs(record.timestamp_ms / 1000 - time.time()) < 3600 for record in records)


async def test_carries_one_megabyte(bus: Bus) -> None:
    value = os.urandom(1024 * 1024)
    await bus.publish([Message("billing", "account:A-1", value, {"ce_id": b"1"})])
    (record,) = await take(await bus.consumer("readers", ["billing"]), 1)
    assert record.value == value


async def test_refuses_what_is_too_large_and_goes_on(bus: Bus) -> None:
    with pytest.raises(EventTooLarge):
        await bus.publish([Message("billing", "account:A-1", os.urandom(5 * 1024 * 1024))])
    await bus.publish(numbered(100))
    assert sorted(numbers(await take(await bus.consumer("readers", ["billing"]), 100))) == list(range(100))


async def test_names_a_topic_that_is_missing(bus: Bus) -> None:
    with pytest.raises(TopicMissing, match="no topic orders"):
        await bus.publish([Message("orders", "customer:C-1", b"")])
    with pytest.raises(TopicMissing, match="no topic orders"):
        await bus.consumer("readers", ["billing", "orders"])
    await bus.create_topics(["orders", "billing"])
    await bus.publish(numbered(1, topic="orders"))
    assert numbers(await take(await bus.consumer("readers", ["billing", "orders"]), 1)) == [0]


async def test_keeps_prefixes_apart(bus: Bus, place: Place, open_bus: OpenBus) -> None:
    others = [replace(place, prefix=prefix).bus() for prefix in ("", f"{place.prefix}other.")]
    try:
        for other in others:
            await other.start()
        without_prefix, other_prefix = others
        await other_prefix.create_topics(["billing"])
        await other_prefix.publish(numbered(10, start=100))
        await bus.publish(numbered(10))
        assert sorted(numbers(await take(await bus.consumer("readers", ["billing"]), 10))) == list(range(10))
        on_the_wire = await take(await without_prefix.consumer("readers", [f"{place.prefix}billing"]), 10)
        assert {record.topic for record in on_the_wire} == {f"{place.prefix}billing"}
    finally:
        for other in others:
            await other.close()


async def test_answers_while_it_is_there(bus: Bus) -> None:
    await bus.ping()
    await bus.publish([])
