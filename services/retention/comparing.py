"""Variants of a campaign held against its hold-out, which they share, and against each other.

Many comparisons find something by chance: the any-time intervals are widened by their number (Bonferroni), and the p-values of one planned look
are adjusted by Holm's steps, so that one false finding among all of them is as rare as it would be in one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from services.retention.effect import CONFIDENCE, LEAST_EVENTS, Arm, Interval, sequential, variance

HOLD_OUT = "hold_out"


class Comparison(NamedTuple):
    """`lift`: the share retained of the one less that of the other."""

    variant: str
    against: str
    lift: float
    any_time: Interval
    p_value: float
    holm_p_value: float
    """Adjusted for all comparisons of the campaign."""
    shown: bool
    """A difference, by the interval for any time, with enough who left on both sides."""


def compare(variants: Mapping[str, Arm], hold_out: Arm) -> list[Comparison]:
    """Each against the hold-out, then each pair; of arms that have somebody."""
    arms = {name: arm for name, arm in (*sorted(variants.items()), (HOLD_OUT, hold_out)) if arm.customers}
    against_control = [(name, HOLD_OUT) for name in arms if name != HOLD_OUT and HOLD_OUT in arms]
    pairs = against_control + list(combinations([name for name in arms if name != HOLD_OUT], 2))
    p_values = [_p_value(arms[one], arms[other]) for one, other in pairs]
    adjusted = holm(p_values)
    return [_compared(one, other, arms, len(pairs), p, holm_p) for (one, other), p, holm_p in zip(pairs, p_values, adjusted, strict=True)]


def holm(p_values: list[float]) -> list[float]:
    """In the order given."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _compared(one: str, other: str, arms: Mapping[str, Arm], comparisons: int, p_value: float, holm_p_value: float) -> Comparison:
    a, b = arms[one], arms[other]
    lift = a.share - b.share
    any_time = sequential(lift, variance(a, b), alpha=(1 - CONFIDENCE) / comparisons)
    shown = min(a.left, b.left) >= LEAST_EVENTS and not any_time.low <= 0 <= any_time.high
    return Comparison(one, other, lift, any_time, p_value, holm_p_value, shown)


def _p_value(a: Arm, b: Arm) -> float:
    """Two-sided, of one look."""
    return math.erfc(abs(a.share - b.share) / math.sqrt(2 * variance(a, b)))
