"""What the routes of this service ask for alike."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from shared.contracts.decoding import EARLIEST
from shared.errors import BadCursor
from shared.web import Moment as IsoMoment
from shared.web import decode_cursor

END_OF_TIME = datetime(2200, 1, 1, tzinfo=UTC)
ID_PATTERN = r"^[^\x00-\x1f]+$"

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=500)]
CustomerId = Annotated[str, Path(max_length=128, pattern=ID_PATTERN)]
OfCustomer = Annotated[str | None, Query(max_length=128, pattern=ID_PATTERN)]
Moment = Annotated[IsoMoment, Field(ge=EARLIEST, lt=END_OF_TIME)]
Day = Annotated[date, Field(ge=EARLIEST.date(), lt=END_OF_TIME.date())]


def position(cursor: str | None) -> tuple[datetime, str] | None:
    """A time and an id."""
    parts = decode_cursor(cursor, str, str)
    if parts is None:
        return None
    try:
        return datetime.fromisoformat(parts[0]).astimezone(UTC), parts[1]
    except (ValueError, OverflowError):
        raise BadCursor from None
