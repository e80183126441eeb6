"""API keys: `hf_<id>_<secret>`. The id is looked up, the secret is kept as a hash.

SHA-256 and no slow hash: the secret is 256 random bits, so there is no likelier guess to try first, and a slow hash would cost
each process what it is to cost an attacker.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

PREFIX = "hf_"
_TEXT = re.compile(r"hf_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class ApiKey(NamedTuple):
    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        """Without the secret: it must not get into a traceback or a log."""
        return f"ApiKey({self.key_id})"


def fresh() -> ApiKey:
    return ApiKey("".join(secrets.choice(_ALPHABET) for _ in range(12)), secrets.token_urlsafe(32))


def parse(text: str) -> ApiKey | None:
    found = _TEXT.fullmatch(text)
    return ApiKey(*found.groups()) if found else None


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, secret_hash: str) -> bool:
    return hmac.compare_digest(hash_of(secret), secret_hash)
