"""Tiers from value: the pyramid, the grade of key accounts, the service star, and most valuable, most growable, below zero.

Up at once, down only when what reached it is missed by more than the hysteresis: customers do not flap between tiers. One-vote
rules are heard last: the highest `at least` lifts, then the lowest `at most` caps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from services.segmentation.features import Features
from services.segmentation.features.months import OUT_SECONDS, PAID, back, total, trend_percent
from services.segmentation.parameters import Tiers, Vote
from services.segmentation.words import GRADES, TIERS, Category, Grade, Measure, Tier

LOWEST_FIRST: tuple[Tier, ...] = TIERS[::-1]


class Placed(NamedTuple):
    tier: Tier
    reason: str


def tier_of(value_minor: int, *, points: Sequence[int], before: str | None, measures: Mapping[Measure, int], parameters: Tiers) -> Placed:
    """`points`: the least value of iron, gold and platinum."""
    reached = _level(value_minor, points, LOWEST_FIRST.index(before) if before in LOWEST_FIRST else None, parameters.hysteresis_percent)
    plain = sum(value_minor >= point for point in points)
    placed = Placed(LOWEST_FIRST[reached], _why(value_minor, points, plain, reached))
    return _voted(placed, before, measures, parameters)


def _why(value_minor: int, points: Sequence[int], plain: int, reached: int) -> str:
    if plain != reached:
        return f"value {value_minor:,} is below {LOWEST_FIRST[reached]} ({points[reached - 1]:,}), but not by the hysteresis"
    if not reached:
        return f"value {value_minor:,} is below {LOWEST_FIRST[1]} ({points[0]:,})"
    return f"value {value_minor:,} reaches {LOWEST_FIRST[reached]} ({points[reached - 1]:,})"


def _voted(placed: Placed, before: str | None, measures: Mapping[Measure, int], parameters: Tiers) -> Placed:
    heard = [vote for vote in parameters.votes if _holds(vote, before, measures, parameters.hysteresis_percent)]
    lifts = [vote for vote in heard if not vote.at_most]
    caps = [vote for vote in heard if vote.at_most]
    for vote in (*sorted(lifts, key=lambda one: LOWEST_FIRST.index(one.tier))[-1:], *sorted(caps, key=lambda one: LOWEST_FIRST.index(one.tier))[:1]):
        place, voted = LOWEST_FIRST.index(placed.tier), LOWEST_FIRST.index(vote.tier)
        if voted < place if vote.at_most else voted > place:
            placed = Placed(vote.tier, f"one vote: {vote}")
    return placed


def _holds(vote: Vote, before: str | None, measures: Mapping[Measure, int], hysteresis_percent: int) -> bool:
    """What lifted a customer to their tier goes on to, down to its hysteresis."""
    held = before in LOWEST_FIRST and not vote.at_most and LOWEST_FIRST.index(before) >= LOWEST_FIRST.index(vote.tier)
    return vote.when.holds(measures, hysteresis_percent if held else 0)


def _level(value: int, points: Sequence[int], before: int | None, hysteresis_percent: int) -> int:
    """How many points are reached; of the level before, a point is lost only below its hysteresis, or when it is none any more."""
    reached = sum(value >= point for point in points)
    while before is not None and reached < min(before, len(points)) and value >= _kept_from(points[reached], hysteresis_percent):
        reached += 1
    return reached


def _kept_from(point: int, hysteresis_percent: int) -> float:
    """Below zero points are missed downwards too."""
    return point - abs(point) * hysteresis_percent / 100


def grade_of(features: Features, *, before: str | None, measures: Mapping[Measure, int], parameters: Tiers) -> Grade | None:
    """Of a key account: an organisation, or who has an account manager."""
    if not (measures["is_organisation"] or features.holding.get("account_manager")):
        return None
    held = GRADES.index(before) + 1 if before in GRADES else None
    reached = _level(measures["yearly_spend_minor"], parameters.grades_minor, held, parameters.hysteresis_percent)
    return GRADES[reached - 1] if reached else None


def star_of(*, before: int | None, measures: Mapping[Measure, int], parameters: Tiers) -> int:
    """1 to 5. Tenure only grows, so only the spending has a hysteresis."""
    allowed = [rule.monthly_spend_minor for rule in parameters.stars if measures["tenure_days"] >= rule.tenure_days]
    return 1 + _level(measures["monthly_spend_minor"], allowed, before - 1 if before else None, parameters.hysteresis_percent)


def category_of(features: Features, *, value_minor: int, tier: Tier, today: date, parameters: Tiers) -> Category:
    if value_minor < 0:
        return "bz"
    if tier in parameters.mvc_tiers:
        return "mvc"
    return "mgc" if any(_grows(features, names, today, parameters) for names in (PAID, OUT_SECONDS)) else "other"


def _grows(features: Features, names: Sequence[str], today: date, parameters: Tiers) -> bool:
    """A month without any before is a beginning, and no growth."""
    before = all(total([month], *names) > 0 for month in back(features.months, today, 4, 6))
    percent = trend_percent(features.months, today, *names)
    return before and percent is not None and percent >= 100 + parameters.growth_percent
