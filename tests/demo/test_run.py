"""The whole program as a process: history, live days, calls, ground truth, and a stop at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.demo import state as states
from deploy.demo.stream import Stream
from shared.clock import SCALE_VARIABLE, Scale

START = datetime(2025, 4, 16, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@contextmanager
def operator(url: str, folder: Path, *extra: str) -> Iterator[subprocess.Popen[str]]:
    """Ten simulated days a second, from START at the first call of a test."""
    stamp = folder / "clock"
    if not stamp.exists():
        stamp.write_text(str(Scale(START, datetime.now(UTC), 10 * 86_400.0)))
    command = [sys.executable, "-m", "deploy.demo", "--customers", "60", "--history-months", "3", "--url", url, "--data-dir", str(folder), "--faults", "0.05"]
    environment = os.environ | {SCALE_VARIABLE: stamp.read_text(), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, *extra], env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped(process: subprocess.Popen[str], how: signal.Signals) -> str:
    process.send_signal(how)
    said, _ = process.communicate(timeout=60)
    return said


def sent_until(folder: Path) -> datetime:
    held = states.load(folder / "operator" / "state.json")
    return held.sent_until if held else START.replace(year=2000)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_and_started_again_it_is_one_stream(holdfast: Any, tmp_path: Path, how: signal.Signals) -> None:
    with operator(holdfast.url, tmp_path) as process:
        until(lambda: len(holdfast.door.applied) > 600)
        said = stopped(process, how)
        assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 0), said
    with operator(holdfast.url, tmp_path) as process:
        until(lambda: sent_until(tmp_path) > START)
        holdfast.door.tasks = [
            {"task_id": f"t-{number}", "customer_id": f"C-{number:05d}", "due_at": "2025-04-16T02:00:00Z", "priority": 1} for number in range(60)
        ]
        until(lambda: len(holdfast.door.outcomes) == 60)
        called = sent_until(tmp_path)
        until(lambda: (sent_until(tmp_path) - called).days > 20)
        said = stopped(process, signal.SIGINT)
    assert "goes on from" in said or how is signal.SIGKILL
    held = states.load(tmp_path / "operator" / "state.json")
    assert held
    unstopped = Stream(seed=1, size=60, first_day=date(2025, 1, 1), fault_rate=0.05, sent_until=states.midnight(date(2025, 1, 1)), contacts=held.contacts())
    expected = {one.event_id for one in unstopped.until(held.sent_until) if not one.malformed}
    applied = set(holdfast.door.applied)
    assert expected <= applied
    surplus = applied - expected  # what a last step sent before the stop kept it from being noted down
    assert all(orjson.loads(holdfast.door.applied[one])["time"] >= "2025-04" for one in surplus)
    assert held.counts["surprises"] == 0


def test_the_ground_truth_stands_beside(holdfast: Any, tmp_path: Path) -> None:
    with operator(holdfast.url, tmp_path) as process:
        until(lambda: sent_until(tmp_path) > START)
        holdfast.door.tasks = [
            {"task_id": f"t-{number}", "customer_id": f"C-{number:05d}", "due_at": "2025-04-16T02:00:00Z", "priority": 1} for number in range(60)
        ]
        until(lambda: len(holdfast.door.outcomes) == 60)
        called = sent_until(tmp_path)
        until(lambda: (sent_until(tmp_path) - called).days > 14)
        said = stopped(process, signal.SIGTERM)
    lines = [orjson.loads(line) for line in (tmp_path / "operator" / "truth.jsonl").read_text().splitlines()]
    counts = orjson.loads((tmp_path / "operator" / "counts.json").read_bytes())
    assert [line["customer_id"] for line in lines[:60]] == [f"C-{number:05d}" for number in range(60)]
    assert sum(line["called_at"] is not None for line in lines) == 60 == counts["calls"]
    assert {line["left"] is not None for line in lines if line["responder"] == "do_not_disturb" and line["calls"][0]["reached"]} == {True}
    assert {line["left"] for line in lines if line["responder"] == "sure"} == {None}
    assert counts["left"] == sum(line["left"] is not None and line["left"] <= counts["as_of"] for line in lines)
    assert counts["rejected"] == counts["fault_malformed"] + counts["fault_cut"]
    assert "saved" in said.splitlines()[-2]


def test_another_population_is_not_mixed_in(holdfast: Any, tmp_path: Path) -> None:
    with operator(holdfast.url, tmp_path) as process:
        until(lambda: sent_until(tmp_path) > START)
        stopped(process, signal.SIGINT)
    with operator(holdfast.url, tmp_path, "--seed", "2") as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "--seed 1 --customers 60" in said
