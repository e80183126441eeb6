"""The database of one service: PostgreSQL, or a SQLite file when embedded. The only place that commits.

Hot statements are multi-row: `insert_rows` sends PostgreSQL one statement with an array per column (one prepared statement
serves every length, and it runs at COPY's rate within a tenth), and executemany to SQLite.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import asyncpg
import orjson
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

Transaction = AsyncConnection
Merge = Literal["replace", "add", "max"]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
POOL_SIZE = 5
POOL_TIMEOUT_SECONDS = 10
COMMAND_TIMEOUT_SECONDS = 30
BUSY_TIMEOUT_SECONDS = 10


def metadata() -> sa.MetaData:
    """One per service: its tables, with constraint names by convention."""
    return sa.MetaData(naming_convention=NAMING)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON document kept as text: no query looks inside."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else orjson.loads(value)


class Instant(sa.types.TypeDecorator[Any]):
    """A moment in UTC. SQLite has no time zones: there it is ISO text of one width, which sorts as the time does."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.String(32) if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class Database:
    """The engine of one service. `transaction` commits when its block ends without an error; `reading` never locks."""

    def __init__(self, url: str) -> None:
        self._engine = _sqlite_engine(url) if url.startswith("sqlite") else _postgres_engine(url)
        self._hot: Any = None
        self._opening = asyncio.Lock()

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @property
    def file(self) -> Path | None:
        """Where SQLite keeps it; None on a server."""
        path = self._engine.url.database
        return Path(path) if self._engine.dialect.name == "sqlite" and path else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._engine.connect() as connection:
            yield connection
            await connection.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def ping(self) -> None:
        async with self.reading() as connection:
            await connection.execute(sa.text("SELECT 1"))

    async def hot(self) -> Any:
        """What HotRead asks, opened when it first does: a connection to the SQLite file, or a pool of the server's driver."""
        if self._hot is None:
            async with self._opening:
                self._hot = self._hot or (_hot_file(self._engine.url) if self.file else await _hot_pool(self._engine.url))
        return self._hot

    async def close(self) -> None:
        if isinstance(self._hot, sqlite3.Connection):
            self._hot.close()
        elif self._hot:
            await self._hot.close()
        await self._engine.dispose()


_ASKED = object()


class HotRead:
    """A statement with one `parameter` or none, compiled once, for what is asked all the time: SQLAlchemy takes many times what the
    query does, and a thread for SQLite as much again. There it runs in the event loop, so it has to be a lookup by key: some ten microseconds.
    """

    def __init__(self, database: Database, statement: sa.Select[Any], parameter: str | None = None) -> None:
        self._database, columns = database, statement.selected_columns
        compiled = statement.compile(dialect=database.engine.dialect)
        self._sql, constants = str(compiled), compiled.params
        self._values = [_ASKED if name == parameter else constants[name] for name in compiled.positiontup or ()]
        self._row: Callable[..., Any] = _rows_of([column.name for column in columns])
        self._instants = [at for at, column in enumerate(columns) if isinstance(column.type, Instant)]

    async def rows(self, value: str = "") -> list[Any]:
        values, opened = [value if one is _ASKED else one for one in self._values], await self._database.hot()
        if isinstance(opened, sqlite3.Connection):
            found = opened.execute(self._sql, values).fetchall()
            return [self._with_instants(row) for row in found] if self._instants else [self._row(*row) for row in found]
        async with opened.acquire() as connection:
            return [self._row(*row) for row in await connection.fetch(self._sql, *values)]

    def _with_instants(self, found: tuple[Any, ...]) -> Any:
        values = list(found)
        for at in self._instants:
            if values[at]:
                values[at] = datetime.fromisoformat(values[at])
        return self._row(*values)


def _rows_of(names: list[str]) -> Callable[..., Any]:
    return namedtuple("Row", names)  # known when it runs only


