"""G5: server-sent events: live, filtered, resumed without loss and without repetition, with a gap that is told, and bounded."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest
import sqlalchemy as sa

from services.gateway.api import app
from services.gateway.push import delivering, repository
from services.gateway.push.filters import parse
from services.gateway.push.streaming import EventStream
from services.gateway.tables import STREAM_EVENTS
from shared import clock
from shared.contracts.segmentation import AlertRaised
from shared.database import Database
from shared.settings import Settings
from tests.databases import migrated
from tests.gateway.conftest import AWAY
from tests.gateway.published import alerted, erased, reached, scored
from tests.harness import ServiceUnderTest, listening, until


class Told(NamedTuple):
    """A block of the stream; `data` is None for a heartbeat."""

    id: int
    event: str
    data: dict[str, Any] | None

    @property
    def alert_id(self) -> str:
        assert self.data
        return str(self.data["data"]["alert_id"])


@asynccontextmanager
async def stream(url: str, *, after: int | None = None, **params: str) -> AsyncIterator[AsyncIterator[Told]]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    async with httpx.AsyncClient(base_url=url, timeout=30) as client, client.stream("GET", "/v1/stream", headers=headers, params=params) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield told(answer.aiter_lines())


async def told(lines: AsyncIterator[str]) -> AsyncIterator[Told]:
    block: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            block[name] = value
            continue
        if "id" in block:
            yield Told(int(block["id"]), block.get("event", ""), orjson.loads(block["data"]) if "data" in block else None)
        block = {}


async def take(events: AsyncIterator[Told], count: int) -> list[Told]:
    """Heartbeats left out."""
    found: list[Told] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            one = await anext(events)
            found += [one] if one.data is not None else []
    return found


async def test_events_as_they_happen(gateway: ServiceUnderTest) -> None:
    """G5: alerts unless other types are asked for; the same filter as at the hub; from now on, or from the oldest that is kept."""
    async with listening(gateway.app) as url:
        async with stream(url) as alerts, stream(url, types="moment_reached,rfm_scored", query="customerId=C-2") as others:
            await until(lambda: has_open(gateway, 2))
            await gateway.send(alerted("a-1"), reached("m-1"), scored(customer="C-2"), alerted("a-2", customer="C-2"))
            assert {one.alert_id for one in await take(alerts, 2)} == {"a-1", "a-2"}
            [one] = await take(others, 1)
            assert one.data and (one.event, one.data["subject"]) == ("segmentation.rfm_scored.v1", "customer:C-2")
        await until(lambda: has_open(gateway, 0))
        async with stream(url, after=0) as again:
            assert {one.alert_id for one in await take(again, 2)} == {"a-1", "a-2"}


async def has_open(gateway: ServiceUnderTest, count: int) -> bool:
    return bool(gateway.app.state.streams.open == count)


async def test_resumed_again_and_again_nothing_is_missing_and_nothing_twice(gateway: ServiceUnderTest) -> None:
    """G5: cut off after every few events while events go on, and carried on by another process."""
    wanted = [f"a-{number}" for number in range(300)]
    found: list[Told] = []

    async def publish() -> None:
        for first in range(0, 300, 30):
            await gateway.publish(*(alerted(name, customer=f"C-{name}") for name in wanted[first : first + 30]))
            await asyncio.sleep(0.05)

    async with listening(gateway.app) as url, another_process(gateway) as other_url:
        publishing = asyncio.create_task(publish())
        while len(found) < 300:
            async with stream(other_url if len(found) % 2 else url, after=found[-1].id if found else 0) as events:
                found += await take(events, min(37, 300 - len(found)))
        await publishing
    assert sorted(one.alert_id for one in found) == sorted(wanted)
    assert [one.id for one in found] == sorted({one.id for one in found})


@asynccontextmanager
async def another_process(gateway: ServiceUnderTest) -> AsyncIterator[str]:
    """As far as an app of its own makes one: they share the database only."""
    other = app(gateway.settings)
    async with other.router.lifespan_context(other), listening(other) as url:
        yield url


async def test_what_commits_late_is_not_skipped(settings: Settings) -> None:
    """G5: of two transactions the one that is open holds back the other's ids; who has read up to the last id has read everything before."""
    database = Database(settings.database_url("gateway"))
    await migrated("gateway", database)
    seen: list[int] = []
    writing = True

    async def write(name: int) -> None:
        for number in range(15):
            async with database.transaction() as tx:
                row = {"type": AlertRaised.type, "customer_id": None, "body": f"{name} {number}"}
                await repository.append(tx, [row, row], clock.wall())
                await asyncio.sleep(0.002 * (name + 1))

    async def read() -> None:
        while writing or len(seen) < 90:
            async with database.reading() as connection:
                last_id, _ = await repository.head(connection)
                rows = await repository.read_stream(connection, [AlertRaised.type], after=seen[-1] if seen else 0, up_to=last_id, limit=1000)
                seen.extend(row.id for row in rows)
            await asyncio.sleep(0.001)

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(name) for name in range(3)))
    writing = False
    async with asyncio.timeout(30):
        await reading
    assert seen == list(range(seen[0], seen[0] + 90))
    await database.close()


