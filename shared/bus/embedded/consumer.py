"""A member of a group on the embedded bus."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from shared import clock, telemetry
from shared.bus import Partition, Record
from shared.bus.embedded import groups, log
from shared.bus.embedded.file import Lane, News
from shared.bus.embedded.groups import Member
from shared.errors import BusUnavailable

BEATS_PER_LEASE = 3

logger = telemetry.logger()


class EmbeddedConsumer:
    """`_positions` are the partitions owned and the offsets to read next. Whoever changes them, or fetches by them, has the turn."""

    def __init__(self, member: Member, *, prefix: str, writer: Lane, reader: Lane, news: News) -> None:
        self._member, self._prefix, self._writer, self._reader, self._news = member, prefix, writer, reader, news
        self._positions: dict[Partition, int] = {}
        self._generation = -1
        self._in_flight = False
        self._turn = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    async def join(self) -> None:
        await self._rebalance()
        self._keeper = asyncio.create_task(self._keep_lease())

    async def poll(self, *, max_records: int, timeout_seconds: float) -> list[Record]:
        deadline = clock.monotonic() + timeout_seconds
        while True:
            seen = self._news.version()
            async with self._turn:
                records = await self._fetch(max_records)
            if records or clock.monotonic() >= deadline:
                return records
            await self._news.wait(seen=seen, deadline=deadline)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        on_the_wire = {Partition(self._prefix + at.topic, at.number): offset for at, offset in offsets.items()}
        await self._writer.run(partial(groups.commit, member=self._member, offsets=on_the_wire, now_ms=now_ms()))

    def done(self) -> None:
        self._in_flight = False

    async def seek_to_committed(self) -> None:
        async with self._turn:
            self._positions = await self._reader.run(partial(groups.committed, member=self._member))

    async def lag(self) -> dict[Partition, int]:
        behind = await self._reader.run(partial(groups.lag, member=self._member))
        return {Partition(at.topic.removeprefix(self._prefix), at.number): records for at, records in behind.items()}

    async def close(self) -> None:
        if self._keeper is None:
            return
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        self._keeper = None
        # The lease ends by itself.
        with suppress(BusUnavailable):
            await self._writer.run(partial(groups.leave, member=self._member))

    async def _fetch(self, max_records: int) -> list[Record]:
        fetched = await self._read(max_records)
        if fetched.generation != self._generation and not self._in_flight:
            await self._rebalance()
            fetched = await self._read(max_records)
        for at, next_offset in fetched.next_offsets.items():
            # To the end of the line: no partition waits for another one's backlog.
            del self._positions[at]
            self._positions[at] = next_offset
        self._in_flight = self._in_flight or bool(fetched.records)
        return fetched.records

    async def _read(self, max_records: int) -> log.Fetched:
        positions = dict(self._positions)
        return await self._reader.run(partial(log.fetch, group=self._member.group, positions=positions, max_records=max_records, prefix=self._prefix))

    async def _rebalance(self) -> None:
        share = await self._writer.run(partial(groups.rebalance, member=self._member, now_ms=now_ms()))
        kept = {} if share.joined else self._positions
        self._positions = {at: kept.get(at, offset) for at, offset in share.committed.items()}
        self._generation = share.generation

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._member.lease_ms / 1000 / BEATS_PER_LEASE)
            try:
                async with self._turn:
                    await self._beat()
            except BusUnavailable as error:
                logger.warning("lease_not_renewed", group=self._member.group, error=error.detail)

    async def _beat(self) -> None:
        if self._in_flight:
            await self._writer.run(partial(groups.renew, member=self._member, now_ms=now_ms()))
        else:
            await self._rebalance()


def now_ms() -> int:
    return int(clock.wall().timestamp() * 1000)
