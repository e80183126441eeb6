"""Rows of CSV, Parquet and JSON-lines files, a bounded piece at a time, each with its line.

CSV is read with the standard library: it is exact about lines where cells hold line breaks, and costs a hundredth of what
taking a row in does.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import pyarrow.parquet as pq

from shared.contracts.decoding import MAX_EVENT_BYTES

# A lost closing quote swallows lines up to this, not the rest of the file.
LONGEST_CELL = 100_000


class Row(NamedTuple):
    """`problem`: why its cells can not be told."""

    line: int
    cells: list[str]
    problem: str = ""


class Line(NamedTuple):
    """Of a file of events: as it stands."""

    line: int
    value: bytes


class Rows(Protocol):
    """An open file. `position` of `total` is read."""

    names: list[str]
    total: int

    @property
    def position(self) -> int: ...
    def __iter__(self) -> Iterator[Row | Line]: ...


class CsvRows:
    def __init__(self, raw: BinaryIO, total: int, *, encoding: str, delimiter: str) -> None:
        self._raw, self.total = raw, total
        # What is no text in this encoding goes through as it is, to be told by its line.
        wrapped = io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="")
        self._reader = csv.reader(wrapped, delimiter=delimiter)
        self.names = next(self._reader, [])

    @property
    def position(self) -> int:
        return self._raw.tell()

    def __iter__(self) -> Iterator[Row]:
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, [], str(error))
                continue
            if len(cells) == len(self.names):
                yield Row(line, cells)
            elif cells:
                yield Row(line, cells, f"{len(cells)} cells where the header has {len(self.names)}")


class ParquetRows:
    """Columns that no kind knows are not read."""

    def __init__(self, path: Path, piece: int) -> None:
        self._file = pq.ParquetFile(path, memory_map=True, pre_buffer=False)
        self._piece = piece
        self.names = list(self._file.schema_arrow.names)
        self.total = self._file.metadata.num_rows
        self.position = 0

    def __iter__(self) -> Iterator[Row]:
        for batch in self._file.iter_batches(batch_size=self._piece):
            columns = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
            for cells in zip(*columns, strict=True):
                self.position += 1
                yield Row(self.position, list(cells))


class EventLines:
    names: list[str] = []

    def __init__(self, raw: BinaryIO, total: int) -> None:
        self._raw, self.total = raw, total

    @property
    def position(self) -> int:
        return self._raw.tell()

    def __iter__(self) -> Iterator[Line]:
        number = 0
        while line := self._raw.readline(MAX_EVENT_BYTES + 2):
            number += 1
            end = line
            while not end.endswith(b"\n") and (end := self._raw.readline(MAX_EVENT_BYTES)):
                pass
            if line.strip():
                yield Line(number, line.strip())


@contextmanager
def opened(path: Path, kind: str, *, encoding: str, delimiter: str, piece: int) -> Iterator[Rows]:
    csv.field_size_limit(LONGEST_CELL)
    if path.suffix == ".parquet":
        yield ParquetRows(path, piece)
        return
    with path.open("rb") as raw:
        total = path.stat().st_size
        yield EventLines(raw, total) if kind == "events" else CsvRows(raw, total, encoding=encoding, delimiter=delimiter)


def pieces(rows: Rows, size: int, *, skip: int) -> Iterator[list[Row | Line]]:
    found = islice(iter(rows), skip, None)
    while piece := list(islice(found, size)):
        yield piece


def fingerprint(path: Path, *how: str) -> str:
    """Names the file by its content, and how it is read: the same again goes on where it stopped."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256")
    content.update("\x00".join(how).encode())
    return content.hexdigest()


def _text(value: Any) -> str:
    """As it would stand in CSV."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return ";".join(map(_text, value))
    return str(value)
