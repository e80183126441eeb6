"""Every API and worker as a process of its own, restarted when one ends. Workers never run in an API's event loop:
a consumer that catches up would make the API unreachable for seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from shared import clock, telemetry
from shared.settings import PORT_OFFSETS, Settings

PARTS = tuple((service, part) for service in PORT_OFFSETS for part in ("api", "worker"))
LONGEST_RESTART_SECONDS = 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 20.0
LOOK_SECONDS = 0.2

log = telemetry.logger()


@dataclass
class Child:
    """One process, and when it may be started again."""

    service: str
    part: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float = 0.0
    delay: float = 1.0

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "services", self.service, self.part], env=os.environ)
        self.started = clock.monotonic()

    def look(self) -> None:
        """Start it when it is due; note when it ended, and wait longer each time it ends soon."""
        now = clock.monotonic()
        if self.process is None:
            if now >= self.restart_at:
                self.start()
            return
        exit_code = self.process.poll()
        if exit_code is None:
            return
        self.delay = 1.0 if now - self.started > STEADY_SECONDS else min(self.delay * 2, LONGEST_RESTART_SECONDS)
        log.error("part_ended", service=self.service, role=self.part, exit_code=exit_code, delay_seconds=self.delay)
        self.process, self.restart_at = None, now + self.delay


def supervise(settings: Settings) -> int:
    """Until SIGINT or SIGTERM; then all are asked to stop, and given time to finish what they do."""
    telemetry.configure(settings, service="all", role="supervisor")
    stopping = False

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    children = [Child(service, part) for service, part in PARTS]
    while not stopping:
        for child in children:
            child.look()
        clock.nap(LOOK_SECONDS)
    _stop_all(children)
    return 0


def _stop_all(children: list[Child]) -> None:
    # Ctrl-C reached the whole process group already; SIGTERM to the supervisor alone did not.
    running = list(_running(children))
    for process in running:
        process.terminate()
    deadline = clock.monotonic() + STOP_SECONDS
    for process in running:
        try:
            process.wait(max(0.1, deadline - clock.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("part_killed", pid=process.pid)
            process.kill()


def _running(children: list[Child]) -> Iterator[subprocess.Popen[bytes]]:
    for child in children:
        if child.process and child.process.poll() is None:
            yield child.process
