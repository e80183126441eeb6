"""What is done to the system while it works: workers killed and paused at random, the servers beneath it killed once each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from deploy.chaos.crew import Part
from deploy.stack import Daemon

# Every part has started by then: a run in which nobody lives long enough to work proves nothing.
GRACE_SECONDS = 3.0
# Room for the last fault to strike under load.
STRIKE_UNTIL = 0.95
LOOK_SECONDS = 0.02
START_SECONDS = 3.0
# Who uses a third of the time is at work: reading the clock and an idle topic takes a hundredth.
AIM_SECONDS, WORKING_TICKS = 0.1, 3
IDLE_SECONDS = 5.0
# About what a batch takes until all of it is published: a strike falls on any step of it.
BATCH_SECONDS = 0.15

Kind = Literal["kill", "pause"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`pause_seconds` outlasts a lease (embedded: 10 s) or a session (Kafka: 30 s) where the run is long enough for it."""

    seed: int
    seconds: float
    reports_per_second: int
    kills: int
    pauses: int
    pause_seconds: float

    @property
    def reports(self) -> int:
        return int(self.seconds * self.reports_per_second)


class Fault(NamedTuple):
    at_seconds: float
    kind: Kind


@dataclass
class Assault:
    """`servers_killed` are those that were killed and started again, and how long they were away."""

    plan: Plan
    parts: Sequence[Part]
    servers: Sequence[Daemon]
    servers_killed: dict[str, float] = field(default_factory=dict)
    _server_is_away: bool = False
    _started: float = 0.0

    def __post_init__(self) -> None:
        self._dice = Random(f"{self.plan.seed}:victims")

    async def strike(self) -> None:
        """Until all that was planned is done."""
        self._started = time.monotonic()
        await asyncio.gather(self._hurt_workers(), self._kill_servers())

    async def _hurt_workers(self) -> None:
        for fault in schedule(self.plan):
            await self._due(fault.at_seconds)
            await self._hurt(fault.kind)

    async def _hurt(self, kind: Kind) -> None:
        """Somebody at work, at a moment within the next batch: a strike between two batches proves little."""
        victim = None
        while victim is None or not victim.runs:
            victim = await self._at_work(kind)
            await asyncio.sleep(self._dice.uniform(0, BATCH_SECONDS))
        if kind == "kill":
            victim.kill()
        else:
            victim.pause()
            asyncio.get_running_loop().call_later(self.plan.pause_seconds, victim.resume)

    async def _at_work(self, kind: Kind) -> Part:
        """Whoever works, or anybody when for long nobody does."""
        patience = time.monotonic() + IDLE_SECONDS
        while True:
            candidates = await self._candidates(kind)
            used = [part.cpu_ticks for part in candidates]
            await asyncio.sleep(AIM_SECONDS)
            working = [part for part, before in zip(candidates, used, strict=True) if part.runs and part.cpu_ticks - before >= WORKING_TICKS]
            if working or time.monotonic() > patience:
                return self._dice.choice(working or candidates)

    async def _candidates(self, kind: Kind) -> list[Part]:
        """Those that are through with their start; to be paused, where another member takes over: else a pause is only a delay."""
        while True:
            running = [part for part in self.parts if part.runs and not part.paused and part.age_seconds > START_SECONDS]
            members = Counter(part.service for part in running)
            if found := [part for part in running if kind == "kill" or members[part.service] > 1]:
                return found
            await asyncio.sleep(LOOK_SECONDS)

    async def _kill_servers(self) -> None:
        """One after the other, at even distances; each time a worker too, which then starts without its server."""
        for number, server in enumerate(self.servers, 1):
            await self._due(self.plan.seconds * number / (len(self.servers) + 1))
            killed = time.monotonic()
            self._server_is_away = True
            await asyncio.gather(asyncio.to_thread(_kill_and_start, server), self._hurt("kill"))
            self._server_is_away = False
            self.servers_killed[server.name] = time.monotonic() - killed

    async def _due(self, at_seconds: float) -> None:
        """The clock of faults stands while a server is away: there is no work to disturb."""
        while True:
            worked = time.monotonic() - self._started - sum(self.servers_killed.values())
            if worked >= at_seconds and not self._server_is_away:
                return
            await asyncio.sleep(LOOK_SECONDS)


def schedule(plan: Plan) -> list[Fault]:
    """Seeded; spread evenly at random. Pauses begin early enough to end under load."""
    dice = Random(f"{plan.seed}:faults")
    end = plan.seconds * STRIKE_UNTIL
    faults = [Fault(dice.uniform(GRACE_SECONDS, end), "kill") for _ in range(plan.kills)]
    faults += [Fault(dice.uniform(GRACE_SECONDS, max(GRACE_SECONDS, end - plan.pause_seconds)), "pause") for _ in range(plan.pauses)]
    return sorted(faults)


def _kill_and_start(server: Daemon) -> None:
    server.kill()
    server.start()