def _hot_file(url: sa.URL) -> sqlite3.Connection:
    connection = sqlite3.connect(str(url.database), isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


async def _hot_pool(url: sa.URL) -> Any:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return await asyncpg.create_pool(
        address, min_size=1, max_size=POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS, command_timeout=COMMAND_TIMEOUT_SECONDS, reset=_nothing_to_reset
    )


async def _nothing_to_reset(connection: Any) -> None:
    """Reads leave nothing behind; the driver's own reset is a second round trip each time."""


def _postgres_engine(url: str) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={"command_timeout": COMMAND_TIMEOUT_SECONDS, "server_settings": {"jit": "off"}},
    )


def _sqlite_engine(url: str) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=POOL_SIZE, max_overflow=0, pool_timeout=POOL_TIMEOUT_SECONDS)

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver would begin by itself, and late
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        # IMMEDIATE: a transaction that reads first and writes later would fail with "locked" where it should have waited.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


async def insert_rows(
    tx: Transaction,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: tuple[str, ...] = (),
    merge: Mapping[str, Merge] | None = None,
    returning: tuple[str, ...] = (),
) -> Sequence[sa.Row[Any]]:
    """Insert all rows in one go. Rows have the same columns, and no two the same `key`.

    Where `key` exists already: without `merge` the row is left out (and is not returned), with it the named columns are
    replaced by, added to or raised to the new value. Sort rows by key, so that two transactions lock in the same order.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    statement = _insert_statement(tx.dialect.name, table, columns, key, tuple((merge or {}).items()), returning)
    parameters: Any = list(rows)
    if tx.dialect.name == "postgresql":
        parameters = {name: [row[name] for row in rows] for name in columns}
    result = await tx.execute(statement, parameters)
    return result.all() if returning else []


@lru_cache(maxsize=256)
def _insert_statement(
    dialect: str, table: sa.Table, columns: tuple[str, ...], key: tuple[str, ...], merge: tuple[tuple[str, Merge], ...], returning: tuple[str, ...]
) -> Any:
    statement: Any
    if dialect == "postgresql":
        arrays = (sa.func.unnest(sa.bindparam(name, type_=postgresql.ARRAY(table.c[name].type, dimensions=1))) for name in columns)
        statement = postgresql.insert(table).from_select(columns, sa.select(*arrays))
    else:
        statement = sqlite.insert(table)
    if merge:
        changes = {name: _merged(dialect, how, table.c[name], statement.excluded[name]) for name, how in merge}
        statement = statement.on_conflict_do_update(index_elements=key, set_=changes)
    elif key:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    return statement.returning(*(table.c[name] for name in returning)) if returning else statement


def _merged(dialect: str, how: Merge, old: Any, new: Any) -> Any:
    if how == "add":
        return old + new
    if how == "max":
        return sa.func.greatest(old, new) if dialect == "postgresql" else sa.func.max(old, new)
    return new


def among(tx: AsyncConnection, column: sa.Column[Any], values: Collection[Any]) -> sa.ColumnElement[bool]:
    """`column IN values` as one statement for every number of values: one prepared plan, and no limit on parameters."""
    if tx.dialect.name == "postgresql":
        return column == sa.any_(sa.bindparam(None, list(values), type_=postgresql.ARRAY(column.type), unique=True))
    listed = sa.func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
    return column.in_(sa.select(listed.c.value))


def is_transient(error: BaseException) -> bool:
    """Whether trying again later can help: the database or the way to it, not what was asked of it."""
    # InternalClientError: the server has said that it goes down, and the connection is not yet lost.
    if isinstance(error, exc.TimeoutError | OSError | asyncio.TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    original: Any = error
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated or isinstance(error, exc.InterfaceError):
            return True
        original = getattr(error.orig, "__cause__", None) or error.orig
    if isinstance(original, sqlite3.OperationalError):
        return any(word in str(original) for word in ("locked", "busy", "disk", "unable to open"))
    state = str(getattr(original, "sqlstate", "") or "")
    # 08 connection, 40 rollback (deadlock, serialization), 53 resources, 55 lock not available, 57 operator, 58 system.
    return state[:2] in {"08", "40", "53", "55", "57", "58"}
