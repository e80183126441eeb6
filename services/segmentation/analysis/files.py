"""Rows as a file to download."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

Kind = Literal["text", "whole", "number"]

_TYPES = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64()}


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
    arrays = [pa.array([row[column.name] for row in rows], _TYPES[column.kind]) for column in columns]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema([(column.name, _TYPES[column.kind]) for column in columns])), file)
    return file.getvalue()
