"""Where it is measured: Kafka and PostgreSQL started for this alone, or the embedded files. Both can go back to where a run began."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Protocol

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.stack import Stack, free_port, temporary_stack
from shared.bus.embedded.file import connect
from shared.bus.kafka import PARTITIONS
from shared.settings import Settings


class Place(Protocol):
    name: str
    settings: Settings
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the services are started with."""
        ...

    @property
    def servers(self) -> dict[str, list[int]]:
        """Name to pids."""
        ...

    async def ends(self, topics: Sequence[str]) -> int:
        """How many records these topics have taken so far."""
        ...

    async def save(self, service: str) -> None:
        """Remember the service's database. Its worker must be stopped."""
        ...

    async def rewind(self, service: str, topics: Sequence[str]) -> None:
        """Back to what was saved, with `topics` before it from their beginning, and nothing left for the disk to do."""
        ...


class Embedded:
    name = "embedded"

    def __init__(self, directory: Path) -> None:
        self.settings = Settings(data_dir=directory / "data", port=free_port(), log_level="warning")
        self.log, self._saved = directory / "log", directory / "saved"

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self.settings)

    @property
    def servers(self) -> dict[str, list[int]]:
        return {}

    async def ends(self, topics: Sequence[str]) -> int:
        with closing(connect(self.settings.data_dir / "bus.db")) as connection:
            counts = dict(connection.execute("SELECT topic, sum(next_offset) FROM partitions GROUP BY topic"))
        return sum(counts[topic] for topic in topics)

    async def save(self, service: str) -> None:
        shutil.copytree(self.settings.data_dir, self._saved, dirs_exist_ok=True)

    async def rewind(self, service: str, topics: Sequence[str]) -> None:
        shutil.rmtree(self.settings.data_dir)
        shutil.copytree(self._saved, self.settings.data_dir)
        os.sync()


class OnStack:
    name = "stack"

    def __init__(self, stack: Stack, directory: Path) -> None:
        self._stack, self.log = stack, directory / "log"
        bus, database = stack.environment["HOLDFAST_BUS"], stack.environment["HOLDFAST_DATABASE"]
        self.settings = Settings(data_dir=directory / "data", bus=bus, database=database, port=free_port(), log_level="warning")
        self._brokers = bus.removeprefix("kafka://")

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self.settings)

    @property
    def servers(self) -> dict[str, list[int]]:
        pids = {"broker": self._stack.kafka.pid, "postgres": self._stack.postgres.pid}
        return {name: [pid] for name, pid in pids.items() if pid}

    async def ends(self, topics: Sequence[str]) -> int:
        async with self._consumer() as consumer:
            return sum((await consumer.end_offsets(_partitions(topics))).values())

    async def save(self, service: str) -> None:
        await self._sql(f"CREATE DATABASE {service}_saved TEMPLATE {service}")

    async def rewind(self, service: str, topics: Sequence[str]) -> None:
        await self._sql(f"DROP DATABASE {service} WITH (FORCE)", f"CREATE DATABASE {service} TEMPLATE {service}_saved OWNER {service}", "CHECKPOINT")
        async with self._consumer(service) as consumer:
            consumer.assign(_partitions(topics))
            await consumer.commit(dict.fromkeys(_partitions(topics), 0))
        os.sync()

    def _consumer(self, group: str | None = None) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(bootstrap_servers=self._brokers, group_id=group, enable_auto_commit=False)

    async def _sql(self, *statements: str) -> None:
        connection = await asyncpg.connect(host="127.0.0.1", port=self._stack.postgres.port, user="postgres", database="postgres")
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def _partitions(topics: Sequence[str]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]


@asynccontextmanager
async def fresh(name: str) -> AsyncIterator[Place]:
    """The disk is synced as in earnest: a bench without is about something else."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        if name == "embedded":
            yield Embedded(Path(folder))
            return
        with temporary_stack(fsync=True) as stack:
            yield OnStack(stack, Path(folder))


def _environment(settings: Settings) -> dict[str, str]:
    names = ("data_dir", "bus", "database", "log_level", "port")
    return {f"HOLDFAST_{name.upper()}": str(getattr(settings, name)) for name in names}
