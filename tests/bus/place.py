"""Where a bus of a test lives, so that this process and others can open it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from shared.bus import Bus
from shared.bus.embedded import EmbeddedBus
from shared.bus.kafka import KafkaBus

ROOT = Path(__file__).parents[2]

# So that a member that died is missed soon. Kafka refuses less.
LEASE_SECONDS = 2.0
SESSION_SECONDS = 6.0


@dataclass(frozen=True)
class Place:
    kind: Literal["embedded", "kafka"]
    where: str
    prefix: str = ""

    def bus(self) -> Bus:
        if self.kind == "embedded":
            return EmbeddedBus(Path(self.where), self.prefix, lease_seconds=LEASE_SECONDS)
        return KafkaBus(self.where, self.prefix, session_seconds=SESSION_SECONDS)

    @asynccontextmanager
    async def process(self, role: str, *arguments: str) -> AsyncIterator[Process]:
        """Another process at work here, killed at the end."""
        command = [sys.executable, "-m", "tests.bus.process", self.kind, self.where, self.prefix, role, *arguments]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    @classmethod
    def parse(cls, kind: str, where: str, prefix: str) -> Self:
        return cls("embedded" if kind == "embedded" else "kafka", where, prefix)
