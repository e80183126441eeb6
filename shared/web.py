"""HTTP, the same for every service: problem documents, request log and metrics, health, transactions, cursors, idempotency."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, lru_cache, partial
from typing import Annotated, Any

import orjson
import prometheus_client
import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import clock, telemetry
from shared.actors import ANONYMOUS
from shared.auth import OnlyServices
from shared.bodies import MAX_BODY_BYTES, bounded, json_only
from shared.cursors import decode_cursor as decode_cursor
from shared.cursors import encode_cursor as encode_cursor
from shared.cursors import moment_of as moment_of
from shared.database import Database, Transaction, is_transient
from shared.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Forbidden,
    HoldfastError,
    IdempotencyKeyMissing,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RequestFailed,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from shared.idempotency import once as once
from shared.openapi import PROBLEM, Document, Responses, finished
from shared.pii import Keyring
from shared.settings import Settings
from shared.tracing import trace_of

PLAIN_TEXT = r"^[^\x00-\x1f]+$"
WORKER_BEAT_LIMIT_SECONDS = 15

log = telemetry.logger()

Lifespan = Callable[[FastAPI, AsyncExitStack], Awaitable[None]]
Checks = Callable[[FastAPI], Awaitable[dict[str, Any]]]
Layer = Callable[[ASGIApp], ASGIApp]
Guard = Callable[..., ASGIApp]


class Problem(BaseModel):
    """RFC 9457. `code` is one of the error catalogue."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str


# So that the document has the schema: `finished` says what each operation answers with it.
PROBLEM_RESPONSES: Responses = {"default": {"model": Problem}}


