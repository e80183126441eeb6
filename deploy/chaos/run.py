"""One fault run: workers under load and under assault, then quiet, then the audit."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from deploy.chaos.audit import Verdict, audit
from deploy.chaos.crew import Part, stop, supervise
from deploy.chaos.evidence import SERVICES, gather, left, quiet
from deploy.chaos.faults import Assault, Plan
from deploy.chaos.findings import Findings
from deploy.chaos.ledger import Ledger
from deploy.chaos.merges import merge_and_undo
from deploy.chaos.stream import NOW, Sending, stream
from deploy.stack import Daemon
from shared.bus import Bus, Message
from shared.bus.opening import open_bus
from shared.clock import SCALE_VARIABLE, Scale
from shared.errors import BusUnavailable
from shared.settings import Settings

WORKERS = ("customer", *SERVICES)  # two members of the customer group
QUIET_SECONDS = 180.0
LAST_STARTS = 3
PUBLISHED_AT_ONCE = 500
BURST_SECONDS = 0.5
RETRY_SECONDS = 0.2
LOG_LINES = 15

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, as lines of a table, and what the auditor says to it."""

    kills: int
    merged: int
    done: Sequence[tuple[str, str]]
    verdicts: Sequence[Verdict]
    ledger: Ledger

    @property
    def breaches(self) -> list[str]:
        return [f"{verdict.invariant}: {breach}" for verdict in self.verdicts for breach in verdict.findings.breaches]


async def run(plan: Plan, settings: Settings, *, servers: Sequence[Daemon] = (), say: Say = lambda text: None) -> Outcome:
    """On databases that are empty. `servers` are killed once each."""
    environment = _environment(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(_migrate, environment)
    parts = [Part(service, f"{service}-{number}", settings.data_dir / f"{service}-{number}.log", environment) for number, service in enumerate(WORKERS, 1)]
    sendings = stream(seed=plan.seed, reports=plan.reports)
    ledger, assault = Ledger(dict.fromkeys(sending.report for sending in sendings)), Assault(plan, parts, servers)
    say(f"{len(ledger.reports):,} distinct reports in {len(sendings):,} sendings over {plan.seconds:.0f} s, {plan.kills} kills, {plan.pauses} pauses ...")
    async with _supervised(parts):
        async with _producing(settings) as bus:
            load = asyncio.gather(_produce(bus, ledger, sendings, plan.seconds), assault.strike())
            merged = await merge_and_undo(plan.seed, ledger, environment, during=load)
        for part in parts:
            part.resume()
        started = time.monotonic()
        say("All is sent. Waiting for quiet ...")
        waiting = await quiet(settings, seconds=QUIET_SECONDS)
    waiting = waiting or await _after_last_sweeps(settings, parts)
    say(f"Quiet after {time.monotonic() - started:.0f} s. Auditing ...")
    evidence = await gather(ledger, settings)
    verdicts = [_ended(parts), Verdict("all comes to rest", Findings(f"within {QUIET_SECONDS:.0f} s", [waiting] if waiting else [])), *audit(evidence)]
    done = [*_done(ledger, sendings, parts, assault), ("merged, and un-merged again", f"{merged} pairs")]
    return Outcome(sum(part.kills for part in parts), merged, done, verdicts, ledger)


async def _after_last_sweeps(settings: Settings, parts: Sequence[Part]) -> str:
    """What a sweep found between the quiet and the stop is worked off by another start. Empty, or what was left."""
    for _ in range(LAST_STARTS):
        if not await left(settings):
            return ""
        async with _supervised(parts):
            await quiet(settings, seconds=QUIET_SECONDS)
    return await left(settings)


@asynccontextmanager
async def _supervised(parts: Sequence[Part]) -> AsyncIterator[None]:
    """The workers run; nothing of them is left behind."""
    supervisor = asyncio.create_task(supervise(parts))
    try:
        yield
    finally:
        supervisor.cancel()
        with suppress(asyncio.CancelledError):
            await supervisor
        await asyncio.to_thread(stop, parts)


@asynccontextmanager
async def _producing(settings: Settings) -> AsyncIterator[Bus]:
    bus = open_bus(settings)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


async def _produce(bus: Bus, ledger: Ledger, sendings: Sequence[Sending], seconds: float) -> None:
    """In order and in bursts, as producers that poll their own outbox do."""
    started = time.monotonic()
    for due, burst in groupby(sendings, lambda sending: int(sending.at * seconds / BURST_SECONDS)):
        await asyncio.sleep(max(0.0, started + due * BURST_SECONDS - time.monotonic()))
        waiting = list(burst)
        for first in range(0, len(waiting), PUBLISHED_AT_ONCE):
            await _publish(bus, ledger, waiting[first : first + PUBLISHED_AT_ONCE])


async def _publish(bus: Bus, ledger: Ledger, sendings: Sequence[Sending]) -> None:
    """Again and again until the bus says it has it: what was tried and not acknowledged may be there all the same."""
    reports = [sending.report for sending in sendings]
    messages = [Message(report.topic, report.subject, report.value) for report in reports]
    while True:
        ledger.attempt(reports)
        try:
            await bus.publish(messages)
        except BusUnavailable:
            await asyncio.sleep(RETRY_SECONDS)
        else:
            ledger.acknowledge(reports)
            return


def _environment(settings: Settings) -> dict[str, str]:
    given = {f"HOLDFAST_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_defaults=True).items()}
    return os.environ | given | {SCALE_VARIABLE: str(Scale(NOW, datetime.now(UTC), 1.0))}


def _migrate(environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "services", "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)


def _ended(parts: Sequence[Part]) -> Verdict:
    """A worker gets over what happens around it; one that gives up would be restarted too, but is a bug."""
    breaches = [f"{part.name} ended with exit code {code}; its log ends:\n{_tail(part)}" for part in parts for code in part.ended_by_itself]
    return Verdict("no worker ended by itself", Findings(f"{sum(part.starts for part in parts)} starts", breaches))


def _tail(part: Part) -> str:
    return "\n".join(part.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def _done(ledger: Ledger, sendings: Sequence[Sending], parts: Sequence[Part], assault: Assault) -> list[tuple[str, str]]:
    fates = [report.fate for report in ledger.reports]
    copies, retries = len(sendings) - len(ledger.reports), ledger.attempted.total() - len(sendings)
    return [
        ("distinct events sent", f"{fates.count('fact'):,} to apply, {fates.count('parked'):,} about nobody, {fates.count('dead'):,} malformed"),
        ("sent again by the producer", f"{copies:,}, and {retries:,} after the bus did not answer"),
        ("kill -9", f"{sum(part.kills for part in parts)}: " + ", ".join(f"{part.name} {part.kills}" for part in parts)),
        ("SIGSTOP", f"{sum(part.pauses for part in parts)} of {assault.plan.pause_seconds:.0f} s"),
        ("servers killed", ", ".join(f"{name}, away for {seconds:.0f} s" for name, seconds in assault.servers_killed.items()) or "none"),
    ]
