"""What there is when all is quiet: every row and every record, read plainly and judged elsewhere."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from deploy.chaos.ledger import Ledger, Name
from shared import pii
from shared.bus import Bus, Consumer, Partition, Record
from shared.bus.opening import open_bus
from shared.contracts import topics
from shared.contracts.topics import dead_letter_topic
from shared.database import Database
from shared.errors import BusUnavailable
from shared.pii import Keyring
from shared.settings import Settings

SERVICES = ("customer", "segmentation", "retention", "gateway")
READS: Mapping[str, tuple[str, ...]] = {
    "customer": (*topics.INPUTS, topics.OUTCOMES),
    "segmentation": (topics.ACTIVITY, topics.FEEDS, topics.CONTACTS),
    "retention": (topics.ACTIVITY, topics.ALERTS, topics.SEGMENTS),
    "gateway": (topics.ACTIVITY, topics.SEGMENTS, topics.ALERTS, topics.CONTACTS, topics.OUTCOMES),
}
DEAD_LETTERS = tuple(dead_letter_topic(topic, "customer") for topic in topics.INPUTS)
OWN_SOURCE = "holdfast/customer"
JOIN_SECONDS = 30.0
LOOK_SECONDS = 0.5
IDLE_SECONDS = 5.0
# Longer than the longest rest of anything that works by itself.
REST_SECONDS = 3.0

# Rows that no auditor looks at, or that change for ever.
_TABLES: Mapping[str, tuple[str, ...]] = {
    "customer": ("customers", "data_keys", "facts", "rollups", "intake", "dead_letters", "outbox", "watermarks"),
    "segmentation": ("features", "purchase_days", "rfm", "standings", "churn_scores", "alerts", "dead_letters", "outbox", "watermarks"),
    "retention": ("contactables", "decisions", "tasks", "waiting_alerts", "campaigns", "dead_letters", "outbox", "watermarks"),
    "gateway": ("views", "alerts", "tasks", "dead_letters", "outbox", "watermarks"),
}
_JSON = frozenset({"profile", "measures", "data", "headers", "gaps", "behaviour", "timeline", "offers"})

Row = Mapping[str, Any]


class Activity(NamedTuple):
    """One `activity` message as it lies on the bus. `resets`: readers forget what they held of the customer."""

    customer_id: str
    sequence: int
    facts: Sequence[Mapping[str, Any]]
    months: Mapping[str, Mapping[str, int]]
    resets: bool

    @property
    def label(self) -> str:
        return f"activity {self.sequence} of {self.customer_id}"


@dataclass(frozen=True)
class Evidence:
    """`rows` by service and table; `records` by topic, those of a partition in their order; `ends` are the offsets that come next.

    Personal texts lie sealed in rows and records: `keyring` opens them.
    """

    ledger: Ledger
    keyring: Keyring
    rows: Mapping[str, Mapping[str, list[Row]]]
    records: Mapping[str, list[Record]]
    ends: Mapping[Partition, int]

    @cached_property
    def activities(self) -> list[Activity]:
        return [_activity(orjson.loads(record.value)) for record in self.records[topics.ACTIVITY]]

    @cached_property
    def told(self) -> list[Activity]:
        """What readers have to hold: each message once, and of each customer only what was said since the last reset."""
        messages = {(one.customer_id, one.sequence): one for one in self.activities}.values()
        resets: dict[str, int] = {}
        for one in messages:
            if one.resets:
                resets[one.customer_id] = max(one.sequence, resets.get(one.customer_id, 0))
        return sorted((one for one in messages if one.sequence >= resets.get(one.customer_id, 0)), key=lambda one: one.sequence)

    @cached_property
    def facts(self) -> dict[Name, Row]:
        """Those that were reported to us; see `found_out`."""
        return self._facts(lambda row: row["source"] != OWN_SOURCE and not _is_parked(row))

    @cached_property
    def parked(self) -> dict[Name, Row]:
        return self._facts(_is_parked)

    @cached_property
    def found_out(self) -> dict[Name, Row]:
        """Facts of the customer service's own: no ledger knows of them."""
        return self._facts(lambda row: row["source"] == OWN_SOURCE)

    def _facts(self, wanted: Callable[[Row], bool]) -> dict[Name, Row]:
        return {(row["source"], row["id"]): row for row in self.rows["customer"]["facts"] if wanted(row)}

    def opened(self, document: Any) -> Any:
        return pii.opened(document, self._keys)

    @cached_property
    def _keys(self) -> dict[str, pii.DataKey]:
        rows = [row for row in self.rows["customer"]["data_keys"] if row["wrapped"]]
        return {row["key_id"]: self.keyring.unwrap(row["key_id"], row["master_id"], row["wrapped"]) for row in rows}


def _is_parked(row: Row) -> bool:
    return row["customer_id"] is None and not row["subject"].startswith("cell:")