async def test_a_gap_is_told(gateway: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """G5: who comes back after more than is kept is told so, and goes on with what there is; a place in another log is one too."""
    monkeypatch.setenv("HOLDFAST_GATEWAY_STREAM_EVENTS", "3")
    await gateway.send(alerted("a-0"))
    [first] = await gateway.rows(sa.select(STREAM_EVENTS))
    await gateway.send(*(alerted(f"a-{number}") for number in range(1, 6)))
    await delivering.tidy(gateway.database, None)
    rows = await gateway.rows(sa.select(STREAM_EVENTS).order_by(STREAM_EVENTS.c.id))
    assert len(rows) == 3
    async with listening(gateway.app) as url:
        async with stream(url, after=first.id) as events:
            gap, *others = await take(events, 4)
            assert (gap.event, gap.data) == ("gap", {"after": first.id, "resumed_at": rows[0].id - 1})
            assert [one.id for one in others] == [row.id for row in rows]
        async with stream(url, after=rows[0].id - 1) as events:
            assert [one.id for one in await take(events, 3)] == [row.id for row in rows]
        async with stream(url, after=rows[-1].id + 1000) as events:
            await until(lambda: has_open(gateway, 1))
            await gateway.send(alerted("a-6"))
            assert [one.event for one in await take(events, 2)] == ["gap", AlertRaised.type]
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.get("/v1/stream", headers={"Last-Event-ID": "x"})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_what_is_old_or_about_somebody_erased_is_not_kept(door: ServiceUnderTest) -> None:
    """G5"""
    await door.send(alerted("a-1"), alerted("a-2", customer="C-2"), alerted("a-3", customer="C-3"))
    await door.send(erased(1, "C-2"))
    assert [row.customer_id for row in await door.rows(sa.select(STREAM_EVENTS).order_by(STREAM_EVENTS.c.id))].count("C-2") == 0
    async with door.database.transaction() as tx:
        old = {"at": clock.wall() - timedelta(hours=25)}
        await tx.execute(sa.update(STREAM_EVENTS).where(STREAM_EVENTS.c.customer_id == "C-1").values(old))
    await delivering.tidy(door.database, None)
    assert [row.customer_id for row in await door.rows(sa.select(STREAM_EVENTS.c.customer_id))] == ["C-3"]


async def test_a_quiet_stream_is_kept_alive_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """G5: who is cut off after hours of events that it did not ask for has missed nothing. And there are as many streams as there may be."""
    monkeypatch.setenv("HOLDFAST_GATEWAY_HEARTBEAT_SECONDS", "0.2")
    monkeypatch.setenv("HOLDFAST_GATEWAY_STREAMS", "1")
    async with ServiceUnderTest("gateway", Settings(data_dir=tmp_path, log_level="error").model_copy(update=AWAY)) as gateway, listening(gateway.app) as url:
        async with stream(url) as events:
            first = await anext(events)
            assert first.data is None
            await gateway.send(scored(), scored("loyal"))
            [_, last] = await gateway.rows(sa.select(STREAM_EVENTS).order_by(STREAM_EVENTS.c.id))
            async with asyncio.timeout(30):
                while (beat := await anext(events)).id < last.id:
                    pass
            assert beat.data is None
            async with httpx.AsyncClient(base_url=url) as client:
                refused = await client.get("/v1/stream")
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
                assert "Retry-After" in refused.headers
                assert "holdfast_streams 1.0" in (await client.get("/metrics")).text
        await until(lambda: has_open(gateway, 0))


async def test_who_takes_nothing_is_cut_off(door: ServiceUnderTest) -> None:
    """G5: after a while, with one page in memory and not a queue; its place is free again."""
    await door.send(*(alerted(f"a-{number}") for number in range(3)))
    streams, sent = door.app.state.streams, []
    answer = EventStream(streams, streams.read(parse(""), 0), slow_seconds=0.2)

    async def send(message: Any) -> None:
        sent.append(message)
        if b"alert_raised" in message.get("body", b""):
            await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async with asyncio.timeout(20):
        await answer({"type": "http"}, receive, send)
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body", "http.response.body"]
    assert streams.open == 0


async def test_the_server_stops_at_once_although_streams_are_open(tmp_path: Path) -> None:
    """G5: an API process as it runs: a stream ends cleanly at SIGTERM, and nobody waits for it."""
    settings = Settings(data_dir=tmp_path, log_level="error").model_copy(update=AWAY)
    async with ServiceUnderTest("gateway", settings):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment = {"HOLDFAST_DATA_DIR": str(tmp_path), "HOLDFAST_PORT": str(port), "HOLDFAST_LOG_LEVEL": "error"}
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services", "gateway", "api", env=os.environ | environment)
        url = f"http://127.0.0.1:{port}"
        await until(lambda: is_live(url))
        async with stream(url, after=0) as events:
            process.send_signal(signal.SIGTERM)
            started = clock.monotonic()
            assert [one async for one in events] == []
        assert await process.wait() in {0, -signal.SIGTERM}
        assert clock.monotonic() - started < 4, "less than the grace that a server gives to what does not end"


async def is_live(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"{url}/health/live")).is_success
        except httpx.TransportError:
            return False
