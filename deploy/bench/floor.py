"""The floor under an ingest rate: a bare consumer that decodes the same events and keeps the same bytes in a plain table.

`python -m deploy.bench.floor contract|orjson EVENTS GROUP`, by the settings in its environment. Says when its first batch was
committed and when its last, and stays until its input is closed, so that its CPU can be read.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer

from deploy.bench.load import REPORTED
from shared.bus import Record
from shared.bus.kafka.consumer import CONSUMER
from shared.bus.opening import open_bus
from shared.contracts.decoding import decode
from shared.settings import Settings, load
from shared.worker import tune_collector

COLUMNS = ("topic", "partition", "offset", "value")
TABLE = 'CREATE TABLE floor (topic text NOT NULL, partition integer NOT NULL, "offset" bigint NOT NULL, value {bytes} NOT NULL)'

Decode = Callable[[bytes, str], Any]
DECODERS: dict[str, Decode] = {
    "contract": lambda value, topic: decode(value, topic=topic),
    "orjson": lambda value, topic: orjson.loads(value),
}


class Stopwatch:
    def __init__(self, events: int) -> None:
        self._events, self._done = events, 0

    def committed(self, records: int) -> bool:
        """Whether that was the last."""
        first, self._done = self._done == 0, self._done + records
        if first or self._done >= self._events:
            sys.stdout.write(f"{monotonic()} {self._done}\n")
            sys.stdout.flush()
        return self._done >= self._events


async def on_stack(settings: Settings, decoded: Decode, watch: Stopwatch, group: str) -> None:
    database = await asyncpg.connect(settings.database.replace("{service}", "customer"))
    await database.execute("DROP TABLE IF EXISTS floor; " + TABLE.format(bytes="bytea"))
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bus.removeprefix("kafka://"), group_id=group, **CONSUMER)
    await consumer.start()
    consumer.subscribe(REPORTED)
    while True:
        polled = await consumer.getmany(timeout_ms=500, max_records=settings.batch_records)
        rows = [(at.topic, at.partition, record.offset, record.value) for at, records in polled.items() for record in records]
        if not rows:
            continue
        for topic, _, _, value in rows:
            decoded(value, topic)
        await database.copy_records_to_table("floor", records=rows, columns=COLUMNS)
        await consumer.commit({at: records[-1].offset + 1 for at, records in polled.items()})
        if watch.committed(len(rows)):
            break
    await consumer.stop()
    await database.close()


async def embedded(settings: Settings, decoded: Decode, watch: Stopwatch, group: str) -> None:
    database = sqlite3.connect(settings.data_dir / "floor.db", isolation_level=None, check_same_thread=False)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + TABLE.format(bytes="blob"))
    bus = open_bus(settings)
    await bus.start()
    consumer = await bus.consumer(group, REPORTED)
    while True:
        records = await consumer.poll(max_records=settings.batch_records, timeout_seconds=0.5)
        if not records:
            continue
        for record in records:
            decoded(record.value, record.topic)
        await asyncio.to_thread(_keep, database, records)
        await consumer.commit({record.at: record.offset + 1 for record in records})
        consumer.done()
        if watch.committed(len(records)):
            break
    await bus.close()


def _keep(database: sqlite3.Connection, records: Sequence[Record]) -> None:
    rows = [(record.topic, record.partition, record.offset, record.value) for record in records]
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO floor VALUES (?, ?, ?, ?)", rows)
    database.execute("COMMIT")


def main() -> None:
    kind, events, group = sys.argv[1:]
    settings = load()
    tune_collector()
    measure = embedded if settings.bus == "embedded" else on_stack
    asyncio.run(measure(settings, DECODERS[kind], Stopwatch(int(events)), group))
    sys.stdin.read()


if __name__ == "__main__":
    main()
