"""The benchmark runs: tiny here, so its figures mean nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.bench.plan import measure as measure_plan
from deploy.stack import missing

pytestmark = pytest.mark.timeout(600)

TINY = ("--customers", "30", "--events", "2500", "--rounds", "1", "--seconds", "2")
ROOT = Path(__file__).parents[2]


def bench(part: str, folder: Path, *extra: str) -> dict[str, Any]:
    """What it saved, after checking that it said the same as a table."""
    out = folder / "bench.json"
    command = [sys.executable, "-m", "deploy.bench", part, *TINY, *extra, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(out.read_bytes())
    assert f"cpus {found['machine']['cpus']}" in done.stdout
    return found


def needs_stack() -> None:
    lacks = missing()
    if lacks and not os.environ.get("CI"):
        pytest.skip(f"this machine lacks {'; '.join(lacks)}")


def check_ingest(found: dict[str, Any], processes: set[str]) -> None:
    assert set(found["ingest"]) == {"worker", "2 workers", "floor, contract", "floor, orjson"} == set(found["of_the_floor"])
    assert all(kind["events_per_second"] > 0 and set(kind["cpu_us_per_event"]) == processes for kind in found["ingest"].values())
    assert any("recording.py:record" in line["function"] for line in found["profile"])


def check_delays(found: dict[str, Any]) -> None:
    delays = found["delays"]
    for took in (delays["alert"]["took"], delays["view_idle"], delays["view_catching_up"]["took"], delays["view_loaded"]["took"]):
        assert took["count"] > 0 and took["failed"] == 0 and 0 < took["p50"] <= took["p99"] <= took["worst"]


@pytest.mark.skipif("CI" not in os.environ, reason="a minute for what the embedded run shows too: CI runs it")
def test_ingest_is_measured_beside_its_floor(tmp_path: Path) -> None:
    needs_stack()
    check_ingest(bench("ingest", tmp_path)["stack"], {"worker", "broker", "postgres"})


@pytest.mark.skipif("CI" not in os.environ, reason="half a minute for what the embedded run shows too: CI runs it")
def test_delays_are_measured_at_a_rate(tmp_path: Path) -> None:
    needs_stack()
    check_delays(bench("alert", tmp_path, "--rate", "50")["stack"])


def test_both_are_measured_embedded(tmp_path: Path) -> None:
    found = bench("embedded", tmp_path, "--rate", "50")["embedded"]
    check_ingest(found, {"worker"})
    check_delays(found)


def test_the_rate_has_to_be_known(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.bench", "alert", "--out", str(tmp_path / "none.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "give --rate" in done.stderr


def test_a_plan_is_held_beside_what_is_taken_in_an_order() -> None:
    """R5: under the same limits no order of taking brings more, and nothing brings more than the bound."""
    made, *orders = measure_plan(customers=2_000)
    assert len(orders) == 2 and all(0 < one.profit_minor <= made.profit_minor for one in orders)
    assert 0.99 < made.share_of_bound <= 1


def test_a_view_and_an_event_over_http_are_held_beside_the_textbook() -> None:
    """G2, G4: all of it answers, and costs something."""
    command = [sys.executable, "-m", "deploy.bench.http", "--customers", "30", "--events", "500", "--rounds", "1", "--seconds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.rsplit(maxsplit=5) for line in done.stdout.splitlines()[1:7]]
    assert [row[0].strip() for row in rows] == ["hello", "360 view", "360 view, new", "fan-out", "POST that stores nothing", "POST of an event"]
    assert all(row[-1] == "0" and float(row[1].replace(",", "")) > 0 for row in rows)
