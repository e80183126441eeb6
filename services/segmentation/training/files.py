"""A table to train on from a file, by a description that says what each column is.

CSV, also in .zip, .gz or .xz, or Parquet. The description is TOML: one of the public sets lies in docs/models. What is kept to:
1. Every column is described, or left out by name: one that nobody thought about can be the answer itself;
2. Categories become whole numbers by the order that is described, else by the alphabet, never by the label. The order goes into the card,
   and a category that it lacks is not known;
3. Derived columns are SQL over the numbers and categories of the same row: they see neither the label, nor who it is, nor when.
"""

from __future__ import annotations

import gzip
import lzma
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.segmentation.churn.model import Matrix
from services.segmentation.training.fit import Leaves, Table

Floats = NDArray[np.float64]

_OPENERS: Mapping[str, Callable[..., IO[Any]]] = {".gz": gzip.open, ".xz": lzma.open}
LARGEST = 2.0**24
"""Beyond it float32, which models are asked with, does not tell whole numbers apart."""


class BadFile(ValueError):
    """A file or description that can not be used; the message says which column and why."""


class Description(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    data: str
    """What it is, in words."""
    population: str
    definition: str
    """Of churn, in words."""
    fictional: bool = False
    horizon_days: int = Field(gt=0)
    label: str
    positive: str
    negative: str
    id: str | None = None
    """The customer: rows of one are never on both sides of a split."""
    time: str | None = None
    """The day observed, as YYYY-MM-DD."""
    leave_out: dict[str, str] = {}
    """Columns, each with the reason."""
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    order: dict[str, tuple[str, ...]] = {}
    """Of the values of a category that has one."""
    missing: tuple[str, ...] = ("",)
    """Cells that say that nothing is known."""
    derived: dict[str, str] = {}
    """SQL by the name of the column that it makes."""
    doubtful: tuple[str, ...] = ()
    """Columns that may know of the end: what the model is worth without them is told beside."""
    limits: tuple[str, ...] = ()
    leaves: Leaves = 3
    """Of each tree."""

    @property
    def features(self) -> tuple[str, ...]:
        return (*self.numbers, *self.categories, *self.derived)

    @property
    def columns(self) -> list[str]:
        """All that the file has to have."""
        return [name for name in (self.label, self.id, self.time, *self.leave_out, *self.numbers, *self.categories) if name]


class Read(NamedTuple):
    table: Table
    description: Description
    categories: dict[str, tuple[str, ...]]
    """The order by which each category was written as 0, 1, 2 …"""


def describe(path: Path) -> Description:
    """Raises BadFile."""
    try:
        return Description.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise BadFile(f"{path.name}: can not be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise BadFile(f"{path.name}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadFile(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def read(path: Path, description: Description) -> Read:
    """Raises BadFile."""
    raw = _raw(path)
    _require_columns(raw.column_names, description)
    if not raw.num_rows:
        raise BadFile(f"{path.name} has no rows")
    cells = {name: _cells(raw[name], description.missing) for name in description.columns}
    orders = {name: tuple(_order(cells[name], description.order.get(name))) for name in description.categories}
    columns = {name: _numbers(name, cells[name]) for name in description.numbers}
    columns |= {name: _codes(cells[name], orders[name]) for name in description.categories}
    columns |= _derived(columns, description.derived)
    return Read(_table(columns, cells, description), description, orders)


def _raw(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        with _opened(path) as file:
            text = pa_csv.ConvertOptions(column_types=dict.fromkeys(_header(path), pa.string()))
            return pa_csv.read_csv(file, convert_options=text)
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid) as error:
        raise BadFile(f"{path.name} can not be read: {error}") from error


def _header(path: Path) -> list[str]:
    """Raises BadFile for a column that is there twice: which one is meant, nobody knows."""
    with _opened(path) as file:
        names = pa_csv.open_csv(file).schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadFile(f"{path.name} has columns of one name: {', '.join(twice)}")
    return list(names)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise BadFile(f"{path.name} holds {len(names)} files, not one")
            with archive.open(names[0]) as file:
                yield file
        return
    with _OPENERS.get(path.suffix, open)(path, "rb") as file:
        yield file


def _require_columns(found: Sequence[str], description: Description) -> None:
    described = description.columns
    twice = sorted({name for name in (*described, *description.derived) if [*described, *description.derived].count(name) > 1})
    if twice:
        raise BadFile(f"described twice: {', '.join(twice)}")
    lacking, unknown = sorted(set(described) - set(found)), sorted(set(found) - set(described))
    if lacking:
        raise BadFile(f"the file lacks {', '.join(lacking)}")
    if unknown:
        raise BadFile(f"not described: {', '.join(unknown)}; leave out what is not to be learned from, by name")


def _cells(column: pa.ChunkedArray, missing: Sequence[str]) -> pa.Array:
    """As text, null where nothing is known."""
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string())).combine_chunks()
    return pc.if_else(pc.is_in(text, pa.array([one.strip() for one in missing], pa.string())), pa.scalar(None, pa.string()), text)


def _numbers(name: str, cells: pa.Array) -> Floats:
    try:
        found = _floats(pc.cast(cells, pa.float64()))
    except pa.ArrowInvalid as error:
        raise BadFile(f"{name}: {error}") from error
    return _bounded(name, found)


def _bounded(name: str, found: Floats) -> Floats:
    if (np.abs(found[~np.isnan(found)]) > LARGEST).any():
        raise BadFile(f"{name}: a number beyond 2^24, where float32 is not exact: scale it, or leave it out")
    return found


def _floats(array: pa.Array) -> Floats:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def _order(cells: pa.Array, described: Sequence[str] | None) -> Sequence[str]:
    return described or sorted(one for one in pc.unique(cells).to_pylist() if one is not None)


def _codes(cells: pa.Array, order: Sequence[str]) -> Floats:
    return _floats(pc.cast(pc.index_in(cells, pa.array(order, pa.string())), pa.float64()))


def _derived(columns: Mapping[str, Floats], derived: Mapping[str, str]) -> dict[str, Floats]:
    """What has no value in a row, as a ratio to nothing, is not known there."""
    known = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    found = {}
    with duckdb.connect(config={"enable_external_access": False, "threads": 1}) as connection:
        connection.register("known", known)
        for name, expression in derived.items():
            try:
                column = connection.sql(f"SELECT ({expression})::DOUBLE AS found FROM known").to_arrow_table()["found"]
            except duckdb.Error as error:
                raise BadFile(f"derived.{name}: {str(error).splitlines()[0]}") from error
            values = _floats(column.combine_chunks())
            found[name] = _bounded(name, np.where(np.isfinite(values), values, np.nan))
    return found


def _table(columns: Mapping[str, Floats], cells: Mapping[str, pa.Array], description: Description) -> Table:
    matrix: Matrix = np.column_stack([columns[name] for name in description.features]).astype(np.float32)
    groups = np.arange(len(matrix)) if description.id is None else _groups(description.id, cells[description.id])
    times = _days(description.time, cells[description.time]) if description.time else None
    return Table(description.features, matrix, _labels(cells[description.label], description), groups, times)


def _labels(cells: pa.Array, description: Description) -> NDArray[np.int8]:
    found = pc.index_in(cells, pa.array([description.negative, description.positive], pa.string()))
    if found.null_count:
        other = cells.filter(pc.is_null(found))[0].as_py()
        raise BadFile(f"{description.label}: {other!r} is neither {description.positive!r} nor {description.negative!r}")
    labels: NDArray[np.int8] = found.to_numpy(zero_copy_only=False).astype(np.int8)
    if len(np.unique(labels)) < 2:
        raise BadFile(f"{description.label}: everybody {'left' if labels[0] else 'stayed'}, so there is nothing to learn")
    return labels


def _groups(name: str, cells: pa.Array) -> NDArray[Any]:
    if cells.null_count:
        raise BadFile(f"{name}: {cells.null_count} rows do not say whose they are")
    return np.asarray(cells.dictionary_encode().indices.to_numpy(zero_copy_only=False))


def _days(name: str, cells: pa.Array) -> NDArray[np.int64]:
    try:
        return np.array([date.fromisoformat(one or "").toordinal() for one in cells.to_pylist()], dtype=np.int64)
    except ValueError as error:
        raise BadFile(f"{name}: {error}; a day is written YYYY-MM-DD") from error
