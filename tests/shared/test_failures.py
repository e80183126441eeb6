"""G1: whatever goes wrong, at the gateway and at every service, is answered by a problem document with a code of the catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from services.gateway.intake import UnderWay as Intake
from services.segmentation.routes.parameters import UNDER_WAY
from shared.bodies import MAX_BODY_BYTES, bounded
from shared.errors import catalogue
from shared.settings import PORT_OFFSETS, Settings
from tests.harness import ServiceUnderTest

JSON = {"content-type": "application/json", "idempotency-key": "k"}
ORIGIN = "https://console.example"
CODES = {one.code: one.status for one in catalogue()}


class Case(NamedTuple):
    status: int
    code: str
    method: str
    path: str
    content: bytes = b""
    headers: dict[str, str] = JSON


# A route of each service that takes a body, and one that takes a number.
TAKES_BODY = {"customer": "/merges", "segmentation": "/rfm/recut", "retention": "/campaigns", "gateway": "/v1/dead-letters/gateway/1/replay"}
TAKES_QUERY = {"customer": "/merges", "segmentation": "/rfm/cuts", "retention": "/tasks", "gateway": "/v1/alerts"}


def cases(service: str) -> list[Case]:
    body, query = TAKES_BODY[service], TAKES_QUERY[service]
    return [
        Case(404, "not_found", "GET", "/nowhere"),
        Case(404, "not_found", "GET", f"{query}/"),
        Case(405, "method_not_allowed", "DELETE", query),
        Case(413, "body_too_large", "POST", body, b'"' + b"x" * MAX_BODY_BYTES + b'"'),
        Case(415, "unsupported_media_type", "POST", body, b"{}", JSON | {"content-type": "text/plain"}),
        Case(415, "unsupported_media_type", "POST", body, b"{}", {"idempotency-key": "k"}),
        Case(422, "invalid_request", "POST", body, b"{"),
        Case(422, "invalid_request", "POST", body, b"[]"),
        Case(422, "invalid_request", "GET", f"{query}?limit=99999999999999999999"),
        Case(400, "bad_cursor", "GET", f"{query}?cursor=x"),
        Case(400, "bad_request", "POST", body, b'{"reason":"\xff"}'),
        Case(500, "internal_error", "GET", "/broken"),
    ]


async def broken() -> None:
    raise ZeroDivisionError("secret 13800138000")


@pytest.mark.parametrize("service", PORT_OFFSETS)
async def test_every_failure_is_a_problem_with_a_code(service: str, tmp_path: Path) -> None:
    async with ServiceUnderTest(service, Settings(data_dir=tmp_path, log_level="error")) as running:
        running.app.add_api_route("/broken", broken, include_in_schema=False)
        for case in cases(service):
            answer = await running.http.request(case.method, case.path, content=case.content, headers=case.headers)
            expect(answer, case.status, case.code)
            assert "13800138000" not in answer.text


async def test_too_much_at_once_says_when_to_come_again(tmp_path: Path) -> None:
    """Where requests are counted: at the intake of events, and at previews."""
    async with ServiceUnderTest("gateway", Settings(data_dir=tmp_path / "g", log_level="error")) as gateway:
        gateway.app.state.under_way = Intake(requests=1_000_000)
        answer = await gateway.http.post("/v1/events", content=b"{}", headers={"content-type": "application/cloudevents+json"})
        assert int(expect(answer, 429, "too_many_requests").headers["retry-after"]) > 0
    async with ServiceUnderTest("segmentation", Settings(data_dir=tmp_path / "s", log_level="error")) as segmentation:
        with UNDER_WAY.admit(), UNDER_WAY.admit():
            answer = await segmentation.http.post("/parameters/sets/0/preview", json={})
        assert int(expect(answer, 429, "too_many_requests").headers["retry-after"]) > 0


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(HTTPException) as raised:
        await bounded(silent, limit_bytes=10, seconds=0.01)()
    assert raised.value.status_code == 408


async def test_a_client_that_stays_is_not_late_once_its_body_is_there() -> None:
    async def staying() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    messages: list[Message] = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await staying()

    limited = bounded(receive, limit_bytes=10, seconds=0.01)
    assert (await limited())["type"] == "http.request"
    assert (await limited())["type"] == "http.disconnect"


async def test_a_slow_body_is_a_problem_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is a default of `bounded`: half a minute is not waited for here."""
    monkeypatch.setattr(import_module("shared.web"), "bounded", partial(bounded, seconds=0.05))

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with ServiceUnderTest("gateway", Settings(data_dir=tmp_path, log_level="error")) as gateway:
        for path in ("/v1/dead-letters/gateway/1/replay", "/v1/events", "/v1/merges"):
            kind = "application/cloudevents+json" if path == "/v1/events" else "application/json"
            expect(await gateway.http.post(path, content=slow(), headers={"content-type": kind}), 408, "body_too_slow")


@pytest.mark.parametrize(("origins", "allowed"), [("", None), (f"https://other.example, {ORIGIN}", ORIGIN)])
async def test_pages_of_other_sites_may_call_only_when_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origins: str, allowed: str | None
) -> None:
    monkeypatch.setenv("HOLDFAST_CORS_ORIGINS", origins)
    async with ServiceUnderTest("gateway", Settings(data_dir=tmp_path, log_level="error")) as gateway:
        asks = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization,idempotency-key"}
        before = await gateway.http.options("/v1/events", headers=asks)
        answer = await gateway.http.get("/v1/alerts", headers={"origin": ORIGIN})
    assert (before.is_success, before.headers.get("access-control-allow-origin")) == (allowed is not None, allowed)
    assert answer.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize("origins", ["*", "console.example", "https://console.example/path"])
def test_an_origin_that_no_browser_sends_is_refused(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("HOLDFAST_CORS_ORIGINS", origins)
    with pytest.raises(ValueError, match="use origins as browsers send them"):
        Settings()


def expect(answer: httpx.Response, status: int, code: str) -> httpx.Response:
    said = answer.json() if answer.headers["content-type"] == "application/problem+json" else answer.text
    assert answer.status_code == status, (str(answer.request.url), said)
    assert {"type", "title", "status", "detail", "code", "instance"} <= said.keys()
    assert (said["code"], CODES[said["code"]], said["status"]) == (code, status, status), answer.request.url
    return answer
