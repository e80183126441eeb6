"""What a service says of its worker, and what its handlers are given."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from shared.bus import Record
from shared.contracts.envelope import Event, Payload
from shared.database import Database, Instant, Transaction
from shared.errors import EventRejected
from shared.inbox import InboxTables
from shared.pii import Keyring
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Delivery:
    """One decoded event and the record that brought it."""

    event: Event[Any]
    record: Record
    replayed: bool


class Entry(NamedTuple):
    """A line of the books: how many records of this source came to this end."""

    topic: str
    partition: int
    source: str
    outcome: str


@dataclass(slots=True)
class Batch:
    """What one transaction works on. The worker books what is accepted and dead, handlers book the rest. `keyring`: of a
    worker whose specification says `sealed`."""

    tx: Transaction
    deliveries: list[Delivery]
    dead: list[tuple[Record, EventRejected]]
    keyring: Keyring | None = None
    books: Counter[Entry] = field(default_factory=Counter)


Handler = Callable[[Batch, list[Delivery]], Awaitable[None]]
Handlers = Mapping[type[Payload], Handler]
AfterHandlers = Callable[[Batch], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Work that no event starts. `step` does a bounded piece of it and answers whether more is to be done at once."""

    every_seconds: float
    step: Callable[[Database, Keyring | None], Awaitable[bool]]


Duty = Callable[[Database, Settings, asyncio.Event], Awaitable[None]]
"""Work that goes on beside the batches until the event is set: for what must not wait for one another, as the pieces of a sweep do."""


def workers_table(metadata: sa.MetaData) -> sa.Table:
    """One row per worker process: what the API's readiness says about it."""
    return sa.Table(
        "workers",
        metadata,
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("lag_records", sa.BigInteger, nullable=False),
        sa.Column("beat_at", Instant, nullable=False),
    )


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What differs between the workers of the services."""

    service: str
    handlers: Handlers
    tables: InboxTables
    workers: sa.Table
    after: AfterHandlers | None = None
    sweeps: tuple[Sweep, ...] = ()
    duties: tuple[Duty, ...] = ()
    sealed: bool = False

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(sorted({payload.topic for payload in self.handlers}))
