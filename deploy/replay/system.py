"""The parts of Holdfast that a replay needs, each a process of its own, and how to tell that they are done."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from deploy.stack import free_port
from shared import clock
from shared.database import Database
from shared.outbox import outbox_table
from shared.settings import PORT_OFFSETS, Settings
from shared.web import WORKER_BEAT_LIMIT_SECONDS
from shared.worker import workers_table

# In the order the events flow: who is before has published all once it is drained.
SERVICES = ("customer", "segmentation", "retention", "gateway")
APIS = ("customer", "segmentation")
START_SECONDS = 60.0
STALL_SECONDS = 180.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.2
LOG = "replay.log"
REQUEST_SECONDS = 600.0

_WORKERS = workers_table(sa.MetaData())
_OUTBOX = outbox_table(sa.MetaData())


class ReplayFailed(Exception):
    """Something the person at the terminal has to know."""


class System:
    """What a replay asks of the running parts."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.databases = {service: Database(settings.database_url(service)) for service in SERVICES}
        self.log = settings.data_dir / LOG
        self._environment = {"HOLDFAST_LOG_LEVEL": "warning", **os.environ, **environment}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def books(self, source: str) -> Counter[str]:
        """What became of everything `source` sent, over all topics: accepted, applied, duplicate, parked, dead."""
        answer = await self._ask("customer", "GET", "/reconciliation")
        books = Counter[str]()
        for line in answer["sources"]:
            if line["source"] == source:
                books.update({name: count for name, count in line.items() if type(count) is int})
        return books

    async def agrees(self) -> bool:
        """Whether the counters are balanced, and agree with the facts and parked events that are really stored."""
        answer = await self._ask("customer", "GET", "/reconciliation?recount=true")
        return bool(answer["balanced"] and answer["recount"]["agrees"])

    async def recut(self, as_of: date) -> None:
        """Ask for one, and wait until everybody is scored by it."""
        body, key = {"as_of": as_of.isoformat()}, {"Idempotency-Key": uuid.uuid4().hex}
        version = (await self._ask("segmentation", "POST", "/rfm/recut", json=body, headers=key))["version"]
        await self.until_nothing(partial(self._unfinished, version), f"the re-cut {version} stands still")

    async def _unfinished(self, version: int) -> int:
        """0 when it is finished; else another number with every step."""
        cuts = (await self._ask("segmentation", "GET", "/rfm/cuts"))["items"]
        (recut,) = [one for one in cuts if one["version"] == version]
        return 0 if recut["state"] == "finished" else 1 + int(recut["customers"])

    async def segments(self) -> dict[str, dict[str, int]]:
        """Population -> named segment -> customers."""
        answer = await self._ask("segmentation", "GET", "/segments")
        return {one["population"]: one["segments"] for one in answer["populations"]}

    async def tally(self, service: str, sql: str) -> dict[str, int]:
        """What two columns of a service's database say."""
        async with self.databases[service].reading() as connection:
            return {str(name): count for name, count in await connection.execute(sa.text(sql))}

    async def settle(self, watch: Callable[[str, int], None]) -> None:
        """Until every service took in all that those before it published. `watch` is told what is left."""
        for service in SERVICES:
            await self.until_nothing(partial(self._left, service, clock.wall(), watch), f"{service} stands still")

    async def until_nothing(self, left: Callable[[], Awaitable[int]], trouble: str) -> None:
        """Until nothing is left. Raises ReplayFailed when a part ended, or when what is left does not change for long."""
        before, changed = None, clock.monotonic()
        while now := await left():
            self._refuse_ended_parts()
            if now != before:
                before, changed = now, clock.monotonic()
            if clock.monotonic() - changed > STALL_SECONDS:
                raise ReplayFailed(f"{trouble}: {now} left, and no change for {STALL_SECONDS:.0f} s; see {self.log}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _left(self, service: str, since: datetime, watch: Callable[[str, int], None]) -> int:
        """Records before its workers, as they said after `since`, and messages it has not published. -1: they have not said yet."""
        async with self.databases[service].reading() as connection:
            beats = (await connection.execute(sa.select(_WORKERS.c.beat_at, _WORKERS.c.lag_records))).all()
            waiting = await connection.scalar(sa.select(sa.func.count()).select_from(_OUTBOX))
        alive = [beat for beat in beats if (clock.wall() - beat.beat_at).total_seconds() < WORKER_BEAT_LIMIT_SECONDS]
        if not alive or any(beat.beat_at < since for beat in alive):
            return -1
        left: int = sum(beat.lag_records for beat in alive) + (waiting or 0)
        watch(service, left)
        return left

    async def _ask(self, service: str, method: str, path: str, **request: Any) -> Any:
        answer = await self._clients[service].request(method, path, **request)
        if not answer.is_success:
            raise ReplayFailed(f"{method} {path} of {service} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def _refuse_ended_parts(self) -> None:
        for part, process in self._processes.items():
            if process.poll() is not None:
                raise ReplayFailed(f"the {part} ended with exit code {process.returncode}; see {self.log}")

    async def start(self) -> None:
        await asyncio.to_thread(self._run_to_its_end, "migrate")
        for service in SERVICES:
            self._spawn(service, "worker")
        for service in APIS:
            port = free_port()
            self._spawn(service, "api", HOLDFAST_PORT=str(port - PORT_OFFSETS[service]))
            self._clients[service] = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=REQUEST_SECONDS, trust_env=False)
        for service in APIS:
            await self._until_live(service)

    async def _until_live(self, service: str) -> None:
        deadline = clock.monotonic() + START_SECONDS
        while True:
            self._refuse_ended_parts()
            try:
                await self._ask(service, "GET", "/health/live")
            except httpx.TransportError:
                if clock.monotonic() > deadline:
                    raise ReplayFailed(f"the {service} API does not answer after {START_SECONDS:.0f} s; see {self.log}") from None
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return

    def _run_to_its_end(self, *arguments: str) -> None:
        with self.log.open("ab") as log:
            ended = subprocess.run([sys.executable, "-m", "services", *arguments], env=self._environment, stdout=log, stderr=log, check=False)
        if ended.returncode:
            raise ReplayFailed(f"`python -m services {' '.join(arguments)}` failed; see {self.log}")

    def _spawn(self, service: str, part: str, **environment: str) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "services", service, part]
            self._processes[f"{service} {part}"] = subprocess.Popen(command, env=self._environment | environment, stdout=log, stderr=log)

    async def stop(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                await asyncio.to_thread(process.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        for database in self.databases.values():
            await database.close()


def environment_at(as_of: date, data_dir: Path) -> dict[str, str]:
    """To the parts it is the morning of `as_of`: recency, warnings and 13-month views are those of that day, not of today."""
    scale = clock.Scale(datetime.combine(as_of, time(), UTC), clock.wall(), 1.0)
    return {"HOLDFAST_DATA_DIR": str(data_dir), clock.SCALE_VARIABLE: str(scale)}


@asynccontextmanager
async def running(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[System]:
    """Every part started, with `environment` over that of this process; stopped at the end."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        system = System(settings, environment)
        stack.push_async_callback(system.stop)
        await system.start()
        yield system
