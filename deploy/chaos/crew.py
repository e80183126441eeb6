"""The workers, each a process of its own, started again whenever it ends: what a supervisor does, made for being killed often."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESTART_SECONDS = 0.5
LOOK_SECONDS = 0.05
STOP_SECONDS = 30.0


@dataclass(eq=False)
class Part:
    """One worker. `ended_by_itself` are the exit codes of the ends that nobody asked for."""

    service: str
    name: str
    log: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    kills: int = 0
    pauses: int = 0
    paused: bool = False
    ended_by_itself: list[int] = field(default_factory=list)
    _killed: bool = False
    _started: float = 0.0
    _restart_at: float = 0.0

    @property
    def runs(self) -> bool:
        # A process just killed may still look alive.
        return self.process is not None and not self._killed and self.process.poll() is None

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def cpu_ticks(self) -> int:
        """User and system time used so far, in hundredths of a second."""
        assert self.process is not None, "only what runs is measured"
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def kill(self) -> None:
        """As the kernel's out-of-memory killer, or a power cut, would: nothing is finished, nothing is flushed."""
        self._signal(signal.SIGKILL)
        self._killed = True
        self.paused = False
        self.kills += 1

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)
        self.paused = True
        self.pauses += 1

    def resume(self) -> None:
        if self.paused:
            self._signal(signal.SIGCONT)
            self.paused = False

    def look(self) -> None:
        """Start it when it is due, and note when it ended."""
        if self.process is None:
            if time.monotonic() >= self._restart_at:
                self._start()
        elif self.process.poll() is not None:
            if not self._killed:
                self.ended_by_itself.append(self.process.returncode)
            self.process, self._restart_at = None, time.monotonic() + RESTART_SECONDS

    def ask_to_stop(self) -> None:
        self.resume()
        if self.runs:
            self._signal(signal.SIGTERM)

    def wait(self) -> None:
        if self.process is None:
            return
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if code and not self._killed:
            self.ended_by_itself.append(code)
        self.process = None

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services", self.service, "worker"], env=dict(self.environment), stdout=log, stderr=log, start_new_session=True
            )
        self.starts += 1
        self._started = time.monotonic()
        self._killed = False

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "only what runs is hurt"
        self.process.send_signal(number)


async def supervise(parts: Sequence[Part]) -> None:
    """Until it is cancelled."""
    while True:
        for part in parts:
            part.look()
        await asyncio.sleep(LOOK_SECONDS)


def stop(parts: Sequence[Part]) -> None:
    for part in parts:
        part.ask_to_stop()
    for part in parts:
        part.wait()
