"""G1: every answer that a test gets is one that the document knows, every problem with its code."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from fastapi import FastAPI

from shared.openapi import CODES, PROBLEM
from tests.recording import record

Operation = dict[str, Any]
Paths = list[tuple[re.Pattern[str], dict[str, Operation]]]


def documented(service: str, app: FastAPI) -> Callable[[httpx.Response], Awaitable[None]]:
    """A hook for responses."""

    async def check(response: httpx.Response) -> None:
        path = response.request.url.raw_path.decode().partition("?")[0]
        known = next((operations for pattern, operations in _paths(service, app) if pattern.fullmatch(path)), {})
        operation = known.get(response.request.method.lower())
        if operation is None:
            return
        await record(service, operation["operationId"], response)
        if response.headers.get("content-type") != PROBLEM:
            return
        await response.aread()
        code = response.json()["code"]
        assert str(response.status_code) in operation["responses"] and code in operation[CODES], (
            f"{operation['operationId']} does not say that it may answer {response.status_code} {code}"
        )

    return check


_KEPT: dict[tuple[str, int], Paths] = {}


def _paths(service: str, app: FastAPI) -> Paths:
    """Of the document, which takes a while to make: once for each service, or part of it that has fewer routes. Paths with the fewest parameters first."""
    app_of = service, len(app.router.routes)
    if app_of not in _KEPT:
        found = sorted(app.openapi()["paths"].items(), key=lambda one: one[0].count("{"))
        _KEPT[app_of] = [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), operations) for path, operations in found]
    return _KEPT[app_of]
