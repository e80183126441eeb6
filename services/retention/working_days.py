"""Working days by a calendar: weekly days of rest, holidays, and days of rest that are worked to make up for them.

A day begins when its date does on the customer's own clock: at midnight, or later where the clocks are put forward at midnight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Calendar:
    """`rest`: ISO weekdays that are not worked, Monday is 1, never all seven. `exceptions`: day -> whether it is worked, whatever its weekday."""

    rest: Sequence[int] = (6, 7)
    exceptions: Mapping[date, bool] = field(default_factory=dict)
    region: str = "default"
    revision: int = 1

    def is_working(self, day: date) -> bool:
        return self.exceptions.get(day, day.isoweekday() not in self.rest)


def begins(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the day there. UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def begun_between(since: datetime, until: datetime, calendar: Calendar, zone: ZoneInfo, *, most: int) -> list[date]:
    """The working days that began at `since` or later and before `until`, the first `most` of them."""
    found: list[date] = []
    for day in _days_from(since.astimezone(zone).date()):
        begin = begins(day, zone)
        if begin >= until or len(found) == most:
            return found
        if begin >= since and calendar.is_working(day) and begin.astimezone(zone).date() == day:
            found.append(day)
    return found


def end_of(days: int, since: datetime, calendar: Calendar, zone: ZoneInfo) -> datetime:
    """When the `days`th working day after that of `since` is over: a promise of so many working days. UTC."""
    left = days
    for day in _days_from(since.astimezone(zone).date() + timedelta(days=1)):
        left -= calendar.is_working(day)
        if not left:
            return begins(day + timedelta(days=1), zone)
    raise AssertionError("a calendar has working days")


def _days_from(day: date) -> Iterator[date]:
    while True:
        yield day
        day += timedelta(days=1)
