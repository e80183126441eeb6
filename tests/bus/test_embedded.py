"""What is particular to one file that many processes use."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from shared import clock
from shared.bus import Message, Partition, Record
from shared.bus.embedded import EmbeddedBus, groups, log
from shared.bus.embedded.file import connect
from shared.bus.embedded.groups import Member, ranges
from shared.errors import BusUnavailable, OwnershipLost
from tests.bus.place import Place
from tests.bus.process import BATCH

KEEP_RECORDS = 1500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "bus.db"


@pytest.fixture
async def bus(path: Path) -> AsyncIterator[EmbeddedBus]:
    """With the topic `billing`."""
    bus = EmbeddedBus(path, keep_records=KEEP_RECORDS)
    await bus.start()
    await bus.create_topics(["billing"])
    yield bus
    await bus.close()


async def read(bus: EmbeddedBus, group: str, *, commit: bool = False) -> list[Record]:
    """All there is."""
    consumer = await bus.consumer(group, ["billing"])
    records: list[Record] = []
    while batch := await consumer.poll(max_records=1000, timeout_seconds=0):
        if commit:
            await consumer.commit(ends(batch))
        records += batch
    await consumer.close()
    return records


def ends(records: Sequence[Record]) -> dict[Partition, int]:
    return {record.at: record.offset + 1 for record in records}


def of_one_key(count: int) -> list[Message]:
    return [Message("billing", "account:A-1", str(number).encode()) for number in range(count)]


async def lines(output: asyncio.StreamReader | None) -> list[int]:
    assert output
    return [int(line) for line in (await output.read()).split()]


def assert_without_gaps(records: Sequence[Record]) -> None:
    by_partition: dict[Partition, list[int]] = {}
    for record in records:
        by_partition.setdefault(record.at, []).append(record.offset)
    for offsets in by_partition.values():
        assert offsets == list(range(len(offsets)))


async def test_processes_append_at_once_and_lose_nothing(bus: EmbeddedBus, path: Path) -> None:
    place, names, batches = Place("embedded", str(path)), ("a", "b", "c"), 40
    async with (
        place.process("publish", "a", "billing", str(batches)) as a,
        place.process("publish", "b", "billing", str(batches)) as b,
        place.process("publish", "c", "billing", str(batches)) as c,
    ):
        for process in (a, b, c):
            assert await lines(process.stdout) == list(range(batches))
    records = await read(bus, "readers")
    assert_without_gaps(records)
    for key in (f"{name}-{index}" for name in names for index in range(BATCH)):
        name = key.partition("-")[0]
        assert [record.value.decode() for record in records if record.key == key] == [f"{name} {number}" for number in range(batches)]


async def test_a_writer_killed_while_it_appends_leaves_whole_batches(bus: EmbeddedBus, path: Path) -> None:
    async with Place("embedded", str(path)).process("publish", "a", "billing", "1000000") as writer:
        assert writer.stdout
        for _ in range(20):
            await writer.stdout.readline()
        writer.kill()
        acknowledged = 20 + len(await lines(writer.stdout))
    await bus.publish(of_one_key(1))
    records = await read(bus, "readers")
    assert_without_gaps(records)
    values = sorted(int(record.value.split()[1]) for record in records if record.key != "account:A-1")
    assert len(values) == len(records) - 1
    assert values == sorted(list(range(len(values) // BATCH)) * BATCH)
    # One may have become durable that it did not live to tell.
    assert acknowledged <= len(values) // BATCH <= acknowledged + 1


def test_who_starts_together_agrees_on_the_tables(tmp_path: Path) -> None:
    def open_and_create(path: Path) -> None:
        with closing(connect(path)) as connection:
            log.create_partitions(connection, ["billing"], 8)

    with ThreadPoolExecutor(8) as threads:
        for number in range(10):
            list(threads.map(open_and_create, [tmp_path / f"{number}.db"] * 8))


async def test_a_folder_that_can_not_be_used_is_a_bus_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in its place")
    bus = EmbeddedBus(tmp_path / "data" / "bus.db")
    await bus.start()
    for use in (bus.ping(), bus.create_topics(["billing"]), bus.publish(of_one_key(1)), bus.consumer("readers", ["billing"])):
        with pytest.raises(BusUnavailable):
            await use
    (tmp_path / "data").unlink()
    await bus.create_topics(["billing"])
    await bus.publish(of_one_key(1))
    assert len(await read(bus, "readers")) == 1
    await bus.close()


async def test_many_publishers_at_once_are_each_answered(bus: EmbeddedBus) -> None:
    messages = of_one_key(300)
    async with asyncio.TaskGroup() as tasks:
        for message in messages:
            tasks.create_task(bus.publish([message]))
    assert sorted(int(record.value) for record in await read(bus, "readers")) == list(range(300))


async def test_a_full_disk_fails_the_publish_and_nothing_else(bus: EmbeddedBus, path: Path) -> None:
    await bus.publish(of_one_key(10))
    # What SQLite says is the same, whether the disk has no room or the file may have none.
    await bus._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    outcomes = await asyncio.gather(*(bus.publish([Message("billing", "account:A-1", bytes(100_000))]) for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BusUnavailable] * 5
    await bus._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())
    await bus.publish(of_one_key(10))
    assert [len(record.value) for record in await read(bus, "readers")] == [1] * 20


def kept(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
        return int(count)


async def test_removes_what_is_old_and_committed_by_every_group(bus: EmbeddedBus, path: Path) -> None:
    await bus.publish(of_one_key(1200))
    await read(bus, "customer", commit=True)
    slow = await bus.consumer("gateway", ["billing"])
    await slow.commit(ends(await slow.poll(max_records=1100, timeout_seconds=0)))
    await slow.close()
    # Billing is kept for seven days, and a group that has not moved for thirty does not count.
    for days, left in ((6, 1200), (8, 100), (29, 100), (31, 0)):
        await bus.sweep(clock.wall() + timedelta(days=days))
        assert kept(path) == left
    await bus.publish(of_one_key(1))
    assert [record.offset for record in await read(bus, "gateway")] == [1200]
    assert [record.offset for record in await read(bus, "new")] == [1200]


async def test_removes_what_is_too_much_and_committed_by_every_group(bus: EmbeddedBus, path: Path) -> None:
    await bus.publish(of_one_key(KEEP_RECORDS + 2500))
    await bus.sweep(clock.wall())
    assert kept(path) == KEEP_RECORDS
    first = await read(bus, "readers", commit=True)
    assert first[0].offset == 2500
    await bus.publish(of_one_key(1000))
    slow = await bus.consumer("gateway", ["billing"])
    await bus.sweep(clock.wall())
    assert kept(path) == KEEP_RECORDS + 1000
    await slow.close()


def test_a_member_whose_lease_ended_has_lost_what_it_held(path: Path) -> None:
    slow, quick = (Member(name, "readers", ("billing",), lease_ms=10_000) for name in ("slow", "quick"))
    everything = {Partition("billing", number): 0 for number in range(8)}
    with closing(connect(path)) as connection:
        log.create_partitions(connection, ["billing"], 8)
        assert groups.rebalance(connection, slow, now_ms=0).committed == everything
        assert groups.rebalance(connection, quick, now_ms=10_000).committed == {}
        before = groups.rebalance(connection, quick, now_ms=10_001)
        assert before.committed == everything
        with pytest.raises(OwnershipLost):
            groups.commit(connection, slow, {Partition("billing", 0): 5}, now_ms=10_002)
        assert not groups.renew(connection, slow, now_ms=10_002)
        groups.commit(connection, quick, {Partition("billing", 0): 7}, now_ms=10_003)
        back = groups.rebalance(connection, slow, now_ms=10_004)
        assert (back.joined, back.committed) == (True, {})
        assert back.generation > before.generation
        kept = groups.rebalance(connection, quick, now_ms=10_005).committed
        taken = groups.rebalance(connection, slow, now_ms=10_006).committed
        assert (len(kept), len(taken)) == (4, 4)
        assert kept | taken == everything | {Partition("billing", 0): 7}


def test_ranges_follow_from_members_and_partitions_alone() -> None:
    partitions = [Partition(topic, number) for topic in ("billing", "care") for number in range(8)]
    members = {"c": ["billing"], "a": ["billing", "care"], "b": ["billing"]}
    owners = ranges(partitions, members)
    assert owners == ranges(reversed(partitions), dict(reversed(members.items())))
    assert [owners[Partition("billing", number)] for number in range(8)] == list("aaabbbcc")
    assert {owners[Partition("care", number)] for number in range(8)} == {"a"}
    assert ranges(partitions, {}) == {}
    crowd = {f"{number:02}": ["care"] for number in range(11)}
    assert len(set(ranges(partitions, crowd).values())) == 8
