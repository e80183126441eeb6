"""`python -m deploy.fuzz`: exit code 0 when every check of Schemathesis holds for every operation.

python -m deploy.fuzz                      the examples of the document, every boundary of its schemas, random requests, and chains of requests
python -m deploy.fuzz --phases coverage    some of it; what follows `--` goes to Schemathesis as it is
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.stack import free_ports
from shared import clock

CONFIG = Path(__file__).parent / "schemathesis.toml"
PHASES = "examples,coverage,fuzzing,stateful"
BATCH = "application/cloudevents-batch+json"
START_SECONDS = 120.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.2
REQUEST_SECONDS = 30
# C-1 of the examples is kept: erased, every later answer about it would be 410.
HOLD, HELD = "/v1/customers/C-1/legal-holds", {"reason": "kept for what comes"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phases", default=PHASES, help=f"of {PHASES}")
    parser.add_argument("--max-examples", default="50", help="random requests an operation, at most (50)")
    parser.add_argument("rest", nargs="*", help="for Schemathesis")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-fuzz-") as folder, running(Path(folder)) as url:
        feed(url)
        return fuzz(url, arguments.phases, arguments.max_examples, arguments.rest)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Holdfast, embedded, with its data in `folder`; the gateway's URL."""
    port = free_ports()
    environment = {**os.environ, "HOLDFAST_DATA_DIR": str(folder / "data"), "HOLDFAST_PORT": str(port), "HOLDFAST_LOG_LEVEL": "error"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "services"], env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _is_ready(url), process)
        yield url
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def feed(url: str) -> None:
    """An event of each type that is taken, as the document shows them, and what keeps their customer."""
    with httpx.Client(base_url=url, timeout=REQUEST_SECONDS, trust_env=False, headers={"X-Actor": "fuzz"}) as client:
        body = client.get("/openapi.json").json()["paths"]["/v1/events"]["post"]["requestBody"]["content"][BATCH]
        (example,) = body["examples"].values()
        client.post("/v1/events", json=example["value"], headers={"content-type": BATCH}).raise_for_status()
        _until(lambda: client.post(HOLD, json=HELD).is_success)
        _until(lambda: client.get("/v1/alerts").json()["items"])


def fuzz(url: str, phases: str, max_examples: str, rest: list[str]) -> int:
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run", f"{url}/openapi.json", "--phases", phases]
    command += ["--max-examples", max_examples, "--continue-on-failure", "--request-timeout", str(REQUEST_SECONDS), *rest]
    return subprocess.run(command, cwd=CONFIG.parent, env={**os.environ, "NO_PROXY": "127.0.0.1"}, check=False).returncode


def _is_ready(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/health/ready", trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and set(answer.json()["services"].values()) == {"up"}


def _until(ready: Callable[[], object], process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = clock.monotonic() + START_SECONDS
    while not ready():
        if (process and process.poll() is not None) or clock.monotonic() > deadline:
            raise SystemExit("the system does not start, or does not take in what it is told")
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
