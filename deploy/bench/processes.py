"""The processes of a measurement: started here, ended here by their pid, and what CPU they took."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 30
LOG_TAIL_CHARACTERS = 3000
TICKS = os.sysconf("SC_CLK_TCK")


class PartEnded(Exception):
    """A process that is measured ended by itself."""


class Processes:
    """`start` runs a Python module; `stop` ends one, leaving the block ends all."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment, self._log = {**os.environ, **environment}, log
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *module: str, talks: bool = False, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """`talks`: its output is read and its input is held open, instead of going to the log. `environment`: of this one besides."""
        with self._log.open("a") as log:
            pipe = subprocess.PIPE if talks else None
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env={**self._environment, **(environment or {})},
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or log,
                stderr=log,
                text=True,
            )
        self._running.append(process)
        return process

    def said_by(self, process: subprocess.Popen[str]) -> str:
        """Its next line."""
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            process.wait()
            self.refuse_ended()
        return line

    def run(self, *module: str) -> None:
        process = self.start(*module)
        if process.wait():
            raise PartEnded(f"`python -m {' '.join(module)}` failed:\n{self._log_tail()}")
        self._running.remove(process)

    def is_running(self, process: subprocess.Popen[str]) -> bool:
        """Until it ends well; raises PartEnded when it fails."""
        ended = process.poll()
        if ended is None:
            return True
        self._running.remove(process)
        if ended:
            raise PartEnded(f"{process.args!r} ended with {ended}:\n{self._log_tail()}")
        return False

    def stop(self, *processes: subprocess.Popen[str]) -> None:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            self._running.remove(process)

    def refuse_ended(self) -> None:
        for process in self._running:
            if process.poll() is not None:
                raise PartEnded(f"{process.args!r} ended with {process.returncode}:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]

    def stop_all(self) -> None:
        self.stop(*self._running)


@contextmanager
def processes(environment: Mapping[str, str], log: Path) -> Iterator[Processes]:
    running = Processes(environment, log)
    try:
        yield running
    finally:
        running.stop_all()


def cpu_seconds(pid: int) -> float:
    """Of a process and everything it ever started."""
    fields = _stat(pid)
    own_and_waited_for = sum(map(int, fields[11:15]))
    return own_and_waited_for / TICKS + sum(cpu_seconds(child) for child in _children(pid))


def peak_bytes(pid: int) -> int:
    """The most memory that a process had so far; nothing of one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from its third field on: the second may hold blanks. A process that is gone took nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["0"] * 50


def _children(pid: int) -> Iterator[int]:
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return