def _activity(event: Mapping[str, Any]) -> Activity:
    data = event["data"]
    return Activity(event["subject"].removeprefix("customer:"), event["sequence"], data.get("facts", ()), data.get("months", {}), data.get("resets", False))


async def gather(ledger: Ledger, settings: Settings) -> Evidence:
    rows = {service: await _tables(settings.database_url(service), _TABLES[service]) for service in SERVICES}
    async with reading(settings) as reader:
        ends = await reader.ends()
        return Evidence(ledger, Keyring.load(settings.keyring_path), rows, await reader.read(ends), ends)


class Reader:
    """Reads every topic from the beginning, in a group of its own that never commits."""

    def __init__(self, bus: Bus, names: Iterable[str]) -> None:
        self._bus, self._names = bus, tuple(names)
        self._consumer: Consumer | None = None

    async def ends(self) -> dict[Partition, int]:
        """The offset that comes next, per partition. Raises BusUnavailable."""
        consumer = self._consumer or await self._join()
        deadline = time.monotonic() + JOIN_SECONDS
        while time.monotonic() < deadline:
            # Nothing is committed, so all there is lies before this group.
            ends = await consumer.lag()
            if {at.topic for at in ends} == set(self._names):
                return ends
            await consumer.poll(max_records=1, timeout_seconds=0.1)
            consumer.done()
        raise BusUnavailable(f"no partitions after {JOIN_SECONDS:.0f} s")

    async def read(self, ends: Mapping[Partition, int]) -> dict[str, list[Record]]:
        """All there is: up to the ends, or until nothing more comes."""
        consumer = self._consumer or await self._join()
        await consumer.seek_to_committed()
        found: dict[Partition, dict[int, Record]] = {at: {} for at in ends}
        patience = time.monotonic() + IDLE_SECONDS
        while any(len(found[at]) < end for at, end in ends.items()) and time.monotonic() < patience:
            for record in await consumer.poll(max_records=5000, timeout_seconds=0.5):
                found[record.at][record.offset] = record
                patience = time.monotonic() + IDLE_SECONDS
            consumer.done()
        return {name: [one for at in sorted(found) if at.topic == name for _, one in sorted(found[at].items())] for name in self._names}

    async def _join(self) -> Consumer:
        self._consumer = await self._bus.consumer(f"auditor-{uuid.uuid4().hex}", self._names)
        return self._consumer


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Reader]:
    bus = open_bus(settings)
    await bus.start()
    try:
        yield Reader(bus, (*(topic.name for topic in topics.TOPICS), *DEAD_LETTERS))
    finally:
        await bus.close()


async def quiet(settings: Settings, *, seconds: float) -> str:
    """Wait until every worker has taken in all there is and published all it had to, and it stays so. Empty, or what was left."""
    deadline = time.monotonic() + seconds
    async with reading(settings) as reader:
        while True:
            waiting = await _left_or_trouble(settings, reader)
            if not waiting:
                await asyncio.sleep(REST_SECONDS)
                waiting = await _left_or_trouble(settings, reader)
            if not waiting or time.monotonic() > deadline:
                return waiting
            await asyncio.sleep(LOOK_SECONDS)


async def left(settings: Settings) -> str:
    """What is still to be done; empty: nothing."""
    async with reading(settings) as reader:
        return await _left_or_trouble(settings, reader)


async def _left_or_trouble(settings: Settings, reader: Reader) -> str:
    try:
        return await _left(settings, reader)
    except (BusUnavailable, sa.exc.SQLAlchemyError, OSError) as error:
        return f"{type(error).__name__}: {error}"


async def _left(settings: Settings, reader: Reader) -> str:
    """In the order of the flow: whoever is before has nothing left to publish when the next one is asked."""
    for service in SERVICES:
        ends = {at: end for at, end in (await reader.ends()).items() if at.topic in READS[service]}
        found = await _tables(settings.database_url(service), ("watermarks", "outbox"))
        taken = watermarks(found["watermarks"])
        behind = sum(end - taken.get(at, 0) for at, end in ends.items())
        if behind or found["outbox"]:
            return f"{service}: {behind} records to take in, {len(found['outbox'])} messages to publish"
    return ""


def watermarks(rows: Iterable[Row]) -> dict[Partition, int]:
    return {Partition(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def _tables(url: str, names: Iterable[str]) -> dict[str, list[Row]]:
    database = Database(url)
    try:
        async with database.reading() as connection:
            return {name: [_plain(dict(row._mapping)) for row in await connection.execute(sa.text(f"SELECT * FROM {name}"))] for name in names}
    finally:
        await database.close()


def _plain(row: Mapping[str, Any]) -> Row:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    """SQLite keeps moments as text, both keep documents as text."""
    if isinstance(value, str) and name in _JSON:
        return orjson.loads(value)
    if isinstance(value, str) and name.endswith("_at"):
        return datetime.fromisoformat(value)
    return value
