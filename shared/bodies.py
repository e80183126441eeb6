"""What comes as a request's body, the same for every route: within bounds of size and time, and JSON where a route validates it."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from shared import clock
from shared.errors import BodyTooLarge, UnsupportedMediaType

MAX_BODY_BYTES = 2_000_000
BODY_SECONDS = 30.0


async def json_only(request: Request) -> None:
    """For every route: what it validates comes as JSON, or FastAPI says of it that it is no object. Raises UnsupportedMediaType, BodyTooLarge."""
    if getattr(request.scope.get("route"), "body_field", None) is None:
        return
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and not (media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))):
        raise UnsupportedMediaType("send application/json")


def bounded(receive: Receive, *, limit_bytes: int, seconds: float = BODY_SECONDS) -> Receive:
    """Fails with 413 once the body is larger, with 408 when it is not whole in time. As HTTPException: of any other, FastAPI
    makes a body that can not be parsed. (Starlette has a middleware for the size; its answer is plain text.)"""
    deadline, left, whole = clock.monotonic() + seconds, limit_bytes, False

    async def receive_bounded() -> Message:
        nonlocal left, whole
        if whole:  # what comes now is that the client goes away, when it likes
            return await receive()
        try:
            async with asyncio.timeout(max(deadline - clock.monotonic(), 0)):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, f"the body was not whole after {seconds:g} s") from None
        whole, left = not message.get("more_body", False), left - len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"a body has at most {limit_bytes} bytes")
        return message

    return receive_bounded
