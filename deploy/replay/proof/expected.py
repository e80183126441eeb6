"""What the file says, by other means than the mapping."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb

from deploy.replay.table import Table, open_plain

EXAMPLES = 3


class Check(NamedTuple):
    """One comparison of all rows."""

    what: str
    rows: int
    differing: int
    examples: tuple[str, ...]


class Expected:
    """The data set as DuckDB read it: a table `lines`, all columns as text, NA as NULL."""

    def __init__(self, table: Table) -> None:
        self._connection = duckdb.connect()
        limit = "" if table.limit is None else f"LIMIT {table.limit:d}"
        with TemporaryDirectory() as folder:
            plain = Path(folder) / "lines.csv"
            with open_plain(table.path) as packed, plain.open("wb") as file:
                shutil.copyfileobj(packed, file)
            self.run(f"CREATE TABLE lines AS SELECT * FROM read_csv('{plain}', header = true, all_varchar = true, nullstr = ['', 'NA']) {limit}")

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def frame(self, sql: str) -> Any:
        return self._connection.execute(sql).df()


def compare(what: str, expected: Mapping[Any, Any], stored: Mapping[Any, Any]) -> Check:
    keys = expected.keys() | stored.keys()
    differing = sorted((key for key in keys if expected.get(key) != stored.get(key)), key=str)
    examples = tuple(f"{key}: expected {expected.get(key)}, stored {stored.get(key)}" for key in differing[:EXAMPLES])
    return Check(what, len(keys), len(differing), examples)
