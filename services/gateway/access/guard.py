"""The gate before the API where access is required. Plain ASGI, and before a body is read."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access import api_keys, repository, scopes, tokens
from services.gateway.access.ledger import Ledger
from services.gateway.access.limits import DAY_SECONDS, Backoff, Buckets, Quotas, left_of, policy_of
from services.gateway.access.principal import Principal, Verified
from services.gateway.access.settings import AccessSettings
from services.gateway.tmforum.errors import failure_of
from shared import clock
from shared.database import Database
from shared.errors import Forbidden, HoldfastError, QuotaExceeded, RateLimited, TooManyFailures, Unauthenticated
from shared.settings import Settings
from shared.web import problem

OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/events/docs", "/events/asyncapi.json", "/console", "/oauth2/token", "/.well-known/jwks.json"})
OPEN_FOLDERS = ("/docs/assets/", "/guide/", "/guide-pictures/", "/static/", "/health/", "/console/")
"""Pages, what they load, and what orchestrators ask. Everything else needs a principal, also what is not there."""
LONGEST_CREDENTIALS = 8_000
GUESSES = frozenset({"malformed", "algorithm", "type", "unknown_key", "signature"})
"""Not what was right once: many clients of one address whose tokens expire would hold up each other."""
USED_TO_THE = timedelta(hours=1)
REFUSALS = frozenset({401, 403, 429})


class Admission(NamedTuple):
    """What is left, as headers, and why the request is not let in."""

    headers: list[tuple[bytes, bytes]]
    refusal: HoldfastError | None


class Access:
    """Who asks, and whether they may ask more. `keys` is None where only API keys are believed."""

    def __init__(self, settings: AccessSettings, database: Database, keys: tokens.KeySet | None) -> None:
        self._settings, self._database, self._keys = settings, database, keys
        self.verified = Verified()
        self.buckets = Buckets(rate_per_second=settings.rate_per_second, burst=settings.burst)
        self.quotas = Quotas(settings.daily_quota)
        self._policy = policy_of(self.buckets, self.quotas)
        self.ledger = Ledger(database, self.quotas)
        self._backoff = Backoff()

    async def principal(self, authorization: bytes, address: str) -> Principal:
        """Raises Unauthenticated, TooManyFailures and Unavailable. Who was verified a moment ago is not held up by what
        others at the same address do."""
        if not authorization:
            raise Unauthenticated(reason="nothing_presented")
        now = clock.monotonic()
        found = self.verified.find(authorization, now)
        if found:
            return found
        wait = self._backoff.wait_seconds(address, now)
        if wait:
            raise TooManyFailures(retry_after_seconds=wait, reason="backing_off")
        try:
            token = await self._verify(authorization)
        except Unauthenticated as error:
            if error.extra.get("reason") in GUESSES:
                self._backoff.fail(address, now)
            raise
        self.verified.keep(authorization, token.principal, now=now, seconds_left=token.seconds_left)
        return token.principal

    def admit(self, client: str) -> Admission:
        now = clock.wall()
        burst = self.buckets.take(client, clock.monotonic())
        seconds_left = DAY_SECONDS - (now.hour * 3_600 + now.minute * 60 + now.second)
        day = self.quotas.take(client, now.date(), seconds_left=seconds_left, counted=not burst.wait_seconds)
        refusal: HoldfastError | None = None
        if burst.wait_seconds:
            refusal = RateLimited(retry_after_seconds=burst.wait_seconds)
        elif day.wait_seconds:
            refusal = QuotaExceeded(retry_after_seconds=day.wait_seconds)
        return Admission([(b"ratelimit-policy", self._policy), (b"ratelimit", left_of(burst, day))], refusal)

    def note(self, scope: Scope, client: str, error: HoldfastError | None, status: int) -> None:
        """A refusal. Without an `error` of ours a service behind gave it."""
        reason = error.extra.get("reason") or error.extra.get("scope") or "" if error else ""
        self.ledger.refused(client=client, address=address_of(scope), code=error.code if error else f"http_{status}", reason=str(reason))

    async def _verify(self, authorization: bytes) -> tokens.Token:
        scheme, _, text = authorization.decode("latin-1").partition(" ")
        if scheme.casefold() != "bearer" or not text or len(text) > LONGEST_CREDENTIALS:
            raise Unauthenticated("send Authorization: Bearer, and a key or a token", reason="malformed")
        if text.startswith(api_keys.PREFIX):
            return await self._verify_key(text)
        if self._keys is None:
            raise Unauthenticated("only API keys are taken here", reason="malformed")
        return await tokens.verify(text, self._keys, self._settings)

    async def _verify_key(self, text: str) -> tokens.Token:
        """Which of it is wrong is not told: there is no such key, for who does not have it."""
        key = api_keys.parse(text)
        if key is None:
            raise Unauthenticated("it is no API key", reason="malformed")
        async with self._database.reading() as connection:
            row = await repository.find_key(connection, key.key_id)
        if row is None or not api_keys.is_secret(key.secret, row.secret_hash):
            raise Unauthenticated("there is no such API key", reason="unknown_key")
        now = clock.wall()
        if row.revoked_at or row.expires_at <= now:
            raise Unauthenticated("the API key was revoked" if row.revoked_at else "the API key has expired", reason="revoked" if row.revoked_at else "expired")
        if row.last_used_at is None or now - row.last_used_at > USED_TO_THE:
            self.ledger.used(row.key_id)
        return tokens.Token(Principal(row.client, row.client, frozenset(row.scopes)), (row.expires_at - now).total_seconds())


class Guard:
    """In this order:

    1. who asks, or 401, or 429 after too many wrong guesses
    2. how often they ask, or 429
    3. by whom they say to act, or 403

    What a request needs is known when its route is: `allowed`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        access: Access = scope["app"].state.access
        given, client = dict(scope["headers"]), ""
        headers: list[tuple[bytes, bytes]] = []
        state: dict[str, Any] = scope.setdefault("state", {})

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
                if message["status"] in REFUSALS:
                    access.note(scope, client, state.get("error"), message["status"])
            await send(message)

        try:
            principal = await access.principal(given.get(b"authorization", b""), address_of(scope))
            client = principal.client
            admission = access.admit(client)
            headers = admission.headers
            if admission.refusal:
                raise admission.refusal
            actor = actor_of(principal, given.get(b"x-actor"))
        except HoldfastError as error:
            state["error"] = error
            refusal = failure_of(error) if scope["path"].startswith("/tmf-api/") else problem(error, instance=scope["path"])
            await refusal(scope, receive, answer)
            return
        state["principal"] = principal
        scope["headers"] = [*(header for header in scope["headers"] if header[0] != b"x-actor"), (b"x-actor", actor)]
        await self._app(scope, receive, answer)


