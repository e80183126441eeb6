"""A server process that outlives the command that started it.

The process inherits a locked file, so "does it run" is "is the lock held": no crash leaves that behind, and no reused
pid can fake it. The file holds the pid and the port.
"""

import contextlib
import fcntl
import os
import pwd
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 30
LOG_TAIL_LINES = 20


class StackError(Exception):
    """Something the person at the terminal has to know or do."""


class Daemon(ABC):
    name: str
    # Not a probe of the port: that might be answered by another server.
    ready_line: str
    stop_signal = signal.SIGTERM
    user: str | None = None

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.log = directory / f"{self.name}.log"
        self._lock = directory / f"{self.name}.lock"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None: ...

    @abstractmethod
    def command(self) -> list[str]: ...

    @property
    def pid(self) -> int | None:
        return self._recorded()[0] if self._locked() else None

    @property
    def running_port(self) -> int | None:
        return self._recorded()[1] if self._locked() else None

    def start(self) -> None:
        if self.running_port not in (None, self.port):
            raise StackError(f"{self.name} runs already, on port {self.running_port}: stop it first")
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.truncate(0)
            self.prepare()
            self._process = self._spawn(inherit=lock.fileno())
            lock.write(f"{self._process.pid} {self.port}")
        self._wait_until_ready()

    def stop(self) -> None:
        if self._signal(self.stop_signal) and not self._ends_within(STOP_SECONDS):
            self.kill()
            raise StackError(f"{self.name} did not stop in {STOP_SECONDS} s and was killed (log: {self.log})")

    def kill(self) -> None:
        if self._signal(signal.SIGKILL) and not self._ends_within(STOP_SECONDS):
            raise StackError(f"{self.name} survived a kill: does its disk hang?")

    def _spawn(self, inherit: int) -> subprocess.Popen[bytes]:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("wb") as log:
            return subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[inherit],
                # Ctrl-C in the terminal is for the command, not for the server.
                start_new_session=True,
                **as_user(self.user),
            )

    def _wait_until_ready(self) -> None:
        self._recorded()  # until then the log is of the run before
        wait_for(lambda: self._ready() or not self._locked(), START_SECONDS)
        if not self._locked():
            raise StackError(f"{self.name} stopped while starting; the end of {self.log}:\n{self._log_tail()}")
        if not self._ready():
            self.kill()
            raise StackError(f"{self.name} was not ready after {START_SECONDS} s; the end of {self.log}:\n{self._log_tail()}")

    def _ready(self) -> bool:
        return self.ready_line in self._log_text()

    def _ends_within(self, seconds: float) -> bool:
        return wait_for(lambda: not self._locked(), seconds)

    def _signal(self, number: signal.Signals) -> bool:
        pid = self.pid
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):  # only its children are left, and on their way out
            os.kill(pid, number)
        return True

    def _locked(self) -> bool:
        if not self._lock.exists():
            return False
        with self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        if self._process:
            self._process.wait()
        return False

    def _recorded(self) -> tuple[int, int]:
        if not wait_for(lambda: self._lock.stat().st_size > 0, seconds=5):
            raise StackError(f"{self.name} is just being started by another command")
        pid, port = self._lock.read_text().split()
        return int(pid), int(port)

    def _log_tail(self) -> str:
        return "\n".join(self._log_text().splitlines()[-LOG_TAIL_LINES:])

    def _log_text(self) -> str:
        return self.log.read_text(errors="replace")


def as_user(name: str | None) -> dict[str, Any]:
    """What subprocess needs to run as that user; its own directory may be closed to them, so they start in /."""
    if name is None:
        return {}
    account = pwd.getpwnam(name)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
