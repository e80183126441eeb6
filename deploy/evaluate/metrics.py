"""Warnings matched with what really happened. Pure: the same warnings and episodes give the same figures.

A warning is true when it falls into an episode of whom it is about. An episode is found when a warning came while it still helped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from math import sqrt
from statistics import median
from typing import NamedTuple

Z_95 = 1.959964
DAYS_PER_MONTH = 365 / 12
LEAVES_WITHIN = timedelta(days=60)


class Raised(NamedTuple):
    """A warning; `who` is a person, or a group where groups are warned of."""

    who: str
    day: date


class Episode(NamedTuple):
    """Something a warning should tell of."""

    who: str
    began: date
    in_time: date
    """The last day on which a warning still helps."""
    true_until: date
    """The last day on which a warning is no false alarm."""
    left: date | None = None
    """Of those who leave by it: the day."""


class Window(NamedTuple):
    """Days, the end not among them."""

    first: date
    end: date

    def holds(self, day: date) -> bool:
        return self.first <= day < self.end

    def overlap_days(self, first: date, last: date) -> int:
        """Of a stretch that includes its last day."""
        return max(0, (min(self.end, last + timedelta(days=1)) - max(self.first, first)).days)


class Share(NamedTuple):
    hits: int
    of: int

    @property
    def value(self) -> float | None:
        return self.hits / self.of if self.of else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Wilson's interval, 95 %."""
        if not self.of:
            return None
        share, z = self.hits / self.of, Z_95
        middle = share + z * z / (2 * self.of)
        half = z * sqrt(share * (1 - share) / self.of + z * z / (4 * self.of * self.of))
        scale = 1 + z * z / self.of
        return (max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale))


class Figures(NamedTuple):
    """How good one kind of warning is."""

    kind: str
    warnings: int
    warned: int
    """Persons, or groups."""
    precision: Share
    chance: float | None
    """The precision of a warning to anybody on any day."""
    leaves: Share
    """Of the warnings: the person leaves within `LEAVES_WITHIN`."""
    recall: Share
    days_after_it_began: float | None
    """Median over the episodes found."""
    days_before_they_left: float | None
    false_per_1000_months: float | None
    """False warnings per 1,000 customers (or groups) and month."""


def measure(
    kind: str, raised: Sequence[Raised], episodes: Sequence[Episode], *, window: Window, at_risk_days: int, left: Mapping[str, Sequence[date]]
) -> Figures:
    """Of the warnings of one kind: precision and false alarms of those in the window, recall of the episodes whose time ends in it.

    `at_risk_days`: how many days in the window all who could be warned were there, together. `left`: when each person left by their
    own will.
    """
    of_whom = _by_who(episodes)
    inside = [one for one in raised if window.holds(one.day)]
    true = [one for one in inside if any(episode.began <= one.day <= episode.true_until for episode in of_whom.get(one.who, ()))]
    due = [episode for episode in episodes if window.holds(episode.in_time)]
    found = _found(due, raised)
    true_days = sum(window.overlap_days(episode.began, episode.true_until) for episode in episodes)
    false = len(inside) - len(true)
    return Figures(
        kind=kind,
        warnings=len(inside),
        warned=len({one.who for one in inside}),
        precision=Share(len(true), len(inside)),
        chance=min(1.0, true_days / at_risk_days) if at_risk_days else None,
        leaves=Share(sum(_leaves_soon(one, left) for one in inside), len(inside)),
        recall=Share(len(found), len(due)),
        days_after_it_began=_median((day - episode.began).days for episode, day in found),
        days_before_they_left=_median((episode.left - day).days for episode, day in found if episode.left),
        false_per_1000_months=1000 * false / (at_risk_days / DAYS_PER_MONTH) if at_risk_days else None,
    )


def _found(episodes: Iterable[Episode], raised: Iterable[Raised]) -> list[tuple[Episode, date]]:
    """Each with the day of the first warning in time; also of one that came before the window did."""
    days: dict[str, list[date]] = defaultdict(list)
    for one in raised:
        days[one.who].append(one.day)
    firsts = ((episode, min((day for day in days[episode.who] if episode.began <= day <= episode.in_time), default=None)) for episode in episodes)
    return [(episode, first) for episode, first in firsts if first]


def _by_who(episodes: Iterable[Episode]) -> dict[str, list[Episode]]:
    found: dict[str, list[Episode]] = defaultdict(list)
    for one in episodes:
        found[one.who].append(one)
    return found


def _leaves_soon(one: Raised, left: Mapping[str, Sequence[date]]) -> bool:
    return any(one.day <= day <= one.day + LEAVES_WITHIN for day in left.get(one.who, ()))


def _median(days: Iterable[int]) -> float | None:
    listed = list(days)
    return float(median(listed)) if listed else None
