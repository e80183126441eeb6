"""An issuer of tokens for tests, behind a port of its own, and a gateway that believes it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.access import managing
from services.gateway.access.scopes import ALL
from shared.settings import Settings
from tests.gateway.conftest import AWAY
from tests.harness import ServiceUnderTest, listening

SECRET = "s" * 40
ISSUER = "https://login.example"


class TokenIssuer:
    """Publishes the public half of `keys`, and counts how often it was asked."""

    def __init__(self) -> None:
        self.keys = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.asked = 0
        self.is_away = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.asked += 1
        if self.is_away or request.url.path != "/jwks.json":
            await Response(status_code=503)(scope, receive, send)
            return
        published = [ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"} for kid, key in self.keys.items()]
        await Response(orjson.dumps({"keys": published}), media_type="application/json")(scope, receive, send)

    def token(self, *scopes: str, kid: str = "k1", typ: str = "at+jwt", **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": ISSUER, "aud": "holdfast", "sub": "crm", "client_id": "crm", "scope": " ".join(scopes), "iat": now, "exp": now + 300} | claims
        key = self.keys.get(kid) or ec.generate_private_key(ec.SECP256R1())
        return jwt.encode(said, key, "ES256", headers={"kid": kid, "typ": typ})


@asynccontextmanager
async def guarded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, issuer: TokenIssuer | None = None, update: dict[str, Any] | None = None, **access: object
) -> AsyncIterator[ServiceUnderTest]:
    """`access`: settings of access, without their prefix."""
    common = settings.model_copy(update=AWAY | {"auth": "required", "service_secret": SecretStr(SECRET)} | (update or {}))
    async with listening(issuer or TokenIssuer()) as url:
        given = access if issuer is None else {"issuer": ISSUER, "jwks_url": f"{url}/jwks.json"} | access
        for name, value in given.items():
            monkeypatch.setenv(f"HOLDFAST_AUTH_{name.upper()}", str(value))
        async with ServiceUnderTest("gateway", common) as gateway:
            yield gateway


async def key_for(gateway: ServiceUnderTest, *scopes: str, client: str = "crm", days: int = 30) -> str:
    async with gateway.database.transaction() as tx:
        made = await managing.make(tx, managing.NewKey(client, scopes or ALL, days), by="test", granted=None)
    return str(made.key)


@asynccontextmanager
async def at_address(gateway: ServiceUnderTest, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls from there."""
    transport = httpx.ASGITransport(app=gateway.app, raise_app_exceptions=False, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def bearer(presented: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {presented}"} | headers


def embedded(folder: Path) -> Settings:
    return Settings(data_dir=folder, log_level="error")
