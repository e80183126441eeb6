"""The file of the embedded bus: its tables, and the threads that may touch it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from shared import clock
from shared.errors import BusUnavailable

T = TypeVar("T")

BUSY_SECONDS = 10
STEP_SECONDS = 0.02
MAX_IDLE_WAL_BYTES = 64 * 1024 * 1024

# A cursor is what a group knows about a partition: which record it takes next, and which member reads it.
# `records` keeps its rowid: WITHOUT ROWID, values would move with every page of the key's tree, at half the speed.
SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS records (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    headers BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    UNIQUE (topic, partition, "offset")
);

CREATE TABLE IF NOT EXISTS groups (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS members (
    id TEXT PRIMARY KEY,
    group_name TEXT NOT NULL,
    topics TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cursors (
    group_name TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    owner TEXT,
    moved_ms INTEGER NOT NULL,
    PRIMARY KEY (group_name, topic, partition)
) WITHOUT ROWID;
"""


class Lane:
    """One connection and the one thread that uses it, so that the event loop never waits for a disk or a lock."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"bus-{name}")
        self._connection: sqlite3.Connection | None = None

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, job)
        except (sqlite3.OperationalError, OSError) as error:
            raise BusUnavailable(f"The embedded bus in {self._path} can not be used: {error}") from error

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _do(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = connect(self._path)
        return job(self._connection)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


class News:
    """Wakes who waits for a commit: at once when it was made in this process, within a step when in another.

    Asks on the event loop itself: that takes 4 microseconds and no I/O, a hop to a thread and back thirty times that.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bell = asyncio.Event()
        self._connection: sqlite3.Connection | None = None

    def tell(self) -> None:
        self._bell.set()
        self._bell.clear()

    def version(self) -> int | None:
        """Another number after every commit; None if it can not be told just now."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            return int(version)
        except sqlite3.OperationalError:
            return None

    async def wait(self, *, seen: int | None, deadline: float) -> None:
        while (left := deadline - clock.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, STEP_SECONDS)):
                    await self._bell.wait()
                    return
            if self.version() != seen:
                return

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {MAX_IDLE_WAL_BYTES}")
    with transaction(connection):
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """SQLite itself does not wait here: of those who switch a new file together it refuses some at once, whatever the timeout."""
    deadline = clock.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or clock.monotonic() > deadline:
                raise
        clock.nap(STEP_SECONDS)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Takes the write lock at once: one that reads first and writes later fails, without waiting, when another wrote between."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
