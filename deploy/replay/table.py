"""A data set's file, row by row, as often as it is asked for: nothing of it is held."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import lzma
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any, Protocol, cast
from zipfile import ZipFile

from deploy.replay.events import Reported

Row = Mapping[str, str]


class NotThisDataSet(Exception):
    """The file can not be read as the data set it was said to be."""


class Table:
    """The rows with their numbers, 1 being the one below the header. `every`: of one customer in so many, chosen by a hash of
    the id, all rows; those without a customer are left out then. `until`: of rows that have a date those up to it."""

    def __init__(self, path: Path, *, limit: int | None = None, every: int = 1, until: date | None = None) -> None:
        self.path, self.limit, self.every, self.until = path, limit, every, until

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        with open_plain(self.path) as binary, io.TextIOWrapper(binary, encoding="utf-8", newline="") as text:
            numbered = enumerate(csv.DictReader(text), start=1)
            yield from itertools.islice((one for one in numbered if self._is_chosen(one[1])), self.limit)

    def _is_chosen(self, row: Row) -> bool:
        if self.until and row.get("InvoiceDate", "")[:10] > self.until.isoformat():
            return False
        customer = row.get("CustomerID")
        return self.every == 1 or (bool(customer) and zlib.crc32(str(customer).encode()) % self.every == 0)

    def require(self, columns: tuple[str, ...]) -> None:
        """Raises NotThisDataSet unless there is a first row that has them all."""
        _, first = next(iter(self), (0, cast(Row, {})))
        missing = [column for column in columns if not isinstance(first.get(column), str)]
        if missing:
            raise NotThisDataSet(f"{self.path} is not this data set: no row with {', '.join(missing)}")


class Source(Protocol):
    """One data set: how its rows become events. A module each."""

    SOURCE: str
    COLUMNS: tuple[str, ...]

    def as_of(self, table: Table) -> date:
        """The day after the last event: what recency is counted to, and when the replay believes itself to be."""
        ...

    def events(self, table: Table, skipped: Counter[str]) -> Iterator[Reported]:
        """In an order that lets most events meet a customer who is known. What becomes no event is counted in `skipped`, by reason."""
        ...


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """The file unpacked while it is read. A zip archive is its first member."""
    if path.suffix == ".zip":
        with ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
            yield member
        return
    with _OPENERS.get(path.suffix, Path.open)(path, "rb") as file:
        yield file


_OPENERS: dict[str, Callable[[Path, str], IO[bytes]]] = {".xz": cast(Any, lzma.open), ".gz": cast(Any, gzip.open)}
