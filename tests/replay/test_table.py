from __future__ import annotations

import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.replay import cell2cell, online_retail
from deploy.replay.table import NotThisDataSet, Table
from tests.replay.files import line, table_of


def zipped(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lines.csv", content)


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".csv", lambda content, path: path.write_bytes(content)),
        (".xz", lambda content, path: path.write_bytes(lzma.compress(content))),
        (".gz", lambda content, path: path.write_bytes(gzip.compress(content))),
        (".zip", zipped),
    ],
)
def test_a_file_is_read_packed_or_not(tmp_path: Path, suffix: str, pack: Callable[[bytes, Path], object]) -> None:
    table_of(tmp_path / "plain.csv", [line(Description='A "quoted", line\nof two')])
    packed = tmp_path / f"lines{suffix}"
    pack((tmp_path / "plain.csv").read_bytes(), packed)
    assert list(Table(packed)) == [(1, line(Description='A "quoted", line\nof two'))]


def test_a_limit_takes_the_first_rows(tmp_path: Path) -> None:
    table = table_of(tmp_path / "lines.csv", [line(InvoiceNo=str(number)) for number in range(5)], limit=2)
    assert [(number, row["InvoiceNo"]) for number, row in table] == [(1, "0"), (2, "1")]


def test_another_data_set_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    table = table_of(tmp_path / "lines.csv", [line()])
    table.require(online_retail.COLUMNS)
    with pytest.raises(NotThisDataSet, match="Churn"):
        table.require(cell2cell.COLUMNS)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").touch()
    with pytest.raises(NotThisDataSet):
        Table(tmp_path / "lines.csv").require(online_retail.COLUMNS)
