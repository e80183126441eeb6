"""Access tokens: JWTs of one issuer, checked with the keys that it publishes (JWKS)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import httpx
import jwt
import orjson

from services.gateway.access.principal import NAME, Principal
from services.gateway.access.settings import AccessSettings
from shared import clock, telemetry
from shared.errors import Unauthenticated, Unavailable

ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "ES384", "EdDSA"})
"""Pinned, and all asymmetric: with a symmetric one the public key would be the secret."""
TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt"})
REQUIRED = ["iss", "aud", "exp", "sub"]
FETCH_SECONDS = 3.0
MOST_KEYS = 100

log = telemetry.logger()

Fetch = Callable[[], Awaitable[bytes]]


def fetching(client: httpx.AsyncClient, url: str) -> Fetch:
    async def fetch() -> bytes:
        async with asyncio.timeout(FETCH_SECONDS):
            return (await client.get(url, headers={"accept": "application/json"})).raise_for_status().content

    return fetch


class KeySet:
    """The issuer's keys. They are fetched when they are old, or when one is asked for that is not there, but never more often than
    once a pause, and once for all who wait. While none can be fetched the known ones are believed for a bounded time."""

    def __init__(self, fetch: Fetch, *, refresh_seconds: float, pause_seconds: float, stale_seconds: float) -> None:
        self._fetch = fetch
        self._refresh_seconds, self._pause_seconds, self._stale_seconds = refresh_seconds, pause_seconds, stale_seconds
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> Mapping[str, Any] | None:
        """The JWK. None: the issuer has no such key. Raises Unavailable when that can not be said."""
        if key_id not in self._keys or self._age() > self._stale_seconds:
            await self._refreshed()
        elif self._age() > self._refresh_seconds:
            self._begin()
        if self._age() > self._stale_seconds:
            raise Unavailable("the keys of the issuer of tokens can not be fetched", retry_after_seconds=max(1, round(self._pause_seconds)))
        return self._keys.get(key_id)

    async def close(self) -> None:
        if self._refreshing:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else clock.monotonic() - self._fetched_at

    async def _refreshed(self) -> None:
        """Shielded: who waits may go away, the others still wait."""
        refreshing = self._begin()
        if refreshing:
            await asyncio.shield(refreshing)

    def _begin(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, a new one when it is due, or None."""
        if self._refreshing and not self._refreshing.done():
            return self._refreshing
        if self._tried_at is not None and clock.monotonic() - self._tried_at < self._pause_seconds:
            return None
        self._tried_at = clock.monotonic()
        self._refreshing = asyncio.create_task(self._refresh())
        return self._refreshing

    async def _refresh(self) -> None:
        try:
            keys = _usable(orjson.loads(await self._fetch()))
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            log.warning("jwks_not_fetched", error_class=type(error).__name__)
            return
        self._keys, self._fetched_at = keys, clock.monotonic()


def _usable(document: Any) -> dict[str, Mapping[str, Any]]:
    """By key id. Raises ValueError for what is no key set."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no key set")  # noqa: TRY004 (what came is wrong, not our call)
    keys = [one for one in listed[:MOST_KEYS] if isinstance(one, dict) and isinstance(one.get("kid"), str)]
    return {one["kid"]: one for one in keys if one.get("kty") != "oct" and one.get("use", "sig") == "sig"}


class Token(NamedTuple):
    """What it says, and for how long it may be believed."""

    principal: Principal
    seconds_left: float


async def verify(text: str, keys: KeySet, settings: AccessSettings) -> Token:
    """Raises Unauthenticated, with the reason in a word, and Unavailable."""
    try:
        header = jwt.get_unverified_header(text)
    except jwt.InvalidTokenError:
        raise Unauthenticated("it is no token", reason="malformed") from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise Unauthenticated("its algorithm is not allowed", reason="algorithm")
    if str(header.get("typ", "")).casefold() not in TYPES:
        raise Unauthenticated("it is no access token: `typ` says what it is", reason="type")
    if not isinstance(key_id, str):
        raise Unauthenticated("`kid` does not name its key", reason="unknown_key")
    key = await keys.find(key_id)
    if key is None or key.get("alg", algorithm) != algorithm:
        raise Unauthenticated("the issuer has no such key", reason="unknown_key")
    claims = _claims(text, key, algorithm, settings)
    return Token(_principal(claims), float(claims["exp"]) + settings.leeway_seconds - clock.wall().timestamp())


def _claims(text: str, key: Mapping[str, Any], algorithm: str, settings: AccessSettings) -> dict[str, Any]:
    try:
        return jwt.decode(
            text,
            jwt.PyJWK(dict(key), algorithm),
            algorithms=[algorithm],
            issuer=settings.issuer,
            audience=settings.audience,
            leeway=settings.leeway_seconds,
            options={"require": REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("it has expired", reason="expired") from None
    except jwt.ImmatureSignatureError:
        raise Unauthenticated("it is not valid yet", reason="too_early") from None
    except jwt.InvalidAudienceError:
        raise Unauthenticated("it is meant for somebody else", reason="audience") from None
    except jwt.InvalidIssuerError:
        raise Unauthenticated("its issuer is not ours", reason="issuer") from None
    except jwt.PyJWTError:
        raise Unauthenticated("its signature or its claims do not hold", reason="signature") from None


def _principal(claims: Mapping[str, Any]) -> Principal:
    """RFC 9068: `client_id` names the client, `sub` who acts by it: with client credentials the client itself."""
    actor, client = claims["sub"], claims.get("client_id") or claims.get("azp") or claims["sub"]
    if not all(isinstance(name, str) and NAME.fullmatch(name) for name in (actor, client)):
        raise Unauthenticated("`sub` and `client_id` have 1 to 100 printable ASCII characters", reason="name")
    scope = claims.get("scope", "")
    return Principal(client, actor, frozenset(scope.split() if isinstance(scope, str) else map(str, scope if isinstance(scope, list) else ())))
