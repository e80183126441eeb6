"""G1: one API over all services. A command goes to the service that owns it, and its answer is the answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.circuit import FAILURES, OPEN_SECONDS, Circuit
from services.gateway.forwarding import PASSED_ON
from services.gateway.routes.passed_on import ALL, Passed
from shared import clock
from shared.errors import Unavailable
from shared.settings import Settings
from tests.gateway.published import activity
from tests.harness import ServiceUnderTest, listening

PROBLEM = {"type": "urn:holdfast:error:conflict", "title": "No", "status": 409, "detail": "it is done", "code": "conflict", "instance": "/tasks/t/outcome"}


HEARD = frozenset({"content-type", "idempotency-key", "x-request-id", "cookie"})
TRACED = frozenset({"traceparent", "tracestate"})


class Neighbour:
    """A service that remembers what it was asked, and answers what it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: ASGIApp = JSONResponse({"ok": True})
        self.silent = asyncio.Event()
        self.silent.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        headers = {name: value for name, value in request.headers.items() if name in HEARD}
        traced = {name: request.headers.get(name) for name in TRACED}
        raw_path = scope["raw_path"].decode()
        about = {"method": request.method, "path": raw_path, "query": request.url.query, "actor": request.headers.get("x-actor")}
        about["secret"] = request.headers.get("x-service-secret")
        self.asked.append({**about, "body": await request.body(), "headers": headers, "trace": traced})
        await self.silent.wait()
        await self.answer(scope, receive, send)


@asynccontextmanager
async def between(tmp_path: Path, neighbour: Neighbour) -> AsyncIterator[ServiceUnderTest]:
    async with listening(neighbour) as url:
        settings = Settings(data_dir=tmp_path, log_level="error", customer_url=url, segmentation_url=url, retention_url=url)
        async with ServiceUnderTest("gateway", settings) as gateway:
            yield gateway


@pytest.fixture
async def neighbour() -> Neighbour:
    return Neighbour()


@pytest.fixture
async def gateway(tmp_path: Path, neighbour: Neighbour) -> AsyncIterator[ServiceUnderTest]:
    async with between(tmp_path, neighbour) as running:
        yield running


ROUTES = [
    ("GET", "/v1/segments", "/segments"),
    ("GET", "/v1/rfm/cuts", "/rfm/cuts"),
    ("POST", "/v1/rfm/recut", "/rfm/recut"),
    ("GET", "/v1/campaigns", "/campaigns"),
    ("GET", "/v1/campaigns/save-on-warning", "/campaigns/save-on-warning"),
    ("POST", "/v1/campaigns/save-on-warning/pause", "/campaigns/save-on-warning/pause"),
    ("POST", "/v1/campaigns/save-on-warning/resume", "/campaigns/save-on-warning/resume"),
    ("GET", "/v1/offers", "/offers"),
    ("GET", "/v1/customers/C-1/decisions", "/customers/C-1/decisions"),
    ("POST", "/v1/tasks/t/outcome", "/tasks/t/outcome"),
    ("GET", "/v1/reconciliation", "/reconciliation"),
    ("GET", "/v1/parked", "/parked"),
    ("GET", "/v1/customers/C-1/personal?reveal=true", "/customers/C-1/personal"),
    ("GET", "/v1/customers/C-1/segmentation?as_of=2026-10-01T00:00:00Z", "/customers/C-1"),
    ("POST", "/v1/customers/C-1/erasure", "/customers/C-1/erasure"),
    ("POST", "/v1/merges/m-1/undo", "/merges/m-1/undo"),
    ("DELETE", "/v1/block-list/contact%3Aabc", "/block-list/contact:abc"),
    ("PATCH", "/v1/prospects/p-1", "/prospects/p-1"),
    ("GET", "/v1/dead-letters/customer", "/dead-letters"),
    ("GET", "/v1/dead-letters/retention/7", "/dead-letters/7"),
    ("POST", "/v1/dead-letters/segmentation/7/replay", "/dead-letters/7/replay"),
]


