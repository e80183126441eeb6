"""Where the next page of a list begins, as text that callers hand back. No HTTP in it: rules of paging are read without a server."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import orjson

from shared.errors import BadCursor


def encode_cursor(*position: Any) -> str:
    """Opaque: callers must not build one."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The position a cursor stands for, None without one. Raises BadCursor unless it has exactly these kinds of parts, each
    of which a database can take."""
    if cursor is None:
        return None
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise BadCursor from None
    fits = isinstance(position, list) and len(position) == len(kinds) and all(type(part) is kind for part, kind in zip(position, kinds, strict=True))
    if not fits or not all(abs(part) <= 2**62 if isinstance(part, int) else "\x00" not in part for part in position):
        raise BadCursor
    return tuple(position)


def moment_of(text: str) -> datetime:
    """A time out of a cursor. Raises BadCursor."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadCursor from None
    if moment.tzinfo is None:
        raise BadCursor
    return moment
