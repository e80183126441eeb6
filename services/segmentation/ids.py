"""Ids that say what they are about."""

from __future__ import annotations

import hashlib

LONGEST = 128


def id_of(kind: str, *parts: object) -> str:
    """`kind:part:part`; where that is longer than an id may be, a digest stands for the parts."""
    plain = ":".join((kind, *map(str, parts)))
    return plain if len(plain) <= LONGEST else f"{kind}:{hashlib.sha256(plain.encode()).hexdigest()}"
