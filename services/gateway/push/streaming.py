"""The stream of server-sent events: read from the log, by each stream at its own pace.

A stream keeps nothing but its place in the log, so any process can carry it on, and a client that reads slowly costs one page
of memory. Ids are given out in the order of commits (`repository.append`): what is up to the last id is all there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import orjson
import sqlalchemy as sa
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.push import repository
from services.gateway.push.filters import Filter
from services.gateway.settings import GatewaySettings
from shared import telemetry
from shared.database import Database, is_transient
from shared.errors import TooManyRequests

LOOK_SECONDS = 0.25
PAGE = 200
SLOW_SECONDS = 10.0
"""A client that takes nothing for so long is cut off; it may resume."""
RETRY = b"retry: 3000\n\n"

log = telemetry.logger()


class Streams:
    """Those of this process. One task looks at the end of the log for all of them."""

    def __init__(self, database: Database, stopping: asyncio.Event, settings: GatewaySettings) -> None:
        self._database, self.stopping, self._settings = database, stopping, settings
        self._last_id, self._news = 0, asyncio.Event()
        self.open = 0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def require_room(self) -> None:
        if self.open >= self._settings.streams:
            raise TooManyRequests(f"{self.open} streams are open", retry_after_seconds=5)

    async def read(self, filter: Filter, after: int | None) -> AsyncGenerator[bytes, None]:
        """From the event after this id, or from now on; 0: from the oldest that is kept."""
        yield RETRY
        self._notice(await self._find_last())
        position = self._last_id if after is None else after
        if position > self._last_id:  # of another log than this
            yield _gap(position, self._last_id)
            position = self._last_id
        while True:
            last_id = self._last_id
            rows, trimmed_to = await self._page(filter, position, last_id)
            if 0 < position < trimmed_to:
                yield _gap(position, trimmed_to)
            for row in rows:
                if row.id > trimmed_to and filter.lets_through(orjson.loads(row.body)):
                    yield _event(row)
            position = max(position, trimmed_to, rows[-1].id if len(rows) == PAGE else last_id)
            if position >= self._last_id and not await self._wait():
                # With the id, so that who resumes after a long silence has missed nothing.
                yield f": \nid: {position}\n\n".encode()

    async def _page(self, filter: Filter, position: int, last_id: int) -> tuple[Sequence[sa.Row[Any]], int]:
        """In this order: what is trimmed in between is told as a gap, and not left out in silence."""
        async with self._database.reading() as connection:
            rows = await repository.read_stream(connection, sorted(filter.types), after=position, up_to=last_id, limit=PAGE)
            return rows, (await repository.head(connection))[1]

    async def _find_last(self) -> int:
        async with self._database.reading() as connection:
            return (await repository.head(connection))[0]

    async def _wait(self) -> bool:
        """Whether there was news before a heartbeat is due."""
        try:
            await asyncio.wait_for(self._news.wait(), self._settings.heartbeat_seconds)
        except TimeoutError:
            return False
        return True

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.open:
                continue
            try:
                self._notice(await self._find_last())
            except Exception as error:
                log.exception("stream_waits", error_class=type(error).__name__, exc_info=not is_transient(error))

    def _notice(self, last_id: int) -> None:
        """Wake all who wait for it."""
        if last_id > self._last_id:
            self._last_id = last_id
            self._news.set()
            self._news = asyncio.Event()


class EventStream(Response):
    """Ends when the client goes or takes nothing any more, and when the server is to stop."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, chunks: AsyncGenerator[bytes, None], *, slow_seconds: float = SLOW_SECONDS) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._streams, self._chunks, self._slow_seconds = streams, chunks, slow_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        ends = [asyncio.create_task(step) for step in (self._send(send), _gone(receive), self._streams.stopping.wait())]
        self._streams.open += 1
        telemetry.STREAMS.inc()
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.open -= 1
            telemetry.STREAMS.dec()
            for task in ends:
                task.cancel()
            sent, *_ = await asyncio.gather(*ends, return_exceptions=True)
        if self._streams.stopping.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif isinstance(sent, TimeoutError):
            log.warning("stream_too_slow", seconds=self._slow_seconds)
        elif isinstance(sent, Exception):
            raise sent

    async def _send(self, send: Send) -> None:
        async with aclosing(self._chunks):
            async for chunk in self._chunks:
                async with asyncio.timeout(self._slow_seconds):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(row: sa.Row[Any]) -> bytes:
    return f"id: {row.id}\nevent: {row.type}\ndata: {row.body}\n\n".encode()


def _gap(after: int, resumed_at: int) -> bytes:
    """Events between the two are not kept any more."""
    return f"id: {resumed_at}\nevent: gap\ndata: {orjson.dumps({'after': after, 'resumed_at': resumed_at}).decode()}\n\n".encode()
