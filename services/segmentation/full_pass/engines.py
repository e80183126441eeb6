"""What runs the full pass: DuckDB on one machine, or Spark on one or many. Ibis writes the SQL of either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import duckdb
import ibis

from services.segmentation.full_pass import expression

CUSTOMERS, PURCHASE_DAYS, CUTS, SCORES = "customers.parquet", "purchase_days.parquet", "cuts.parquet", "scores.parquet"


class NoSpark(Exception):
    """What is missing, and how to get it."""


class Engine(Protocol):
    """Paths are of Parquet: a file, or for Spark also a folder of parts, on any storage that it knows."""

    def read(self, path: str, name: str, schema: ibis.Schema) -> ibis.Table: ...

    def keep(self, table: ibis.Table, name: str) -> ibis.Table:
        """The same, worked out once for all who read it; on disk, where memory does not hold it."""

    def write(self, table: ibis.Table, path: str) -> None:
        """Over what is there."""


def run(engine: Engine, *, source: str, target: str, as_of: date) -> None:
    """From the customers and purchase days in the folder `source`: cut points and scores into the folder `target`."""
    customers = engine.read(f"{source}/{CUSTOMERS}", "customers", expression.CUSTOMERS)
    days = engine.read(f"{source}/{PURCHASE_DAYS}", "purchase_days", expression.PURCHASE_DAYS)
    score(engine, expression.purchases(customers, days), target=target, as_of=as_of)


def score(engine: Engine, purchases: ibis.Table, *, target: str, as_of: date) -> None:
    kept = engine.keep(purchases, "purchases")
    cuts = engine.keep(expression.cuts(kept, as_of=as_of), "cuts")
    engine.write(cuts, f"{target}/{CUTS}")
    engine.write(expression.scores(kept, cuts, as_of=as_of), f"{target}/{SCORES}")


class DuckDb:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def read(self, path: str, name: str, schema: ibis.Schema) -> ibis.Table:
        self._connection.read_parquet(path).create_view(name)
        return ibis.table(schema, name=name)

    def keep(self, table: ibis.Table, name: str) -> ibis.Table:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {ibis.to_sql(table, dialect='duckdb')}")
        return ibis.table(table.schema(), name=name)

    def write(self, table: ibis.Table, path: str) -> None:
        if Path(path).is_dir():
            raise FileExistsError(f"{path} is a folder of parts, as Spark writes it: remove it first")
        self._connection.sql(ibis.to_sql(table, dialect="duckdb")).write_parquet(path)


class Spark:
    def __init__(self, session: Any) -> None:
        self._session = session

    def read(self, path: str, name: str, schema: ibis.Schema) -> ibis.Table:
        self._session.read.parquet(path).createOrReplaceTempView(name)
        return ibis.table(schema, name=name)

    def keep(self, table: ibis.Table, name: str) -> ibis.Table:
        self._session.sql(ibis.to_sql(table, dialect="pyspark")).persist().createOrReplaceTempView(name)
        return ibis.table(table.schema(), name=name)

    def write(self, table: ibis.Table, path: str) -> None:
        self._session.sql(ibis.to_sql(table, dialect="pyspark")).write.mode("overwrite").parquet(path)


@contextmanager
def duckdb_engine(*, memory_limit: str, threads: int | None, temp_folder: Path) -> Iterator[DuckDb]:
    """What does not fit into `memory_limit`, e.g. 2GB, goes to `temp_folder`. No `threads`: one per core."""
    settings: dict[str, Any] = {"memory_limit": memory_limit, "temp_directory": str(temp_folder), "preserve_insertion_order": False}
    with duckdb.connect(config=settings | ({"threads": threads} if threads else {})) as connection:
        connection.execute("SET enable_progress_bar = false")
        yield DuckDb(connection)


@contextmanager
def spark_engine(master: str, settings: Mapping[str, str] | None = None) -> Iterator[Spark]:
    """`master` as Spark has it, e.g. local[*] or spark://host:7077; `settings` go over those of its installation. Raises NoSpark."""
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise NoSpark("Spark is not installed with Holdfast: python -m pip install pyspark pandas") from None
    builder = SparkSession.builder.master(master).appName("holdfast full pass")
    try:
        session = builder.config(map={"spark.sql.session.timeZone": "UTC", **(settings or {})}).getOrCreate()
    except PySparkRuntimeError as error:
        raise NoSpark(f"Spark does not start ({error}): it needs Java 17 or newer") from None
    try:
        yield Spark(session)
    finally:
        session.stop()
