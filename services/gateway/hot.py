"""The two requests that are most of the traffic, past the router: matching two hundred routes and reading parameters takes longer than they do.

Plain ASGI inside the guard. What answers is what answers behind the router, after the same question of scope; whatever is not asked in the
plainest way goes there.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.access.guard import allowed
from services.gateway.routes.events import taken_events
from services.gateway.whole_view import plain_view
from shared.errors import HoldfastError
from shared.web import on_expected, on_http_error


class Hot(NamedTuple):
    """Stands for the route, in metrics and for scopes."""

    path: str
    tags: tuple[str, ...]
    operation_id: str


VIEW = Hot("/v1/customers/{customer_id}", ("customers",), "get_customer")
EVENTS = Hot("/v1/events", ("events",), "take_events")
PLAIN_VIEW = re.compile(r"/v1/customers/[^\x00-\x1f/]{1,128}")
HANDLERS: dict[Hot, Callable[[Request], Awaitable[ASGIApp]]] = {VIEW: plain_view, EVENTS: taken_events}


class HotPaths:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hot = _hot(scope)
        if hot is None:
            await self._app(scope, receive, send)
            return
        scope["route"], request = hot, Request(scope, receive)
        try:
            await allowed(request)
            response: ASGIApp = await HANDLERS[hot](request)
        except HoldfastError as error:
            response = await on_expected(request, error)
        except HTTPException as error:  # of a body that is too large or too slow
            response = await on_http_error(request, error)
        await response(scope, receive, send)


def _hot(scope: Scope) -> Hot | None:
    if scope["type"] != "http" or scope["query_string"]:
        return None
    if scope["method"] == "GET" and PLAIN_VIEW.fullmatch(scope["path"]):
        return VIEW
    return EVENTS if scope["method"] == "POST" and scope["path"] == EVENTS.path else None
