"""What is put down of requests, a few seconds' worth at a time: refusals by the minute, requests by the day, and when keys were used.

A caller can not make it grow: refusals that are alike are counted, and past a bound all others of a flush count as one.
A crash loses what was not yet put down.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import NamedTuple

from services.gateway.access import repository
from services.gateway.access.limits import Quotas, network_of
from shared import clock, telemetry
from shared.database import Database, Transaction

FLUSH_SECONDS = 2.0
MOST_REFUSALS = 1_000
"""Kinds that are told apart in a flush."""
KEPT = timedelta(days=400)
OTHERS = "others"

log = telemetry.logger()


class Refusal(NamedTuple):
    minute: datetime
    client: str
    address: str
    code: str
    reason: str


class Ledger:
    def __init__(self, database: Database, quotas: Quotas) -> None:
        self._database, self._quotas = database, quotas
        self._refusals: Counter[Refusal] = Counter()
        self._used: set[str] = set()
        self._dropped_on = clock.wall().date() - timedelta(days=1)
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ledger]:
        flushing = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)
            await self._flush_or_log()

    def refused(self, *, client: str, address: str, code: str, reason: str) -> None:
        telemetry.REFUSALS.labels(code).inc()
        minute = clock.wall().replace(second=0, microsecond=0)
        self._count(Refusal(minute, client, network_of(address), code, reason), 1)

    def used(self, key_id: str) -> None:
        self._used.add(key_id)

    async def flush(self) -> None:
        """In one transaction. What is not committed is kept for the next one."""
        async with self._lock:
            refusals, self._refusals = self._refusals, Counter()
            requests, self._quotas.pending = self._quotas.pending, Counter()
            used, self._used = self._used, set()
            if not (refusals or requests or used):
                return
            try:
                async with self._database.transaction() as tx:
                    sums = await self._put_down(tx, refusals, requests, used)
            except BaseException:
                for refusal, count in refusals.items():
                    self._count(refusal, count)
                self._quotas.pending.update(requests)
                self._used |= used
                raise
            for day in {day for day, _ in requests}:
                self._quotas.settle(day, {client: total for of, client, total in sums if of == day})

    async def _put_down(self, tx: Transaction, refusals: Counter[Refusal], requests: Counter[tuple[date, str]], used: set[str]) -> list[tuple[date, str, int]]:
        now = clock.wall()
        await repository.add_refusals(tx, [{**refusal._asdict(), "count": count} for refusal, count in sorted(refusals.items())])
        await repository.mark_used(tx, used, now)
        if now.date() != self._dropped_on:
            await repository.drop_before(tx, now - KEPT)
            self._dropped_on = now.date()
        rows = [{"day": day, "client": client, "requests": count} for (day, client), count in sorted(requests.items(), key=lambda one: one[0])]
        return [(row.day, row.client, row.requests) for row in await repository.add_usage(tx, rows)]

    def _count(self, refusal: Refusal, times: int) -> None:
        if refusal not in self._refusals and len(self._refusals) >= MOST_REFUSALS:
            refusal = Refusal(refusal.minute, "", "", refusal.code, OTHERS)
        self._refusals[refusal] += times

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._flush_or_log()

    async def _flush_or_log(self) -> None:
        try:
            await self.flush()
        except Exception as error:
            log.warning("access_not_put_down", error_class=type(error).__name__)
