"""The bus: one interface, two implementations that pass one behaviour suite (tests/bus/).

`shared.bus.embedded` is a durable log in one SQLite file, for one machine. `shared.bus.kafka` is Apache Kafka.
`shared.bus.opening` picks one by the settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from shared.contracts.topics import TOPICS

# Dead letters, and topics that no contract describes.
LONGEST_RETENTION_DAYS = 30


class Partition(NamedTuple):
    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be published. Same key, same partition: order is kept per key."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """What was polled."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, bytes]
    timestamp_ms: int

    @property
    def at(self) -> Partition:
        return Partition(self.topic, self.partition)


class Consumer(Protocol):
    """One member of a consumer group.

    Invariants, without which events are lost or applied twice:
    1. A batch that `poll` returned is in flight until `done` is called; a rebalance waits for that before it hands partitions on.
    2. Offsets are committed explicitly, after the transaction that applied them; `commit` raises `OwnershipLost` when the
       partitions went to another member meanwhile, which is not an error: the watermark in the database decides.
    3. A new owner starts at the last committed offset, or at the oldest record there is.

    Every method but `done` and `close` may raise BusUnavailable: call it again later, nothing is lost.
    """

    async def poll(self, *, max_records: int, timeout_seconds: float) -> list[Record]:
        """At most `max_records`, in offset order within each partition; empty after `timeout_seconds` without any.

        Also empty while a rebalance is under way, and while a broker that was there is away: `ping` tells.
        """
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """The next offset to read, per partition: all of them or, with OwnershipLost, none."""
        ...

    def done(self) -> None:
        """The batch in flight is finished, applied or not: partitions may go."""
        ...

    async def seek_to_committed(self) -> None:
        """Read again from the committed offsets: what was polled and not applied comes again."""
        ...

    async def lag(self) -> dict[Partition, int]:
        """Records not yet committed, per partition owned."""
        ...

    async def close(self) -> None:
        """Leave the group: what this member owned goes to the others at once, a batch in flight included."""
        ...


class Bus(Protocol):
    async def start(self) -> None:
        """Before anything else. The bus itself may still be away: that is for the other methods to raise, and to get over."""
        ...

    async def close(self) -> None:
        """Also closes the consumers it opened."""
        ...

    async def create_topics(self, names: Sequence[str]) -> None:
        """Idempotent."""
        ...

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when every message is durable (Kafka: all acks; embedded: synced to the disk).

        Raises BusUnavailable, then any part may stand, but of each key only a beginning: publish all of it again. Raises
        TopicMissing (a BusUnavailable), and EventTooLarge for what will never fit.
        """
        ...

    async def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """Join a group. Partitions arrive while polling: others may have to finish a batch first."""
        ...

    async def ping(self) -> None:
        """Raises BusUnavailable when the bus can not be reached."""
        ...


def retention_days(topic: str) -> int:
    return next((known.retention_days for known in TOPICS if known.name == topic), LONGEST_RETENTION_DAYS)
