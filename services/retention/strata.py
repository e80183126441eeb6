"""Customers alike at their first exposure, and the effect of a campaign as the mean over them.

Who arrives one at a time is drawn by a hash, so the arms may differ a little in whom they hold; comparing like with like and then weighing by how
many there are of each takes that difference out, and with it some of the variance (Miratrix, Sekhon, Yu 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from services.retention.effect import Z95, Arm, Interval, sequential, variance
from services.retention.worth import Worth

RISK_BANDS = ((0.1, "low"), (0.3, "raised"))
"""Below which probability to leave; above the last one: high."""
UNKNOWN = "unknown"
LEAST_OF_ARM = 10
"""Customers of a stratum in each arm; smaller ones are taken together."""
SMALL = "small ones together"

Cells = Mapping[str, tuple[Arm, Arm]]
"""By stratum: treatment, hold-out."""


class Stratum(NamedTuple):
    name: str
    treatment: Arm
    hold_out: Arm
    lift: float


class Stratified(NamedTuple):
    """`lift`: the mean of the strata's, by their customers in both arms."""

    lift: float
    at_end: Interval
    any_time: Interval
    strata: list[Stratum]


def stratum_of(worth: Worth | None) -> str:
    """Tier and risk band, as known when first exposed."""
    tier = (worth.tier if worth else None) or UNKNOWN
    risk = worth.risk if worth else None
    band = UNKNOWN if risk is None else next((name for below, name in RISK_BANDS if risk < below), "high")
    return f"{tier}/{band}"


def post_stratified(cells: Cells) -> Stratified | None:
    """None while no stratum has both arms."""
    strata = [Stratum(name, t, c, t.share - c.share) for name, (t, c) in sorted(_merged(cells).items())]
    everybody = sum(one.treatment.customers + one.hold_out.customers for one in strata)
    if not everybody:
        return None
    weights = [(one.treatment.customers + one.hold_out.customers) / everybody for one in strata]
    lift = sum(weight * one.lift for weight, one in zip(weights, strata, strict=True))
    spread = sum(weight**2 * variance(one.treatment, one.hold_out) for weight, one in zip(weights, strata, strict=True))
    half = Z95 * math.sqrt(spread)
    return Stratified(lift, Interval(max(-1.0, lift - half), min(1.0, lift + half)), sequential(lift, spread), strata)


def _merged(cells: Cells) -> dict[str, tuple[Arm, Arm]]:
    """Small strata as one, and that one with the smallest other while an arm of it is still too small."""
    kept = {name: pair for name, pair in cells.items() if _least(pair) >= LEAST_OF_ARM}
    small = [pair for name, pair in cells.items() if name not in kept]
    while small and kept and _least(_together(small)) < LEAST_OF_ARM:
        small.append(kept.pop(min(kept, key=lambda name: (_least(kept[name]), name))))
    rest = {SMALL: _together(small)} if small else {}
    return {name: pair for name, pair in (kept | rest).items() if _least(pair) > 0}


def _together(pairs: list[tuple[Arm, Arm]]) -> tuple[Arm, Arm]:
    treatments, hold_outs = zip(*pairs, strict=True)
    return total(treatments), total(hold_outs)


def total(arms: tuple[Arm, ...] | list[Arm]) -> Arm:
    return Arm(sum(one.customers for one in arms), sum(one.retained for one in arms))


def _least(pair: tuple[Arm, Arm]) -> int:
    return min(one.customers for one in pair)
