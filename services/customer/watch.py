"""Whether what a source reports is as usual: how long it may be silent, and how much it reports in an hour.

What is usual is learned from the source's own last days, at the same time of day: the nightly batch and the office that closes
at six are no alarms, and the one that does not open at eight is one after minutes. A week ago counts too: Sundays are quiet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

State = Literal["healthy", "silent", "drifted", "unusual_volume"]
STATES: tuple[State, ...] = ("healthy", "silent", "drifted", "unusual_volume")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS_KEPT = 13  # two weekends at most times, and one the same weekday
# Nobody acts on less, and short pauses of a busy source mean nothing.
SHORTEST_SILENCE = timedelta(minutes=10)
# Of the usual silence: what is twice as long happens by chance every few weeks, three times hardly ever.
SILENCE_FACTOR = 3
# Jobs start late: what was usual within the last hour is still usual.
GRACE = HOUR
# A source heard in fewer hours has no habits: somebody's test, a single upload.
HOURS_OF_A_HABIT = 3
# Out of the ordinary beyond the first factor, ordinary again within the second: one that stands at the edge does not flicker.
VOLUME_FACTOR, CALM_FACTOR = 3.0, 2.0
# Below it an hour's count is luck: three times 10 events come about by themselves.
TELLING_EVENTS = 50
DAYS_OF_A_VOLUME = 3
# Single bad records are always there; one in twenty is a change of the producer.
DEAD_SHARE, CALM_DEAD_SHARE = 0.05, 0.025
TELLING_DEAD = 10


class Hour(NamedTuple):
    """What was heard of one source in the hour that begins at `starts_at`. The longest gap is between two hearings in it."""

    starts_at: datetime
    events: int
    dead: int
    first_heard_at: datetime
    last_heard_at: datetime
    longest_gap_seconds: int


class Verdict(NamedTuple):
    state: State
    reason: str
    usual_silence: timedelta | None


Hours = Sequence[Hour]


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def heard(hour: Hour | None, at: datetime, *, events: int, dead: int) -> Hour:
    """The hour after `events` more, of which `dead` broke the contract."""
    if hour is None:
        return Hour(hour_of(at), events, dead, at, at, 0)
    gap = max(hour.longest_gap_seconds, int((at - hour.last_heard_at).total_seconds()))
    return hour._replace(events=hour.events + events, dead=hour.dead + dead, last_heard_at=at, longest_gap_seconds=gap)


def verdict(hours: Hours, drifts: Sequence[str], *, before: State, since: datetime, listening_since: datetime, now: datetime) -> Verdict:
    """How a source is by its hours, oldest first, after it was `before` since `since`. The worst that is the case is its state.

    What was not heard before `listening_since` says nothing: then it was us who did not listen. Who is silent stays so until
    it is heard, even into hours in which silence is usual.
    """
    usual = usual_silence(hours, now)
    last = hours[-1].last_heard_at if hours else None
    if (before == "silent" and (last is None or last <= since)) or (last and is_silent(now - max(last, listening_since), usual)):
        return Verdict("silent", _why_silent(last, usual, now), usual)
    broken = _broken(hours, before, now)
    if broken or drifts:
        return Verdict("drifted", "; ".join([*broken, *drifts]), usual)
    unusual = _unusual_volume(hours, before, listening_since, now)
    return Verdict("unusual_volume", unusual, usual) if unusual else Verdict("healthy", "as usual", usual)


def is_silent(silence: timedelta, usual: timedelta | None) -> bool:
    return usual is not None and silence > max(SHORTEST_SILENCE, SILENCE_FACTOR * usual)


def usual_silence(hours: Hours, now: datetime) -> timedelta | None:
    """How long the source has usually been silent at this time of day. None while that is not known."""
    if len(hours) < HOURS_OF_A_HABIT:
        return None
    earlier = [_silence_around(hours, now - days * DAY) for days in range(1, DAYS_KEPT + 1)]
    known = [silence for silence in earlier if silence is not None]
    if not known:
        return _longest_gap(hours)
    usual = timedelta(seconds=median(silence.total_seconds() for silence in known))
    return max(usual, earlier[6] or usual)


def usual_counts(hours: Mapping[datetime, Hour], hour: datetime, first: datetime) -> tuple[float, float] | None:
    """The least and most that is usual in this hour: the median of earlier days, and the same hour a week ago."""
    earlier = [moment for moment in (hour - days * DAY for days in range(1, DAYS_KEPT + 1)) if moment >= first]
    if len(earlier) < DAYS_OF_A_VOLUME:
        return None
    counts = [hours[moment].events if moment in hours else 0 for moment in earlier]
    usual = [median(counts), *counts[6:7]]
    return min(usual), max(usual)


def _silence_around(hours: Hours, moment: datetime) -> timedelta | None:
    silences = [silence for silence in (_silence_at(hours, moment), _silence_at(hours, moment - GRACE)) if silence is not None]
    return max(silences, default=None)


def _silence_at(hours: Hours, moment: datetime) -> timedelta | None:
    """How long nothing had been heard at a past moment; None before the first hour."""
    position = bisect_right(hours, moment, key=lambda hour: hour.first_heard_at)
    if not position:
        return None
    hour = hours[position - 1]
    return max(moment - hour.last_heard_at, timedelta(seconds=hour.longest_gap_seconds))


def _longest_gap(hours: Hours) -> timedelta:
    within = max(hour.longest_gap_seconds for hour in hours)
    between = max(later.first_heard_at - earlier.last_heard_at for earlier, later in pairwise(hours))
    return max(timedelta(seconds=within), between)


def _why_silent(last: datetime | None, usual: timedelta | None, now: datetime) -> str:
    if last is None:
        return f"nothing for more than {DAYS_KEPT} days"
    about = "" if usual is None else f"; usual at this time is {_minutes(usual)}"
    return f"nothing for {_minutes(now - last)} minutes{about}"


def _broken(hours: Hours, before: State, now: datetime) -> list[str]:
    recent = [hour for hour in hours[-2:] if hour.starts_at >= hour_of(now) - HOUR]
    events, dead = sum(hour.events for hour in recent), sum(hour.dead for hour in recent)
    limit = CALM_DEAD_SHARE if before == "drifted" else DEAD_SHARE
    return [f"{dead / events:.0%} of the last {events} events broke the contract"] if dead >= TELLING_DEAD and dead > limit * events else []


def _unusual_volume(hours: Hours, before: State, listening_since: datetime, now: datetime) -> str:
    """Why the volume is unusual, or nothing. The running hour can only be too much; an empty one is a matter of silence."""
    by_start = {hour.starts_at: hour for hour in hours}
    factor = CALM_FACTOR if before == "unusual_volume" else VOLUME_FACTOR
    for start in (hour_of(now), hour_of(now) - HOUR):
        usual = usual_counts(by_start, start, hours[0].starts_at) if hours and start >= listening_since else None
        if usual is None:
            continue
        least, most = usual
        events = by_start[start].events if start in by_start else 0
        too_many = events > factor * most and events - most >= TELLING_EVENTS
        too_few = events > 0 and start < hour_of(now) and events * factor < least and least >= TELLING_EVENTS
        if too_many or too_few:
            return f"{events} events in the hour from {start:%H:%M} UTC; usual is {most if too_many else least:.0f}"
    return ""


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
