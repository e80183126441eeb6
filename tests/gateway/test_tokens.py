"""G3: access tokens against the keys of their issuer: what is pinned, what the clocks may differ by, and keys that change while it runs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.gateway.access import ISSUER, TokenIssuer, at_address, bearer, embedded, guarded
from tests.harness import ServiceUnderTest, until

SCOPE = "alerts:read"
PAUSE_SECONDS = 0.2
NUMBERS = count()


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
async def gateway(tmp_path: Path, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServiceUnderTest]:
    async with guarded(embedded(tmp_path), monkeypatch, issuer=issuer, jwks_pause_seconds=PAUSE_SECONDS) as running:
        yield running


async def asked(gateway: ServiceUnderTest, token: str) -> tuple[int, str]:
    """Status and code. Each time from elsewhere: wrong guesses earn a pause."""
    async with at_address(gateway, f"10.0.{next(NUMBERS)}.1") as http:
        answer = await http.get("/v1/alerts", headers=bearer(token))
    return answer.status_code, answer.json().get("code", "")


def part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(document)).decode().rstrip("=")


async def test_only_a_token_that_is_meant_for_us_and_signed_as_agreed_is_believed(gateway: ServiceUnderTest, issuer: TokenIssuer) -> None:
    now = int(time.time())
    assert await asked(gateway, issuer.token(SCOPE)) == (200, "")
    assert await asked(gateway, issuer.token(SCOPE, typ="JWT", aud=["other", "holdfast"], scope=[SCOPE])) == (200, "")
    assert await asked(gateway, issuer.token(SCOPE, exp=now - 5)) == (200, "")  # within the 30 seconds that clocks may differ
    assert await asked(gateway, issuer.token(SCOPE, nbf=now + 20, iat=now + 20)) == (200, "")

    private = issuer.keys["k1"]
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": ISSUER, "aud": "holdfast", "sub": "crm", "scope": SCOPE, "exp": now + 300}
    head = {"kid": "k1", "typ": "at+jwt"}
    unsigned = f"{part(head | {'alg': 'none'})}.{part(claims)}."
    start = f"{part(head | {'alg': 'HS256'})}.{part(claims)}"
    by_the_public_key = f"{start}.{base64.urlsafe_b64encode(hmac.new(public, start.encode(), hashlib.sha256).digest()).decode().rstrip('=')}"
    signed = issuer.token(SCOPE)
    start, _, signature = signed.rpartition(".")
    refused = {
        "expired": issuer.token(SCOPE, exp=now - 40),
        "not valid yet": issuer.token(SCOPE, nbf=now + 600),
        "another audience": issuer.token(SCOPE, aud="billing"),
        "another issuer": issuer.token(SCOPE, iss="https://elsewhere.example"),
        "no audience": issuer.token(SCOPE, aud=None),
        "no end": issuer.token(SCOPE, exp=None),
        "another type": issuer.token(SCOPE, typ="id+jwt"),
        "another key": issuer.token(SCOPE, kid="k9"),
        "no signature": unsigned,
        "signed with the public key": by_the_public_key,
        "an algorithm of another kind of key": jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", headers=head),
        "another curve": jwt.encode(claims, ec.generate_private_key(ec.SECP384R1()), "ES384", headers=head),
        "a forged signature": f"{start}.{signature[:-4]}AAAA",
        "other claims under the signature": ".".join((start.split(".")[0], part(claims | {"scope": "pii:read"}), signature)),
        "a name that no header can hold": issuer.token(SCOPE, sub="lin\r\nx-actor: wu"),
        "no token": "nonsense",
    }
    for what, token in refused.items():
        assert await asked(gateway, token) == (401, "unauthenticated"), what


async def test_keys_change_while_it_runs(gateway: ServiceUnderTest, issuer: TokenIssuer) -> None:
    old = issuer.token(SCOPE, jti="1")
    assert await asked(gateway, old) == (200, "")
    await asyncio.sleep(PAUSE_SECONDS)
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    assert await asked(gateway, issuer.token(SCOPE, kid="k2")) == (200, "")
    assert await asked(gateway, issuer.token(SCOPE, jti="2")) == (200, ""), "both are in the set"
    late = issuer.token(SCOPE, jti="3")
    del issuer.keys["k1"]
    await asyncio.sleep(PAUSE_SECONDS)
    assert (await asked(gateway, issuer.token(SCOPE, kid="k0")))[0] == 401, "has the set fetched"
    assert await asked(gateway, late) == (401, "unauthenticated"), "its key left the set"


async def test_a_storm_of_unknown_keys_does_not_reach_the_issuer(gateway: ServiceUnderTest, issuer: TokenIssuer) -> None:
    started = time.monotonic()
    tokens = [issuer.token(SCOPE, kid=f"x{number}") for number in range(40)]
    answers = await asyncio.gather(*(gateway.http.get("/v1/alerts", headers=bearer(token)) for token in tokens))
    assert {answer.status_code for answer in answers} <= {401, 429}
    assert issuer.asked <= 1 + (time.monotonic() - started) / PAUSE_SECONDS


async def test_known_keys_are_believed_for_a_while_when_the_issuer_is_away(tmp_path: Path, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"jwks_pause_seconds": 0.05, "jwks_refresh_seconds": 0.1, "jwks_stale_seconds": 5}
    async with guarded(embedded(tmp_path), monkeypatch, issuer=issuer, **short) as gateway:
        issuer.is_away = True
        answer = await gateway.http.get("/v1/alerts", headers=bearer(issuer.token(SCOPE)))
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
        issuer.is_away = False
        await asyncio.sleep(0.1)
        assert await asked(gateway, issuer.token(SCOPE, jti="1")) == (200, "")
        issuer.is_away = True
        await asyncio.sleep(0.2)
        assert await asked(gateway, issuer.token(SCOPE, jti="2")) == (200, ""), "old, and not yet too old"
        fresh = count(3)

        async def is_too_old() -> bool:
            return await asked(gateway, issuer.token(SCOPE, jti=str(next(fresh)))) == (503, "unavailable")

        await until(is_too_old)
        issuer.is_away = False
        await asyncio.sleep(0.1)
        assert await asked(gateway, issuer.token(SCOPE, jti="last")) == (200, "")


async def test_no_key_set_but_a_document_is_no_key_set(gateway: ServiceUnderTest, issuer: TokenIssuer) -> None:
    issuer.keys.clear()
    assert (await asked(gateway, issuer.token(SCOPE)))[0] == 401
