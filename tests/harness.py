"""One service as it runs, for tests: its worker and its API over a real bus and a real database, driven by events and HTTP."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import Any, Self

import httpx
import orjson
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from services.__main__ import topics_of
from shared import pii
from shared.bus import Consumer, Message, Partition
from shared.bus.opening import open_bus
from shared.database import Database
from shared.settings import Settings
from shared.worker import Worker, WorkerSpec
from tests.builders import message
from tests.databases import migrated
from tests.documented import documented

DEADLINE_SECONDS = 90.0
# A look takes milliseconds of the time of what it waits for.
LOOK_SECONDS = 0.02
OUTBOX = "the outbox"
_routes: dict[tuple[str, str, int], list[BaseRoute]] = {}


async def until(ready: Callable[[], Awaitable[Any]], *, seconds: float = DEADLINE_SECONDS) -> Any:
    """What `ready` answers once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ready()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    """The app behind a port of its own; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server_socket:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", http="httptools"))
        serving = asyncio.create_task(server.serve([server_socket]))
        try:
            yield f"http://127.0.0.1:{server_socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def _with_routes_built(service: str, app: FastAPI, *, auth: str) -> FastAPI:
    """With the routes of the service's first app in this process: FastAPI builds an app's at its first request, for a tenth of a second
    of CPU. But for access and for how many there are they are the same for all settings: those are in the app's state."""
    app.router.routes = _routes.setdefault((service, auth, len(app.router.routes)), app.router.routes)
    return app


class ServiceUnderTest:
    """`async with` runs it. `publish` and `settle`, then ask over `http` or `rows`. `app` is its API, to be put behind a port where others ask it."""

    def __init__(self, service: str, settings: Settings) -> None:
        self.service, self.settings = service, settings
        self.spec: WorkerSpec = import_module(f"services.{service}.worker").SPEC
        self.database = Database(settings.database_url(service))
        self.bus = open_bus(settings)
        self._published = Counter[str]()
        self._progress = _progress(self.spec)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        pii.create(self.settings.keyring_path)
        await migrated(self.service, self.database)
        self._stack.push_async_callback(self.database.close)
        await self.bus.start()
        self._stack.push_async_callback(self.bus.close)
        await self.bus.create_topics(topics_of([self.service]))
        await self.start_worker()
        self._stack.push_async_callback(self.stop_worker)
        self.app = _with_routes_built(self.service, import_module(f"services.{self.service}.api").app(self.settings), auth=self.settings.auth)
        await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))
        checks = {"response": [documented(self.service, self.app)]}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.http = await self._stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test", event_hooks=checks))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def start_worker(self) -> None:
        self._stop = asyncio.Event()
        worker = Worker(self.spec, settings=self.settings, database=self.database, bus=self.bus, name=f"test-{self.service}")
        self.worker = asyncio.create_task(worker.run(self._stop))

    async def stop_worker(self) -> None:
        """Raises what ended the worker, if it was not this."""
        self._stop.set()
        await self.worker

    async def publish(self, *events: dict[str, Any] | Message) -> None:
        messages = [event if isinstance(event, Message) else message(event) for event in events]
        await self.bus.publish(messages)
        self._published.update(one.topic for one in messages)

    async def settle(self) -> None:
        """Until everything published here was taken in and everything it caused was published on."""
        await until(self._is_settled)

    async def send(self, *events: dict[str, Any] | Message) -> None:
        await self.publish(*events)
        await self.settle()

    async def expect(self, topic: str, count: int) -> None:
        """Settle, with `count` more messages that something else put on `topic`."""
        self._published[topic] += count
        await self.settle()

    async def forget_offsets(self) -> None:
        """What a crash before the offset commit leaves: the bus delivers everything again. The worker must be stopped."""
        partitions = await self.rows(sa.select(self.spec.tables.watermarks))
        consumer = await self.bus.consumer(self.service, self.spec.topics)
        await until(lambda: self._owns_all(consumer, len(partitions)))
        await consumer.commit({Partition(row.topic, row.partition): 0 for row in partitions})
        await consumer.close()

    @staticmethod
    async def _owns_all(consumer: Consumer, count: int) -> bool:
        await consumer.poll(max_records=1, timeout_seconds=0.1)
        consumer.done()
        return len(await consumer.lag()) >= count

    async def rows(self, statement: Any) -> Sequence[sa.Row[Any]]:
        async with self.database.reading() as connection:
            return (await connection.execute(statement)).all()

    async def read(self, topic: str, *, count: int, types: Collection[str] = ()) -> list[dict[str, Any]]:
        """The first `count` events on a topic; with `types` those of these types."""
        consumer = await self.bus.consumer(f"reader-{time.monotonic_ns()}", [topic])
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} events on {topic}"
            events = [orjson.loads(record.value) for record in await consumer.poll(max_records=500, timeout_seconds=0.2)]
            found += [event for event in events if not types or event["type"] in types]
            consumer.done()
        await consumer.close()
        return found

    async def _is_settled(self) -> bool:
        if self.worker.done():
            self.worker.result()
            raise AssertionError("the worker ended")
        progress: dict[str, int] = dict(await self.rows(self._progress))
        return not progress[OUTBOX] and all(progress.get(topic, 0) >= count for topic, count in self._published.items())


def _progress(spec: WorkerSpec) -> sa.CompoundSelect[str, int]:
    """How many records of each topic were taken in, and how many wait in the outbox: one statement, as the looks are many."""
    watermarks = spec.tables.watermarks
    taken = sa.select(watermarks.c.topic, sa.func.sum(watermarks.c.next_offset)).group_by(watermarks.c.topic)
    return taken.union_all(sa.select(sa.literal(OUTBOX), sa.func.count()).select_from(spec.tables.outbox))