@pytest.mark.parametrize(("method", "path", "inner"), ROUTES, ids=[f"{method} {path}" for method, path, _ in ROUTES])
async def test_a_request_is_passed_on(gateway: ServiceUnderTest, neighbour: Neighbour, method: str, path: str, inner: str) -> None:
    answer = await gateway.http.request(method, path, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert (neighbour.asked[-1]["method"], neighbour.asked[-1]["path"].replace("%3A", ":")) == (method, inner)


@pytest.mark.parametrize("one", ALL, ids=[one.operation_id for one in ALL])
async def test_whoever_is_passed_on_reaches_its_owner(door: ServiceUnderTest, one: Passed) -> None:
    """With every step of its path filled in; here the owner is away."""
    answer = await door.http.request(one.method, "/v1" + re.sub(r"{\w+}", "x", one.path), headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["detail"]) == (503, f"{one.service} does not answer")


async def test_a_service_that_never_answers_is_left_alone_for_a_moment(door: ServiceUnderTest) -> None:
    """Its callers are told at once; each other service has a circuit of its own."""
    said = [(await door.http.get("/v1/segments")).json()["detail"] for _ in range(FAILURES + 1)]
    assert said == ["segmentation does not answer"] * FAILURES + [f"segmentation did not answer {FAILURES} times in a row, and is left alone for a moment"]
    assert (await door.http.get("/v1/offers")).json()["detail"] == "retention does not answer"


def test_one_request_tries_whether_a_service_answers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    circuit = Circuit(failures=FAILURES, open_until=now + OPEN_SECONDS)
    with pytest.raises(Unavailable), circuit.guard("retention"):
        raise AssertionError("it is left alone")
    now += OPEN_SECONDS
    with circuit.guard("retention"), pytest.raises(Unavailable), circuit.guard("retention"):
        raise AssertionError("another one is trying")
    with circuit.guard("retention"), circuit.guard("retention"):
        pass


async def test_a_command_arrives_whole(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    body = orjson.dumps({"result": "saved", "offer_accepted": True, "agent": "A-88"})
    headers = {"content-type": "application/json", "idempotency-key": "key-1", "x-request-id": "r-1", "cookie": "secret=1", "x-actor": "agent-7"}
    await gateway.http.post("/v1/tasks/save%3AC-1/outcome", content=body, headers=headers)
    (asked,) = neighbour.asked
    assert (asked["body"], asked["actor"]) == (body, "agent-7")
    assert asked["path"] in {"/tasks/save%3AC-1/outcome", "/tasks/save:C-1/outcome"}
    assert asked["headers"] == {"content-type": "application/json", "idempotency-key": "key-1", "x-request-id": "r-1"}


async def test_a_trace_goes_on_behind_the_gateway(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """With a span of its own; what is no trace begins one, and one that is given is that of the log."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    for given in (f"00-{trace}-b7ad6b7169203331-00", "00-of-no-trace-01"):
        await gateway.http.get("/v1/segments", headers={"traceparent": given, "tracestate": "vendor=1"})
    (goes_on, state), (new, _) = [(one["trace"]["traceparent"], one["trace"]["tracestate"]) for one in neighbour.asked]
    assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-00", goes_on) and "b7ad6b7169203331" not in goes_on and state == "vendor=1"
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", new) and trace not in new


async def test_the_query_is_passed_on(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    await gateway.http.get("/v1/parked", params={"limit": 7, "cursor": "a=b&c"})
    assert neighbour.asked[0]["query"] == "limit=7&cursor=a%3Db%26c"


async def test_a_problem_is_passed_back(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    neighbour.answer = Response(orjson.dumps(PROBLEM), 409, {"retry-after": "3", "set-cookie": "a=b"}, media_type="application/problem+json")
    answer = await gateway.http.post("/v1/tasks/t/outcome", json={}, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (409, PROBLEM, "application/problem+json")
    assert answer.headers["retry-after"] == "3"
    assert "set-cookie" not in answer.headers


async def test_of_a_list_a_part_is_passed_back(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """`fields` is the gateway's: the ETag was that of all of it, and what is no list is passed back as it is."""
    neighbour.answer = JSONResponse(
        {"items": [{"offer_id": "a", "name": "A"}, {"offer_id": "b"}], "more": 1}, headers={"etag": '"1"', "cache-control": "no-cache"}
    )
    whole, part = [await gateway.http.get("/v1/offers", params=params) for params in ({}, {"fields": "name,cost_minor"})]
    assert (whole.json()["items"][0], whole.headers["etag"]) == ({"offer_id": "a", "name": "A"}, '"1"')
    assert part.json() == {"items": [{"name": "A"}, {}], "more": 1}
    assert part.headers["cache-control"] == "no-cache" and "etag" not in part.headers
    for told in (Response(status_code=304), Response("a,b\n1,2\n", media_type="text/csv"), JSONResponse(PROBLEM, 409)):
        neighbour.answer = told
        answer = await gateway.http.get("/v1/offers", params={"fields": "name"})
        assert (answer.status_code, answer.content) == (told.status_code, told.body)


async def test_a_list_that_breaks_off_is_none(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    async def break_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), (b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b'{"items": [', "more_body": True})

    neighbour.answer = break_off
    answer = await gateway.http.get("/v1/offers", params={"fields": "name"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_command_without_its_key_is_not_passed_on(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    answer = await gateway.http.post("/v1/tasks/t/outcome", json={})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    assert neighbour.asked == []


@pytest.mark.parametrize("task_id", ["%2E%2E", "%2E"])
async def test_an_id_does_not_lead_to_another_resource(gateway: ServiceUnderTest, neighbour: Neighbour, task_id: str) -> None:
    answer = await gateway.http.post(f"/v1/tasks/{task_id}/outcome", headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert neighbour.asked == []


async def test_a_body_that_is_too_large_is_not_passed_on(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    answer = await gateway.http.post("/v1/tasks/t/outcome", content=b" " * 2_000_001, headers={"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert neighbour.asked == []


@pytest.mark.parametrize("path", ["/v1/segments", "/v1/campaigns", "/v1/reconciliation", "/v1/dead-letters/customer"])
async def test_a_service_that_is_away_is_said_to_be(door: ServiceUnderTest, path: str) -> None:
    answer = await door.http.get(path)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")


async def test_readiness_tells_who_answers(tmp_path: Path, neighbour: Neighbour) -> None:
    async with between(tmp_path, neighbour) as gateway:
        ready = (await gateway.http.get("/health/ready")).json()
        assert ready["services"] == {"customer": "up", "segmentation": "up", "retention": "up"}
        neighbour.answer = Response(status_code=500)
        assert set((await gateway.http.get("/health/ready")).json()["services"].values()) == {"failing"}
        neighbour.silent.clear()
        assert set((await gateway.http.get("/health/ready")).json()["services"].values()) == {"away"}
        neighbour.silent.set()


async def test_the_gateways_own_dead_letters_are_there_too(door: ServiceUnderTest) -> None:
    broken = activity(1, months={"2026-10": {"payments": "many"}})
    await door.send(broken)
    (dead,) = (await door.http.get("/v1/dead-letters/gateway")).json()["items"]
    assert (dead["topic"], dead["code"]) == ("activity", "invalid_event")
    assert (await door.http.get(f"/v1/dead-letters/gateway/{dead['id']}")).json() == dead
    fixed = orjson.loads(activity(1, months={"2026-10": {"payments": 2}}).value)
    answer = await door.http.post(f"/v1/dead-letters/gateway/{dead['id']}/replay", json={"event": fixed})
    assert answer.status_code == 202
    await door.expect("activity", 1)
    found = await door.http.get("/v1/customers/C-1")
    assert found.json()["behaviour"]["months"] == {"2026-10": {"payments": 2}}


async def test_what_services_ask_each_other_is_not_passed_on(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """R10 C9: no path leads there, and the header that opens it goes no further."""
    for path in ("/internal/customers/C-1/address", "/v1/internal/customers/C-1/address", "/v1/customers/..%2Finternal%2Fcustomers%2FC-1/address"):
        assert (await gateway.http.get(path, params={"kind": "email"}, headers={"X-Service-Secret": "s"})).status_code == 404
    assert neighbour.asked == []
    assert not any("internal" in one.path or "internal" in (one.inner or "") for one in ALL)
    assert "x-service-secret" not in PASSED_ON
