"""How far the feeds have come: what a customer did, or did not do, is judged as of then."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class Seen(NamedTuple):
    """While history is being told, or a feed is late, a gap to today is no silence, and no bill is late. None: nothing of the
    kind was ever heard, of anybody."""

    today: date
    usage: date | None = None
    """The last day that any summary of usage, or top-up, was about."""
    payments: date | None = None
    """The day of the newest payment or top-up."""

    @property
    def behaviour(self) -> date:
        """The day as of which months are compared: where both feeds have come to."""
        return min(day for day in self if day is not None)
