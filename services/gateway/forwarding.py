"""Requests passed on to the service that owns what they ask for, and what tells whether it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from fastapi import FastAPI, Request
from httpx_aiohttp import AiohttpTransport
from starlette.responses import Response, StreamingResponse

from services.gateway.body import read_body
from services.gateway.circuit import Circuit
from shared.auth import secret_headers
from shared.bodies import MAX_BODY_BYTES
from shared.bus import Bus
from shared.errors import BodyTooLarge, BusUnavailable, NotFound, Unavailable
from shared.settings import PORT_OFFSETS, Settings
from shared.tls import trusted
from shared.tracing import traceparent

ANSWER_SECONDS = 10.0
CONNECT_SECONDS = 1.0
CHECK_SECONDS = 1.0
MAX_CONNECTIONS = 100
# Less than a server keeps an idle connection: one that it just closes would fail a command that must not be tried twice.
KEEP_ALIVE_SECONDS = 2.0

PASSED_ON = ("content-type", "accept", "idempotency-key", "if-match", "if-none-match", "x-actor", "tracestate")
PASSED_BACK = ("content-type", "content-length", "content-disposition", "etag", "retry-after", "cache-control")


def open_client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_SECONDS)
    return httpx.AsyncClient(transport=AiohttpTransport(verify=trusted(), limits=limits, trust_env=False), trust_env=False)


async def forward(request: Request, service: str, *path: str, seconds: float = ANSWER_SECONDS) -> Response:
    """The service's own answer, problem documents included. Raises Unavailable when it gives none in time."""
    body = b"" if request.method == "GET" else await read_body(request, limit_bytes=MAX_BODY_BYTES, too_large=BodyTooLarge())
    client: httpx.AsyncClient = request.app.state.client
    outgoing = client.build_request(
        request.method,
        request.app.state.settings.url_of(service) + joined(path),
        params=request.url.query,
        headers=passed_on(request),
        content=body,
        timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
    )
    circuits: dict[str, Circuit] = request.app.state.circuits
    with circuits[service].guard(service):
        try:
            async with asyncio.timeout(seconds):
                answer = await client.send(outgoing, stream=True)
        except (httpx.HTTPError, TimeoutError):
            raise Unavailable(f"{service} does not answer", service=service) from None
    headers = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
    return StreamingResponse(_streamed(answer), answer.status_code, headers)


def passed_on(request: Request) -> dict[str, str]:
    headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    # With it the services believe who is said to ask.
    headers |= secret_headers(request.app.state.settings)
    about = structlog.contextvars.get_contextvars()
    headers["traceparent"] = traceparent(about["trace_id"], about["trace_flags"])
    return headers | {"accept-encoding": "identity", "x-request-id": about["request_id"]}


async def body_of(answer: Response) -> bytes:
    """All of it, also of what is passed back as it comes. Raises Unavailable when it breaks off."""
    if not isinstance(answer, StreamingResponse):
        return bytes(answer.body)
    try:
        return b"".join([chunk.encode() if isinstance(chunk, str) else bytes(chunk) async for chunk in answer.body_iterator])
    except httpx.HTTPError:
        raise Unavailable("the answer of the service broke off") from None


async def check_neighbours(app: FastAPI) -> dict[str, Any]:
    """Whether the other services and the bus answer; the gateway answers views without any of them."""
    settings: Settings = app.state.settings
    services = [service for service in PORT_OFFSETS if service != "gateway"]
    found = await asyncio.gather(_check_bus(app.state.bus), *(_check_service(app.state.client, settings.url_of(service)) for service in services))
    return {"bus": found[0], "services": dict(zip(services, found[1:], strict=True))}


async def _check_service(client: httpx.AsyncClient, url: str) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return "up" if (await client.get(f"{url}/health/live")).is_success else "failing"
    except (httpx.HTTPError, TimeoutError):
        return "away"


async def _check_bus(bus: Bus) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await bus.ping()
    except (BusUnavailable, TimeoutError):
        return "away"
    return "up"


def joined(path: tuple[str, ...]) -> str:
    """Ids come from outside: one must not lead to another resource."""
    if {".", ".."} & set(path):
        raise NotFound
    return "".join(f"/{quote(step, safe='')}" for step in path)


async def _streamed(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
