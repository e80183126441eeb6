"""A real Kafka and a real PostgreSQL on this machine, without containers: `make stack`, and the tests' fixtures."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.stack.daemon import Daemon, StackError
from deploy.stack.install import install, missing
from deploy.stack.kafka import Kafka, free_port, free_ports
from deploy.stack.postgres import Postgres

__all__ = ["Daemon", "Kafka", "Postgres", "Stack", "StackError", "free_port", "free_ports", "install", "missing", "temporary_stack"]


class Stack:
    def __init__(self, directory: Path, *, kafka_port: int = 9092, postgres_port: int = 5433, fsync: bool = True) -> None:
        self.directory = directory
        self.kafka = Kafka(directory, kafka_port)
        self.postgres = Postgres(directory, postgres_port, fsync=fsync)

    @property
    def daemons(self) -> tuple[Daemon, Daemon]:
        return self.kafka, self.postgres

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOLDFAST_BUS": f"kafka://127.0.0.1:{self.kafka.port}",
            "HOLDFAST_DATABASE": f"postgresql://{{service}}@127.0.0.1:{self.postgres.port}/{{service}}",
        }

    def start(self) -> None:
        if lacks := missing():
            raise StackError("This machine lacks:\n  " + "\n  ".join(lacks))
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda daemon: daemon.start(), self.daemons))

    def stop(self) -> None:
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda daemon: daemon.stop(), self.daemons))


@contextmanager
def temporary_stack(*, fsync: bool = False) -> Iterator[Stack]:
    directory = Path(tempfile.mkdtemp(prefix="holdfast-stack-"))
    # mkdtemp closes it to others, and as root PostgreSQL runs as another user.
    directory.chmod(0o755)
    stack = Stack(directory, kafka_port=free_port(), postgres_port=free_port(), fsync=fsync)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(directory)