class Api(FastAPI):
    """Its OpenAPI document is made once, when it is asked for first. HTTP comes through layers that answer whatever fails: Starlette's
    own, in which it would put them, are a tenth of a view."""

    def __init__(self, described: Callable[[Document], Document], **given: Any) -> None:
        super().__init__(**given)
        self._described = described
        self._document: Document | None = None
        self._http: ASGIApp = super().__call__

    def put_behind(self, layer: Layer) -> None:
        """What came before is inside of it."""
        self._http = layer(self._http)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await self._http(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        outermost = super().build_middleware_stack()
        # It answers in plain text, before a layer of ours would see the failure.
        assert isinstance(outermost, ServerErrorMiddleware)
        return outermost.app

    def openapi(self) -> Document:
        if self._document is None:
            self._document = self._described(super().openapi())
        return self._document


def create_app(
    *,
    service: str,
    settings: Settings,
    routers: Sequence[APIRouter],
    description: str,
    workers: sa.Table | None = None,
    lifespan: Lifespan | None = None,
    checks: Checks | None = None,
    sealed: bool = False,
    guard: Guard = OnlyServices,
    inner: Layer | None = None,
    dependencies: Sequence[Dependency] = (),
    max_body_bytes: int = MAX_BODY_BYTES,
    described: Callable[[Document], Document] = finished,
) -> Api:
    """An API with its database open while it runs, and with the keyring when it is `sealed`. `lifespan` opens what else it
    needs on the given stack; what `checks` finds is told by readiness, and does not decide it. `guard` stands before all of it
    where access is required, and raises what it refuses; `inner` comes right after it, before the routes. `dependencies` are those of every route.
    No body may be larger than `max_body_bytes`; a route may read less. `described` makes the OpenAPI document of what FastAPI says."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.settings = settings
            app.state.stopping = asyncio.Event()
            app.state.database = Database(settings.database_url(service))
            stack.push_async_callback(app.state.database.close)
            if sealed:
                app.state.keyring = Keyring.load(settings.keyring_path)
            if lifespan:
                await lifespan(app, stack)
            yield

    app = Api(
        described,
        title=f"Holdfast {service}",
        version="0.1.0",
        description=description,
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        responses=PROBLEM_RESPONSES,
        dependencies=[*dependencies, Depends(json_only)],
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asked anew at each request, it takes a tenth of a view
    )
    for router in (*routers, health_router(workers, checks)):
        app.include_router(router)
    app.add_exception_handler(HoldfastError, on_expected)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, on_http_error)
    if inner:
        app.put_behind(inner)
    if settings.auth == "required":
        app.put_behind(partial(guard, settings=settings))
    app.put_behind(partial(Boundary, service=service, max_body_bytes=max_body_bytes))
    return app


async def _transaction(request: Request) -> AsyncIterator[Transaction]:
    async with request.app.state.database.transaction() as tx:
        yield tx


async def _reading(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.database.reading() as connection:
        yield connection


# scope="function": with the default, the commit would run after the response has started, and a failed one answer 200.
InTransaction = Annotated[Transaction, Depends(_transaction, scope="function")]
Reading = Annotated[AsyncConnection, Depends(_reading, scope="function")]


async def _keys(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


Keys = Annotated[Keyring, Depends(_keys)]


def _iso(value: object) -> object:
    if isinstance(value, str) and value.replace(".", "", 1).lstrip("+-").isdecimal():
        raise ValueError("a time is ISO 8601 with its offset, not a number")
    return value


# Without it a number is taken for seconds since 1970.
Moment = Annotated[AwareDatetime, BeforeValidator(_iso)]
_ActorHeader = Header(alias="X-Actor", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$", description="Who asks: it goes into the audit log")


async def _actor(actor: Annotated[str, _ActorHeader] = ANONYMOUS) -> str:
    return actor


Actor = Annotated[str, Depends(_actor)]


def problem(error: HoldfastError, *, instance: str) -> Response:
    document = {"type": f"urn:holdfast:error:{error.code}", "title": error.title, "status": error.status, "detail": error.detail, "code": error.code}
    return Response(orjson.dumps(document | {"instance": instance} | error.extra), error.status, headers_of(error), media_type=PROBLEM)


def headers_of(error: HoldfastError) -> dict[str, str] | None:
    if error.status in {429, 503}:
        return {"Retry-After": str(error.extra.get("retry_after_seconds", 1))}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="holdfast"'}
    if isinstance(error, Forbidden):
        return {"WWW-Authenticate": f'Bearer realm="holdfast", error="insufficient_scope", scope="{error.extra.get("scope", "")}"'}
    return None


async def on_expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, HoldfastError)
    request.state.error = error
    return problem(error, instance=request.url.path)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    listed = [{"at": ".".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors()]
    return problem(InvalidRequest("; ".join(f"{one['at']}: {one['problem']}" for one in listed[:5]), errors=listed), instance=request.url.path)


async def on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known: dict[int, type[RequestFailed]] = {404: NotFound, 405: MethodNotAllowed, 408: BodyTooSlow, 413: BodyTooLarge, 415: UnsupportedMediaType}
    answer = problem(known.get(error.status_code, RequestFailed)(str(error.detail)), instance=request.url.path)
    answer.status_code = error.status_code
    answer.headers.update(error.headers or {})
    if error.status_code == 405:
        answer.headers["Allow"] = _allowed(request)
    return answer


def _allowed(request: Request) -> str:
    """Of the path; Starlette tells those of the first route that has it."""
    app: FastAPI = request.app
    methods = {method for route in app.routes if route.matches(request.scope)[0] is not Match.NONE for method in getattr(route, "methods", ())}
    return ", ".join(sorted(methods))


def _escaped(error: Exception, *, instance: str) -> Response:
    """To what a guard raised, or nobody expected."""
    if isinstance(error, HoldfastError):
        return problem(error, instance=instance)
    if is_transient(error):
        return problem(Unavailable("the database does not answer"), instance=instance)
    log.error("request_failed", error_class=type(error).__name__, exc_info=error)
    return problem(HoldfastError(), instance=instance)


class Boundary:
    """Request id, log line, metrics, and an answer to what nobody expected. Plain ASGI: Starlette's BaseHTTPMiddleware
    costs two thirds of the rate."""

    def __init__(self, app: ASGIApp, service: str, max_body_bytes: int) -> None:
        self._app, self._service, self._max_body_bytes = app, service, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = clock.monotonic(), 0
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        trace_id, trace_flags = trace_of(headers.get(b"traceparent", b"").decode("latin-1"))
        request_id = given if given.isascii() and given.isprintable() and 0 < len(given) <= 64 else trace_id

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=trace_id, trace_flags=trace_flags)
        try:
            await self._app(scope, bounded(receive, limit_bytes=self._max_body_bytes), answer)
        except Exception as error:
            if status:
                raise  # the answer is under way: cutting it off is all that is left
            await _escaped(error, instance=scope["path"])(scope, receive, answer)
        finally:
            self._observe(scope, status, clock.monotonic() - started)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, not the path: paths hold ids, and would be labels without bound.
        route = getattr(scope.get("route"), "path", "unmatched")
        counted, timed = _measures(self._service, scope["method"], route, status)
        counted.inc()
        timed.observe(seconds)
        if telemetry.debugging():
            log.debug("request", method=scope["method"], route=route, status=status, seconds=round(seconds, 4))


@lru_cache(maxsize=4096)
def _measures(service: str, method: str, route: str, status: int) -> tuple[prometheus_client.Counter, prometheus_client.Histogram]:
    """Kept, as finding them takes as long as a query."""
    return telemetry.REQUESTS.labels(service, method, route, status), telemetry.REQUEST_SECONDS.labels(service, route)


@cache
def health_router(workers: sa.Table | None, checks: Checks | None = None) -> APIRouter:
    """Made once: FastAPI takes as long for its routes as for some requests, and tests make apps by the hundred."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live", operation_id="live", summary="The process answers")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health/ready", operation_id="ready", summary="The database answers; what the workers last said of themselves")
    async def ready(request: Request, connection: Reading) -> dict[str, Any]:
        await connection.execute(sa.text("SELECT 1"))
        found = await checks(request.app) if checks else {}
        return {"status": "ready", "workers": await _workers(connection, workers) if workers is not None else []} | found

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return router


async def _workers(connection: AsyncConnection, workers: sa.Table) -> list[dict[str, Any]]:
    now = clock.wall()
    return [
        {
            "name": row.name,
            "state": row.state if (now - row.beat_at).total_seconds() < WORKER_BEAT_LIMIT_SECONDS else "silent",
            "lag_records": row.lag_records,
            "beat_at": row.beat_at,
        }
        for row in await connection.execute(sa.select(workers).order_by(workers.c.name))
    ]


_KeyHeader = Header(alias="Idempotency-Key", max_length=128, description="Any unique text, the same for every retry")


async def idempotency_key(key: Annotated[str | None, _KeyHeader] = None) -> str:
    if not key:
        raise IdempotencyKeyMissing("send any unique text, the same for every retry")
    return key


IdempotencyKey = Annotated[str, Depends(idempotency_key)]
