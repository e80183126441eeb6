"""Whole replays: every service as processes of its own, proved to the row against the file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.progress import Progress

from deploy.replay import cell2cell
from deploy.replay.proof import prove
from deploy.replay.run import Result, run_through
from deploy.replay.system import System, environment_at, running
from deploy.replay.table import Table
from shared.settings import Settings
from tests.datasets import dataset
from tests.replay.files import subscriber, table_of

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(600)


def replay(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "deploy.replay", *arguments], capture_output=True, text=True, timeout=580, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    ("source", "file", "rows", "checks"), [("online-retail", "online_retail_I.csv.xz", 4_000, 5), ("cell2cell", "cell2celltrain.csv.zip", 500, 4)]
)
def test_real_data_is_stored_to_the_row_as_the_file_says(tmp_path: Path, source: str, file: str, rows: int, checks: int) -> None:
    """C3, E6, S1, S8: DuckDB and pymc-marketing compute from the same file what is stored."""
    ended = replay("--data", str(dataset(file)), "--source", source, "--limit", str(rows), "--data-dir", str(tmp_path), "--verify")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(" equal ") == checks


def test_the_wrong_file_is_refused_before_anything_starts(tmp_path: Path) -> None:
    table = table_of(tmp_path / "rows.csv", [subscriber()])
    ended = replay("--data", str(table.path), "--source", "online-retail", "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert "InvoiceNo" in ended.stdout
    assert not (tmp_path / "data").exists()


def test_a_folder_that_no_replay_made_is_left_alone(tmp_path: Path) -> None:
    table = table_of(tmp_path / "rows.csv", [subscriber()])
    ended = replay("--data", str(table.path), "--source", "cell2cell", "--data-dir", str(tmp_path))
    assert ended.returncode == 1
    assert "not empty" in ended.stdout
    assert table.path.exists()


@pytest.fixture
def subscribers(tmp_path: Path) -> Table:
    """Some whose usage fell, some who churned, some of whom little is known."""
    kinds = (
        {"MonthlyMinutes": "300", "PercChangeMinutes": "-160"}, {"MonthlyMinutes": "300", "PercChangeMinutes": "-300", "Churn": "Yes"},
        {"MonthlyRevenue": "NA", "MonthlyMinutes": "NA", "PercChangeMinutes": "NA", "TotalRecurringCharge": "NA", "RoamingCalls": "NA"},
        {"RetentionCalls": "2", "RetentionOffersAccepted": "1", "ServiceArea": ""},
    )  # fmt: skip
    rows = [subscriber(CustomerID=str(7_000_000 + number), PercChangeMinutes="1") | kinds[number % 4] for number in range(40)]
    return table_of(tmp_path / "rows.csv", rows)


@pytest.fixture
async def system(tmp_path: Path, subscribers: Table) -> AsyncIterator[System]:
    async with running(Settings(data_dir=tmp_path / "data"), environment_at(cell2cell.as_of(subscribers), tmp_path / "data")) as system:
        yield system


async def run(system: System, table: Table) -> Result:
    with Progress(disable=True) as progress:
        settings = Settings(data_dir=system.log.parent)
        return await run_through(cell2cell, table, cell2cell.as_of(table), settings=settings, system=system, progress=progress)


async def test_a_second_replay_is_all_duplicates_and_a_planted_error_is_found(system: System, subscribers: Table) -> None:
    first, second = await run(system, subscribers), await run(system, subscribers)
    assert first.books["applied"] == first.sent == second.books["duplicate"]
    assert first.agrees
    assert second.agrees
    assert first.warnings == second.warnings == {"usage_fall": 20}
    assert [check.differing for check in await prove("cell2cell", subscribers, cell2cell.as_of(subscribers), system.databases)] == [0, 0, 0, 0]

    async with system.databases["customer"].transaction() as tx:
        await tx.execute(sa.text("UPDATE rollups SET measures = '{}' WHERE customer_id = '7000002' AND month = '2001-09'"))
        await tx.execute(sa.text("DELETE FROM rollups WHERE customer_id = '7000003'"))
    rollups, *others = await prove("cell2cell", subscribers, cell2cell.as_of(subscribers), system.databases)
    assert rollups.differing == 1 + 3
    assert [check.differing for check in others] == [0, 0, 0]
