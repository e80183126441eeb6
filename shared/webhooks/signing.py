"""How a call is signed, and how its receiver checks that."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection

SIGNATURE_HEADER = "Holdfast-Signature"
KEY_HEADER = "Idempotency-Key"
TOLERANCE_SECONDS = 300
_SIGNATURE = re.compile(r"t=(?P<at>[0-9]{1,12})(?P<marks>(?:,v1=[0-9a-f]{64}){1,5})")


def sign(secret: str, body: bytes, *, at: int) -> str:
    """The value of the signature header: `t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>." + body>`."""
    return f"t={at},v1={_mark(secret, body, at)}"


def verify(secrets: Collection[str], header: str, body: bytes, *, now: int, tolerance_seconds: int = TOLERANCE_SECONDS) -> bool:
    """For the receiver: whether one of the secrets (two while one is replaced) signed this very body, within the tolerance before or after `now`.

    What is replayed within it is told by the id in the body, which equals the idempotency key.
    """
    found = _SIGNATURE.fullmatch(header)
    if found is None or abs(now - int(found["at"])) > tolerance_seconds:
        return False
    marks = [one.removeprefix("v1=") for one in found["marks"].split(",") if one]
    expected = [_mark(secret, body, int(found["at"])) for secret in secrets]
    return any(hmac.compare_digest(mark, one) for mark in marks for one in expected)


def _mark(secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
