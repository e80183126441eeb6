"""W3C trace context: whose trace a request belongs to, handed on to whoever is asked because of it."""

from __future__ import annotations

import random
import re

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def trace_of(traceparent: str) -> tuple[str, str]:
    """Its trace id and flags; of what is none or broken a new trace, as the standard wants it."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return (found[1], found[2]) if found else (f"{random.getrandbits(128) or 1:032x}", "01")


def traceparent(trace_id: str, flags: str) -> str:
    """With a new span: what is asked next is its child."""
    return f"00-{trace_id}-{random.getrandbits(64) or 1:016x}-{flags}"
