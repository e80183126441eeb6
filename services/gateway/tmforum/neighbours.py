"""What other services are asked, in the name of who asks here, for answers that are put into another shape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import orjson
from fastapi import Request

from services.gateway.body import read_body
from services.gateway.forwarding import ANSWER_SECONDS, CONNECT_SECONDS, joined, passed_on
from services.gateway.tmforum.errors import Refused
from services.gateway.tmforum.listing import Document
from shared.bodies import MAX_BODY_BYTES
from shared.errors import BodyTooLarge, InvalidRequest, MalformedJson, Unavailable
from shared.openapi import PROBLEM

PAGE = 200


async def ask(request: Request, service: str, *path: str, params: Mapping[str, Any] | None = None, command: Document | None = None) -> Document:
    """A GET, or with a command a POST. Raises Refused with the service's own problem document, Unavailable when it gives no answer in time."""
    client: httpx.AsyncClient = request.app.state.client
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await client.request(
                "GET" if command is None else "POST",
                request.app.state.settings.url_of(service) + joined(path),
                params=params,
                headers=passed_on(request) | {"content-type": "application/json"},
                content=None if command is None else orjson.dumps(command),
                timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            )
    except (httpx.HTTPError, TimeoutError):
        raise Unavailable(f"{service} does not answer", service=service) from None
    if not answer.is_success:
        if answer.headers.get("content-type") != PROBLEM:
            raise Unavailable(f"{service} answers {answer.status_code}", service=service)
        raise Refused(answer.json())
    found: Document = answer.json()
    return found


async def every(request: Request, service: str, *path: str, params: Mapping[str, Any] | None = None) -> AsyncIterator[Document]:
    """The items of a list that is paged by cursor, page after page as they are needed."""
    cursor: str | None = None
    while True:
        page = await ask(request, service, *path, params={**(params or {}), "limit": PAGE} | ({"cursor": cursor} if cursor else {}))
        for item in page["items"]:
            yield item
        cursor = page["next_cursor"]
        if cursor is None:
            return


async def body_of(request: Request) -> Document:
    """Raises BodyTooLarge, MalformedJson, InvalidRequest."""
    try:
        body = orjson.loads(await read_body(request, limit_bytes=MAX_BODY_BYTES, too_large=BodyTooLarge()))
    except orjson.JSONDecodeError as error:
        raise MalformedJson(str(error)) from None
    if not isinstance(body, dict):
        raise InvalidRequest("the body is a JSON object")
    return body
