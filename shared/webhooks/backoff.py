"""When a call that failed is made again."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(days=3)
"""After the first attempt."""


def delay_after(attempt: int, key: str) -> timedelta:
    """Doubles with each attempt (from 1) up to a ceiling; of that between a half and all of it, so that what failed together does not return together."""
    doublings: int = 2 ** min(attempt - 1, 20)
    ceiling = min(FIRST_DELAY * doublings, LONGEST_DELAY)
    drawn = int.from_bytes(hashlib.sha256(f"{key}:{attempt}".encode()).digest()[:8], "big") / 2**64
    return ceiling * (0.5 + 0.5 * drawn)


def next_try(retry_after_seconds: float | None, *, now: datetime, attempt: int, key: str, end: datetime | None) -> datetime | None:
    """Never before the receiver asked for; None when that is past the end."""
    asked = timedelta(seconds=min(retry_after_seconds or 0.0, 2 * GIVE_UP_AFTER.total_seconds()))
    at = now + max(delay_after(attempt, key), asked)
    return None if end is not None and at >= end else at
