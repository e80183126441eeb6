"""G4: events in over HTTP. 202 means durable; each event has its verdict; what is too much is told to come again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.gateway.api import app
from services.gateway.intake import BATCH, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_BYTES_UNDER_WAY, MAX_REQUESTS_UNDER_WAY, SINGLE
from shared.contracts import billing, topics
from shared.contracts.asyncapi import example_event
from shared.contracts.decoding import MAX_EVENT_BYTES
from shared.contracts.registry import INPUTS, PAYLOADS
from shared.database import Database
from shared.settings import Settings
from tests.builders import paid
from tests.databases import migrated
from tests.harness import ServiceUnderTest, until

OURS = [payload for payload in PAYLOADS.values() if payload not in INPUTS]
BROKEN = paid(amount_minor=-1, id="broken")


async def post(gateway: ServiceUnderTest, body: Any, *, kind: str = SINGLE, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await gateway.http.post("/v1/events", content=content, headers={"content-type": kind, **headers})


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    found: dict[str, Any] = answer.json()
    assert (found["code"], found["status"], found["instance"]) == (code, status, "/v1/events")
    return found


@pytest.mark.kafka
async def test_an_accepted_event_is_on_its_topic_as_it_came(gateway: ServiceUnderTest) -> None:
    """202 is said after the bus has it: it can be read at once."""
    event = paid(id="p-1") | {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    answer = await post(gateway, event)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "rejected": 0, "verdicts": [{"index": 0, "id": "p-1", "verdict": "accepted", "code": None, "detail": None}]}
    assert await gateway.read(topics.BILLING, count=1) == [event]


async def test_an_event_of_every_input_type_is_taken_in_one_batch(door: ServiceUnderTest) -> None:
    events = [example_event(payload) | {"id": payload.type} for payload in INPUTS]
    answer = await post(door, events, kind=BATCH)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (202, len(INPUTS), 0)
    for topic in topics.INPUTS:
        of_topic = [event for event in events if PAYLOADS[event["type"]].topic == topic]
        found = await door.read(topic, count=len(of_topic))
        assert sorted(one["id"] for one in found) == sorted(one["id"] for one in of_topic)


async def test_a_batch_has_a_verdict_per_event(door: ServiceUnderTest) -> None:
    """One bad event does not hold up the others."""
    good, unknown = paid(id="good"), paid(id="odd") | {"type": "billing.gift_given.v1"}
    answer = await post(door, [BROKEN, good, unknown, 17, {"id": 5}], kind=BATCH)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (1, 4)
    assert [(one["index"], one["id"], one["verdict"], one["code"]) for one in told["verdicts"]] == [
        (0, "broken", "rejected", "invalid_event"),
        (1, "good", "accepted", None),
        (2, "odd", "rejected", "unknown_event_type"),
        (3, None, "rejected", "not_a_cloudevent"),
        (4, None, "rejected", "not_a_cloudevent"),
    ]
    assert "amount_minor" in told["verdicts"][0]["detail"]
    assert [one["id"] for one in await door.read(topics.BILLING, count=1)] == ["good"]


async def test_when_none_is_accepted_it_is_a_problem_with_the_verdicts(door: ServiceUnderTest) -> None:
    told = problem(await post(door, [BROKEN, BROKEN], kind=BATCH), 422, "event_rejected")
    assert [one["code"] for one in told["verdicts"]] == ["invalid_event"] * 2
    told = problem(await post(door, BROKEN), 422, "invalid_event")
    assert told["verdicts"][0]["id"] == "broken"


async def test_an_empty_batch_is_nothing(door: ServiceUnderTest) -> None:
    answer = await post(door, [], kind=BATCH)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "rejected": 0, "verdicts": []})


BODIES: dict[str, tuple[Any, str, int, str]] = {
    "not JSON": (b"{", SINGLE, 400, "malformed_json"),
    "nothing": (b"", SINGLE, 400, "malformed_json"),
    "a batch that is not JSON": (b"[{]", BATCH, 400, "malformed_json"),
    "a batch that is one event": (paid(), BATCH, 422, "invalid_request"),
    "a batch sent as one event": ([paid()], SINGLE, 422, "not_a_cloudevent"),
    "an unknown type": (paid() | {"type": "x"}, SINGLE, 422, "unknown_event_type"),
    "a version that is not there yet": (paid() | {"type": "billing.payment_received.v9"}, SINGLE, 422, "unsupported_event_version"),
    "false for an integer": (paid(amount_minor=False), SINGLE, 422, "invalid_event"),
    "the far future": (paid() | {"time": "2099-01-01T00:00:00Z"}, SINGLE, 422, "event_time_out_of_range"),
    "the far past": (paid() | {"time": "1970-01-01T00:00:00Z"}, SINGLE, 422, "event_time_out_of_range"),
    "too many": ([paid()] * (MAX_BATCH_EVENTS + 1), BATCH, 413, "body_too_large"),
    "JSON without being said to be a CloudEvent": (paid(), "application/json", 415, "unsupported_media_type"),
    "another format": (b"<event/>", "application/cloudevents+xml", 415, "unsupported_media_type"),
    "no type at all": (paid(), "", 415, "unsupported_media_type"),
}


@pytest.mark.parametrize(("body", "kind", "status", "code"), BODIES.values(), ids=BODIES)
async def test_a_bad_body_is_a_problem(door: ServiceUnderTest, body: Any, kind: str, status: int, code: str) -> None:
    problem(await post(door, body, kind=kind), status, code)


@pytest.mark.parametrize("payload", OURS, ids=[payload.type for payload in OURS])
async def test_what_holdfast_publishes_itself_is_not_taken(door: ServiceUnderTest, payload: type) -> None:
    problem(await post(door, example_event(payload)), 422, "wrong_topic")


async def test_an_event_over_one_megabyte_is_refused(door: ServiceUnderTest) -> None:
    blank = len(orjson.dumps(paid(id="big", note="")))
    fits = paid(id="big", note="x" * (MAX_EVENT_BYTES - blank))
    assert (await post(door, fits)).status_code == 202
    problem(await post(door, orjson.dumps(fits) + b" "), 413, "event_too_large")
    told = (await post(door, [fits | {"more": "x"}, paid(id="small")], kind=BATCH)).json()
    assert [one["code"] for one in told["verdicts"]] == ["event_too_large", None]


@pytest.mark.parametrize(("kind", "limit", "code"), [(SINGLE, MAX_EVENT_BYTES, "event_too_large"), (BATCH, MAX_BATCH_BYTES, "body_too_large")])
async def test_a_long_body_is_not_read_to_its_end(door: ServiceUnderTest, kind: str, limit: int, code: str) -> None:
    read = 0

    async def long() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(200):
            read += 100_000
            yield b" " * 100_000

    problem(await door.http.post("/v1/events", content=long(), headers={"content-type": kind}), 413, code)
    assert read <= limit + 100_000


async def test_a_declared_length_is_enough_to_refuse(door: ServiceUnderTest) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {"content-type": BATCH, "content-length": str(MAX_BATCH_BYTES + 1)}
    problem(await door.http.post("/v1/events", content=unread(), headers=headers), 413, "body_too_large")


BINARY = {f"ce-{name}": str(value) for name, value in paid(id="b-1").items() if name != "data"}
DATA = billing.PaymentReceived.example


async def test_binary_mode_ends_as_the_same_structured_event(door: ServiceUnderTest) -> None:
    """Header values are percent-encoded, as the CloudEvents HTTP binding says."""
    headers = BINARY | {"ce-source": "%E6%B5%99%E6%B1%9F%2Fbilling"}
    answer = await post(door, DATA, kind="application/json; charset=utf-8", **headers)
    assert answer.status_code == 202, answer.text
    (found,) = await door.read(topics.BILLING, count=1)
    assert found["source"] == "浙江/billing"
    assert found == paid(id="b-1") | {"source": "浙江/billing", "data": DATA}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 400, "malformed_json"),
        (b"{", {}, 400, "malformed_json"),
        ({"payment_id": 1}, {}, 422, "invalid_event"),
        (DATA, {"ce-type": "billing.gift_given.v1"}, 422, "unknown_event_type"),
        (DATA, {"ce-time": "yesterday"}, 422, "invalid_event"),
        (DATA, {"ce-specversion": "0.3"}, 422, "not_a_cloudevent"),
    ],
)
async def test_bad_binary_mode_is_a_problem(door: ServiceUnderTest, body: Any, headers: dict[str, str], status: int, code: str) -> None:
    told = problem(await post(door, body, kind="application/json", **(BINARY | headers)), status, code)
    assert told["verdicts"][0]["code"] == code


@asynccontextmanager
async def held(door: ServiceUnderTest, count: int, **headers: str) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """So many requests whose bodies do not end before the block does."""
    release = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        await release.wait()
        yield orjson.dumps(paid())

    requests = [door.http.post("/v1/events", content=body(), headers={"content-type": SINGLE, **headers}) for _ in range(count)]
    tasks = [asyncio.create_task(request) for request in requests]
    try:
        yield tasks
    finally:
        release.set()
        await asyncio.gather(*tasks)


async def done(tasks: list[asyncio.Task[httpx.Response]]) -> list[httpx.Response]:
    return [task.result() for task in tasks if task.done()]


async def test_too_many_requests_are_told_to_come_again(door: ServiceUnderTest) -> None:
    async with held(door, MAX_REQUESTS_UNDER_WAY + 10, **{"content-length": "300"}) as tasks:
        refused = await until(lambda: done(tasks))
        problem(refused[0], 429, "too_many_requests")
        assert refused[0].headers["retry-after"] == "1"
        problem(await post(door, paid()), 429, "too_many_requests")
    assert Counter(task.result().status_code for task in tasks) == {202: MAX_REQUESTS_UNDER_WAY, 429: 10}
    assert (await post(door, paid())).status_code == 202


async def test_too_many_bytes_are_told_to_come_again(door: ServiceUnderTest) -> None:
    """A body of unknown length counts as the longest one."""
    fit = MAX_BYTES_UNDER_WAY // MAX_BATCH_BYTES
    async with held(door, fit + 1, **{"content-type": BATCH}) as tasks:
        problem((await until(lambda: done(tasks)))[0], 429, "too_many_requests")
    assert sum(task.result().status_code == 429 for task in tasks) == 1
    assert (await post(door, paid())).status_code == 202


async def test_without_the_bus_nothing_is_half_acknowledged(tmp_path: Path) -> None:
    """And what needs no bus is answered all the same."""
    settings = Settings(data_dir=tmp_path, bus="kafka://127.0.0.1:1", log_level="error")
    database = Database(settings.database_url("gateway"))
    await migrated("gateway", database)
    await database.close()
    gateway = app(settings)
    transport = httpx.ASGITransport(app=gateway, raise_app_exceptions=False)
    async with gateway.router.lifespan_context(gateway), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/v1/events", content=orjson.dumps([paid(), BROKEN]), headers={"content-type": BATCH})
        problem(answer, 503, "bus_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert "verdicts" not in answer.json()
        assert (await client.get("/v1/alerts")).status_code == 200
        ready = (await client.get("/health/ready")).json()
        assert (ready["status"], ready["bus"]) == ("ready", "away")


async def test_many_senders_at_once_lose_nothing(door: ServiceUnderTest) -> None:
    answers = await asyncio.gather(*(post(door, paid(id=f"p-{number}")) for number in range(200)))
    assert {answer.status_code for answer in answers} == {202}
    found = await door.read(topics.BILLING, count=200)
    assert {one["id"] for one in found} == {f"p-{number}" for number in range(200)}
