"""A small issuer of access tokens, for demo and tests: the client credentials are an API key's. It is no identity provider: its
key is made at each start and kept in memory, so what it issued ends with the process, and it serves this machine only."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from services.gateway.access.principal import Principal
from shared import clock

ALGORITHM = "ES256"
TOKEN_SECONDS = 900


class Issued(NamedTuple):
    access_token: str
    expires_in: int
    scope: str


class Issuer:
    def __init__(self, *, name: str, audience: str) -> None:
        self.name, self._audience = name, audience
        self._key, self._key_id = ec.generate_private_key(ec.SECP256R1()), uuid.uuid4().hex[:12]

    async def keys(self) -> bytes:
        """The key set that it publishes."""
        public = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return orjson.dumps({"keys": [public | {"kid": self._key_id, "use": "sig", "alg": ALGORITHM}]})

    def issue(self, principal: Principal, scopes: frozenset[str]) -> Issued:
        issued_at = int(clock.wall().timestamp())
        claims = {
            "iss": self.name,
            "aud": self._audience,
            "sub": principal.client,
            "client_id": principal.client,
            "scope": " ".join(sorted(scopes)),
            "iat": issued_at,
            "exp": issued_at + TOKEN_SECONDS,
            "jti": uuid.uuid4().hex,
        }
        text = jwt.encode(claims, self._key, ALGORITHM, headers={"kid": self._key_id, "typ": "at+jwt"})
        return Issued(text, TOKEN_SECONDS, str(claims["scope"]))
