"""Failures as systems that speak TM Forum expect them (TMF630): code, reason, message and status, in place of problem documents."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from starlette.routing import compile_path

from shared.errors import HoldfastError, InvalidRequest, MethodNotAllowed
from shared.web import headers_of

# The v4 documents know no others: what is erased is not there, and what breaks the contract is a bad request.
STATUS = {410: 404, 422: 400}


REFUSED, ELSEWHERE = "refused", "elsewhere"
"""What routes are called that offer nothing."""


class Error(BaseModel):
    """`code` is one of the error catalogue."""

    code: str
    reason: str
    message: str
    status: str


class Refused(Exception):
    """Another service answered with a problem document."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["detail"])
        self.problem = problem


class TmForumRoute(APIRoute):
    """A route whose failures have the shape of TM Forum."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refused:
                return _failure(**{name: refused.problem[name] for name in ("code", "title", "detail", "status")}, headers=None)
            except RequestValidationError as error:
                problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
                return failure_of(InvalidRequest(problems))
            except MethodNotAllowed as error:
                failure = failure_of(error)
                failure.headers["Allow"] = ", ".join(offered(request))
                return failure
            except HoldfastError as error:
                request.state.error = error
                return failure_of(error)

        return answer


def offered(request: Request) -> list[str]:
    """The methods that the path takes."""
    contexts = (one for one in iter_route_contexts(request.app.routes) if (one.path or "").startswith("/tmf-api/") and one.name not in {REFUSED, ELSEWHERE})
    return sorted({method for one in contexts if compile_path(one.path or "")[0].match(request.scope["path"]) for method in one.methods or ()})


def failure_of(error: HoldfastError) -> Response:
    return _failure(code=error.code, title=error.title, detail=error.detail, status=error.status, headers=headers_of(error))


def _failure(*, code: str, title: str, detail: str, status: int, headers: dict[str, str] | None) -> Response:
    said = STATUS.get(status, status)
    body = {"code": code, "reason": title, "message": detail, "status": str(said), "@type": "Error"}
    again = {"Retry-After": "1"} if said in {429, 503} else None
    return Response(orjson.dumps(body), said, headers or again, media_type="application/json")
