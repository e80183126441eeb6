"""The folder of one run of the tests, for all its processes: what they write is in there, servers too, and is gone with it.

In memory where there is room: a commit waits a microsecond there, and ten thousand on a disk. It proves the same: a killed process
loses nothing that it wrote, and no test cuts the power. `--basetemp=folder` keeps what tests wrote.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack import Stack

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30


def make() -> None:
    """For this process and all that it starts."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="holdfast-tests-", dir=MEMORY if roomy else None))
    # mkdtemp closes it to others, and as root PostgreSQL runs as another user.
    folder.chmod(0o755)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    # Where it is set, each process that a test starts would compile the same modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def end() -> None:
    """Stops every server: who started one may have been killed before that."""
    for directory in path().glob("*stack*/"):
        Stack(directory).stop()
    shutil.rmtree(path(), ignore_errors=True)  # what was killed while it made a server may still be writing
    tempfile.tempdir = None
    del os.environ["TMPDIR"]


def path() -> Path:
    return Path(tempfile.gettempdir())


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Of all processes of the run one at a time; where to make what they share, if nobody has yet."""
    with (path() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path() / name
