"""Request bodies that are passed on or taken apart by hand, read within a bound of their own."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect

from shared.errors import HoldfastError, RequestFailed


async def read_body(request: Request, *, limit_bytes: int, too_large: HoldfastError) -> bytes:
    """The whole body, or `too_large` raised as soon as that is certain."""
    if declared_bytes(request, otherwise=0) > limit_bytes:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit_bytes:
                raise too_large
    except ClientDisconnect:
        raise RequestFailed("the client went away") from None
    return bytes(body)


def declared_bytes(request: Request, *, otherwise: int) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else otherwise
