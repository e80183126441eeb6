"""Who asks, once that is certain."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from typing import NamedTuple

KEPT_SECONDS = 60.0
KEPT_PRINCIPALS = 10_000
NAME = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,98}[\x21-\x7e])?")
"""What a client or an actor is called: it goes into headers and the audit log."""


class Principal(NamedTuple):
    """A client, what it may do, and who acts by it: the person a token was issued for, or the client itself."""

    client: str
    actor: str
    scopes: frozenset[str]


class Verified:
    """Principals by what they presented, so that a signature is not checked again for each request. A revoked key and a
    key that left the issuer's set are believed this much longer."""

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS, most: int = KEPT_PRINCIPALS) -> None:
        self._kept_seconds, self._most = kept_seconds, most
        self._kept: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    def find(self, presented: bytes, now: float) -> Principal | None:
        kept = self._kept.get(hashlib.sha256(presented).digest())
        return kept[1] if kept and now < kept[0] else None

    def keep(self, presented: bytes, principal: Principal, *, now: float, seconds_left: float) -> None:
        """`seconds_left`: until what was presented expires."""
        name = hashlib.sha256(presented).digest()
        self._kept[name] = now + min(self._kept_seconds, seconds_left), principal
        self._kept.move_to_end(name)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        self._kept.clear()
