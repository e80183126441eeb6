"""When a campaign runs by itself: at a time of day on the operator's clock, once, daily, weekly or monthly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

Every = Literal["once", "day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """`starts_on` gives the weekday, or the day of the month: of a month without that day it is the last one."""

    every: Every
    at: time
    starts_on: date
    ends_on: date | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        ends_on = told.get("ends_on")
        return cls(told["every"], time.fromisoformat(told["at"]), date.fromisoformat(told["starts_on"]), date.fromisoformat(ends_on) if ends_on else None)

    def falls_on(self, day: date) -> bool:
        if day < self.starts_on or (self.ends_on is not None and day > self.ends_on):
            return False
        match self.every:
            case "once":
                return day == self.starts_on
            case "day":
                return True
            case "week":
                return day.weekday() == self.starts_on.weekday()
        return day.day == min(self.starts_on.day, _last_of(day).day)


def latest_turn(schedule: Schedule, now: datetime, zone: ZoneInfo, *, within: timedelta) -> datetime | None:
    """The last moment it was due, if that was not longer ago; UTC. A time that the clocks skip is due when they have."""
    today = now.astimezone(zone).date()
    for days in range(within.days + 2):
        day = today - timedelta(days=days)
        turn = datetime.combine(day, schedule.at, zone).astimezone(UTC)
        if schedule.falls_on(day) and turn <= now:
            return turn if turn > now - within else None
    return None


def _last_of(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
