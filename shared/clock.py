"""The only clock. Real time by default; the demo runs it faster, from a set start."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Scale(NamedTuple):
    """Simulated time: it stood at `start` when the real clock showed `since`, and runs `rate` times as fast."""

    start: datetime
    since: datetime
    rate: float

    def at(self, real: datetime) -> datetime:
        return self.start + (real - self.since) * self.rate

    def __str__(self) -> str:
        return f"{self.start.isoformat()}/{self.since.isoformat()}/{self.rate}"

    @classmethod
    def parse(cls, text: str) -> Scale:
        start, since, rate = text.split("/")
        return cls(datetime.fromisoformat(start), datetime.fromisoformat(since), float(rate))


# An environment variable and not a setting: every process of the demo has to inherit the same scale before it reads settings.
SCALE_VARIABLE = "HOLDFAST_CLOCK"
# The one in force, or none: then time is real.
_scales = [Scale.parse(os.environ[SCALE_VARIABLE])] if os.environ.get(SCALE_VARIABLE) else []


def now() -> datetime:
    """Business time, UTC: what quiet hours, recency and due times are counted in."""
    real = datetime.now(UTC)
    return _scales[0].at(real) if _scales else real


def stand_at(moment: datetime) -> None:
    """Business time stands still there, in this process: for a run that lets time pass when all of a day is done."""
    _scales[:] = [Scale(moment, wall(), 0.0)]


def wall() -> datetime:
    """Real time, UTC, whatever the scale: for freshness, leases and measured delays."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds, for deadlines and durations."""
    return time.monotonic()


def nap(seconds: float) -> None:
    """Real seconds, for code without an event loop."""
    time.sleep(seconds)


def zone_of(name: str) -> ZoneInfo | None:
    """None for what names no time zone: a folder of zones, a path, a name too long for a file."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def month_of(moment: datetime) -> str:
    """`2026-11`, in UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04d}-{utc.month:02d}"


def months_before(month: str, count: int) -> str:
    """The month `count` months before `month`."""
    year, number = map(int, month.split("-"))
    index = year * 12 + number - 1 - count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def bounds_of(month: str) -> tuple[datetime, datetime]:
    """The first moment of the month, and that of the next one."""
    following = months_before(month, -1)
    return datetime.fromisoformat(f"{month}-01T00:00:00+00:00"), datetime.fromisoformat(f"{following}-01T00:00:00+00:00")
