"""When people may be called: between two times of day on their own clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo


class CallingHours(NamedTuple):
    """From `opens` to just before `closes`, on the same day."""

    opens: time
    closes: time

    def contain(self, local: datetime) -> bool:
        return self.opens <= local.time() < self.closes


def next_allowed(now: datetime, hours: CallingHours, zone: ZoneInfo) -> datetime:
    """`now` when that is inside the hours there, else the next moment they open. UTC.

    The opening time may not exist on a day the clocks are put forward, and a whole day may be skipped: the next one is tried.
    """
    local = now.astimezone(zone)
    if hours.contain(local):
        return now.astimezone(UTC)
    for days in range(8):
        opening = datetime.combine(local.date() + timedelta(days=days), hours.opens, zone).astimezone(UTC)
        if opening > now and hours.contain(opening.astimezone(zone)):
            return opening
    raise AssertionError(f"{zone.key} never reaches {hours.opens} in a week")
