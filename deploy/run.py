"""`make run`: the services and the simulated operator under one command, on a clock that runs fast and stands still when stopped."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from deploy.demo import access
from shared.clock import SCALE_VARIABLE, Scale
from shared.settings import PORT_OFFSETS

SECONDS_PER_DAY = 86_400
FIRST_VIEW_SECONDS = 180
STOP_SECONDS = 30
LOOK_SECONDS = 0.3
CLOCK_SAVED_EVERY_SECONDS = 2.0


class Stopped(Exception):
    """The user asked to stop."""


def main() -> int:
    arguments = _arguments()
    environment = os.environ | (_stack_settings() if arguments.stack else {})
    data = arguments.data_dir or Path(environment.get("HOLDFAST_DATA_DIR", "data/stack-demo" if arguments.stack else "data/demo"))
    data.mkdir(parents=True, exist_ok=True)
    _refuse_taken_ports(arguments.port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    scale = _load_clock(data / "clock", rate=SECONDS_PER_DAY / arguments.day_seconds)
    environment |= {SCALE_VARIABLE: str(scale), "HOLDFAST_DATA_DIR": str(data), "HOLDFAST_PORT": str(arguments.port)}
    environment.setdefault("HOLDFAST_LOG_LEVEL", "warning")
    if arguments.auth or environment.get("HOLDFAST_AUTH") == "required":
        environment |= access.required(environment)
    return _run(arguments, environment, data, scale)


def _run(arguments: argparse.Namespace, environment: dict[str, str], data: Path, scale: Scale) -> int:
    url = f"http://127.0.0.1:{arguments.port}"
    started = time.monotonic()
    children: list[subprocess.Popen[bytes]] = []
    try:
        _say(f"Starting the four services on {'Kafka and PostgreSQL' if arguments.stack else 'embedded storage'}, data in {data} ...")
        children.append(_spawn(environment, "services"))
        _wait(children, FIRST_VIEW_SECONDS, lambda: _get(f"{url}/health/ready"))
        _say(f"Services ready after {time.monotonic() - started:.0f} s. Starting the simulated operator ...")
        key = access.make_key(environment, "demo", "all") if environment.get("HOLDFAST_AUTH") == "required" else None
        ours = {access.KEY_VARIABLE: access.make_key(environment, "operator", *access.OPERATOR)} if key else {}
        operator = ("--url", url, "--data-dir", str(data), "--customers", str(arguments.customers), "--seed", str(arguments.seed))
        children.append(_spawn(environment | ours, "deploy.demo", *operator))
        customer_id = _wait(children, FIRST_VIEW_SECONDS, lambda: _first_customer(data, url, key))
        _say(_banner(url, customer_id, time.monotonic() - started, arguments.day_seconds, key))
        while True:
            _wait(children, CLOCK_SAVED_EVERY_SECONDS, lambda: None)
            _save_clock(data / "clock", scale)
    except Stopped:
        _say("\nStopping ...")
        return 0
    except RuntimeError as error:
        _say(f"{error}. Stopping.")
        return 1
    finally:
        _end(children)
        _save_clock(data / "clock", scale)
        _say("Stopped. `make run` continues where this left off.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="the gateway's; the services take the next three")
    parser.add_argument("--stack", action="store_true", help="on the Kafka and PostgreSQL that `make stack` started")
    parser.add_argument("--auth", action="store_true", help="access is required: a key to try it with is printed")
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--day-seconds", type=float, default=10.0, help="real seconds that a simulated day takes")
    parser.add_argument("--data-dir", type=Path, default=None)
    return parser.parse_args()


def _stack_settings() -> dict[str, str]:
    path = Path("data/stack/env")
    if not path.exists():
        raise SystemExit("There is no stack here: run `make stack` first.")
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def _refuse_taken_ports(port: int) -> None:
    for offset in PORT_OFFSETS.values():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port + offset)) == 0:
                raise SystemExit(f"Port {port + offset} is taken. Choose four free ones in a row, by the first: make run PORT=8100")


def _load_clock(path: Path, *, rate: float) -> Scale:
    """Simulated time goes on from where it stood when the last run stopped; the first run starts at the real time."""
    now = datetime.now(UTC)
    return Scale(datetime.fromisoformat(path.read_text()) if path.exists() else now, now, rate)


def _save_clock(path: Path, scale: Scale) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(scale.at(datetime.now(UTC)).isoformat())
    fresh.replace(path)


def _spawn(environment: dict[str, str], module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment)


def _wait(children: list[subprocess.Popen[bytes]], seconds: float, ready: Callable[[], Any]) -> Any:
    """What `ready` answers once it is true, or None after `seconds`. Raises RuntimeError when a child ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended = [child for child in children if child.poll() is not None]
        if ended:
            raise RuntimeError(f"{' '.join(ended[0].args[2:3])} ended with exit code {ended[0].returncode}")  # type: ignore[arg-type,index]
        answer = ready()
        if answer:
            return answer
        time.sleep(LOOK_SECONDS)
    return None


def _get(url: str, key: str | None = None) -> Any:
    """The JSON answer, None unless it is a success."""
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(asked, timeout=2) as response:
            return json.loads(response.read())
    except (urllib.error.URLError, OSError, ValueError):
        return None


def _first_customer(data: Path, url: str, key: str | None) -> str | None:
    """Someone whose 360 view is answered already: the first of the operator's customers."""
    truth = data / "operator" / "truth.jsonl"
    if not truth.exists():
        return None
    with truth.open() as lines:
        customer_id = str(json.loads(next(lines))["customer_id"])
    return customer_id if _get(f"{url}/v1/customers/{customer_id}", key) else None


def _banner(url: str, customer_id: str | None, seconds: float, day_seconds: float, key: str | None) -> str:
    may = f"Access is required. A key that may do everything, for {access.KEY_DAYS} days:\n\n  {key}\n" if key else "The API is open, on this machine only."
    view = f"{url}/v1/customers/{customer_id}" if customer_id else f"{url}/v1/alerts"
    return f"""
Holdfast is running; first 360 view answered after {seconds:.0f} s.

  The console     {url}/console
  All docs        {url}/
  API docs        {url}/docs
  Event docs      {url}/events/docs
  A live 360 view {view}
  Warnings        {url}/v1/alerts
  Segment map     {url}/v1/pictures/segment-map.svg
  The business    {url}/v1/analysis/decision
  Work list       {url}/v1/tasks
  Reconciliation  {url}/v1/reconciliation
  Health          {url}/health/ready

A simulated day takes {day_seconds:g} s. {may} Ctrl-C stops; starting again continues.
"""


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    """The operator first: it should not talk to services that are going."""
    for child in reversed(children):
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()


def _stop(_: int, __: FrameType | None) -> None:
    # Once is enough: a second signal would break off the stopping itself, which ends by its own deadlines.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
