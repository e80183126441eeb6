"""Rows as a file to download."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "whole", "number"]

_ARROW = {"text": "string", "whole": "int64", "number": "float64"}


class Column(NamedTuple):
    name: str
    kind: Kind


def csv_of(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """UTF-8 with a header; empty where there is no value."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(column.name for column in columns)
    writer.writerows([_cell(column, row[column.name]) for column in columns] for row in rows)
    return file.getvalue().encode()


def _cell(column: Column, value: Any) -> Any:
    # A spreadsheet would run it as a formula, and names of regions and channels come from outside.
    return f"'{value}" if column.kind == "text" and str(value)[:1] in {"=", "+", "-", "@"} else value


def parquet_of(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The same schema whatever the values are."""
    # Not at the top: it takes a fifth of a second to import, in each process, and only who downloads such a file needs it.
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(column.name, _ARROW[column.kind]) for column in columns])
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{column.name: row[column.name] for column in columns} for row in rows], schema=schema), file)
    return file.getvalue()