async def allowed(request: Request) -> None:
    """A dependency of every route. Raises Forbidden, with the scope that is missing."""
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        return  # an open path: the guard lets nothing else through without one
    route = request.scope["route"]
    scope = scopes.missing(principal.scopes, scopes.needed(route.tags, route.operation_id, request.method, request.scope["query_string"].decode("latin-1")))
    if scope is not None:
        raise Forbidden(f"{principal.client} has no scope {scope}", scope=scope)


def is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def actor_of(principal: Principal, said: bytes | None) -> bytes:
    """Who acts. Raises Forbidden for who says to be somebody else and may not."""
    actor = principal.actor.encode()
    if said is None or said == actor:
        return actor
    if scopes.ACT_FOR_OTHERS not in principal.scopes:
        raise Forbidden(f"{principal.client} can not act for others", scope=scopes.ACT_FOR_OTHERS)
    return said


def address_of(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


async def open_access(app: FastAPI, stack: AsyncExitStack, settings: AccessSettings, fetch: tokens.Fetch | None) -> None:
    """While the API runs. `fetch`: the keys of the issuer of tokens, None without one."""
    keys = None
    if fetch:
        refresh, pause, stale = settings.jwks_refresh_seconds, settings.jwks_pause_seconds, settings.jwks_stale_seconds
        keys = tokens.KeySet(fetch, refresh_seconds=refresh, pause_seconds=pause, stale_seconds=stale)
        stack.push_async_callback(keys.close)
    app.state.access = Access(settings, app.state.database, keys)
    await stack.enter_async_context(app.state.access.ledger.running())
