"""When an agent tries again who reached nobody, and to when a task may be put off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.retention.calling_hours import CallingHours, next_allowed
from services.retention.reachability import Part, part_of

PAUSE = timedelta(hours=2)
"""Between two attempts, at least: who did not answer is not called again at once."""
MOST_RESCHEDULES = 5
LONGEST_DELAY = timedelta(days=30)
"""After the task was opened: a warning is about days."""
EVEN = 0.5
PARTS: Mapping[Part, CallingHours] = {
    "morning": CallingHours(time(6), time(12)),
    "afternoon": CallingHours(time(12), time(17)),
    "evening": CallingHours(time(17), time(22)),
}


def next_attempt(now: datetime, hours: CallingHours, zone: ZoneInfo, *, tried: Sequence[Part], rates: Mapping[Part, float]) -> datetime:
    """At a part of the day that this task tried least, of those the one where the customer is reached best, and then the soonest. UTC."""
    count, earliest = Counter(tried), now + PAUSE
    windows = {part: _within(hours, one) for part, one in PARTS.items()}
    moments = {part: next_allowed(earliest, window, zone) for part, window in windows.items() if window}
    if not moments:
        return next_allowed(earliest, hours, zone)
    return moments[min(moments, key=lambda part: (count[part], -rates.get(part, EVEN), moments[part]))]


def first_attempt(now: datetime, hours: CallingHours, zone: ZoneInfo, best: Part | None) -> datetime:
    """As soon as the hours allow; where one part of the day is clearly better, then. UTC."""
    window = _within(hours, PARTS[best]) if best and best in PARTS else None
    return next_allowed(now, window or hours, zone)


def part_at(moment: datetime, zone: ZoneInfo) -> Part:
    return part_of(moment.astimezone(zone))


def _within(hours: CallingHours, part: CallingHours) -> CallingHours | None:
    opens, closes = max(hours.opens, part.opens), min(hours.closes, part.closes)
    return CallingHours(opens, closes) if opens < closes else None
