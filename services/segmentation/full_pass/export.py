"""Customers and purchase days out of the database into Parquet, a batch at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from services.segmentation.full_pass import engines, expression
from services.segmentation.tables import FEATURES, PURCHASE_DAYS
from shared.database import Database, Transaction

BATCH_ROWS = 50_000

Rows = AsyncIterator[list[tuple[Any, ...]]]


async def export(database: Database, folder: Path, *, batch_rows: int = BATCH_ROWS) -> dict[str, int]:
    """Rows by file. Days first: a customer comes with their first one, so that no day lacks its customer."""
    async with _snapshot(database) as tx:
        return {
            engines.PURCHASE_DAYS: await _write(folder / engines.PURCHASE_DAYS, purchase_days(tx, batch_rows), expression.PURCHASE_DAYS.to_pyarrow()),
            engines.CUSTOMERS: await _write(folder / engines.CUSTOMERS, customers(tx, batch_rows), expression.CUSTOMERS.to_pyarrow()),
        }


def _snapshot(database: Database) -> AbstractAsyncContextManager[Transaction]:
    """A cursor of PostgreSQL lives in a transaction, which blocks nobody. One of SQLite would keep every writer out."""
    return database.reading() if database.file else database.transaction()


def customers(tx: Transaction, batch_rows: int) -> Rows:
    """Everybody ever heard of: customer_id, population, active_day."""
    return _stream(tx, sa.select(FEATURES.c.customer_id, FEATURES.c.population, FEATURES.c.active_day), batch_rows)


def purchase_days(tx: Transaction, batch_rows: int) -> Rows:
    """customer_id, day, payments, paid_minor."""
    days = PURCHASE_DAYS.c
    return _stream(tx, sa.select(days.customer_id, days.day, days.payments, days.paid_minor), batch_rows)


async def _stream(tx: Transaction, query: sa.Select[Any], batch_rows: int) -> Rows:
    result = await tx.stream(query, execution_options={"yield_per": batch_rows})
    async for rows in result.partitions():
        yield [tuple(row) for row in rows]


async def _write(path: Path, batches: Rows, schema: pa.Schema) -> int:
    written = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        async for rows in batches:
            writer.write_batch(_batch(rows, schema))
            written += len(rows)
    return written


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [_array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    """Days come as ISO text."""
    return pa.array(values, pa.string()).cast(kind) if pa.types.is_date(kind) else pa.array(values, kind)
