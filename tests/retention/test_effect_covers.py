"""R12 R4: the intervals of an effect against the truth, on the simulated operator: its customers' fate with a call and without one is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.demo.population import initial
from deploy.year.trial import FIRST_DAY, meet
from services.retention.effect import LEAST_EVENTS, Arm, Effect, Verdict, measure, money
from services.retention.hold_out import arm_of, bucket

CAMPAIGNS = 600
CUSTOMERS = 1_000
HOLD_OUT_SHARE = 0.3
LOOKS = 20
FEW = 20
CLAIMS: set[Verdict] = {"works", "does_harm"}


class World(NamedTuple):
    """Whether each customer leaves, 0 or 1: if nobody calls, and if the campaign may."""

    alone: NDArray[np.int64]
    called: NDArray[np.int64]

    @property
    def lift(self) -> float:
        return float(self.alone.mean() - self.called.mean())


class Campaign(NamedTuple):
    """One run of it, customer after customer as they were exposed."""

    held_out: NDArray[np.bool_]
    left: NDArray[np.int64]

    def after(self, customers: int) -> Effect:
        held_out, left = self.held_out[:customers], self.left[:customers]
        return measure(*(Arm(int(arm.sum()), int((arm & (left == 0)).sum())) for arm in (~held_out, held_out)))

    @property
    def looks(self) -> Iterator[Effect]:
        return (self.after(CUSTOMERS * (nth + 1) // LOOKS) for nth in range(LOOKS))


def tolerance(share: float) -> float:
    """What chance alone moves a share by in `CAMPAIGNS` draws, but for one case of two thousand on either side."""
    return 3.3 * sqrt(share * (1 - share) / CAMPAIGNS)


@lru_cache
def drifting() -> World:
    """Those met in a drift, whom a call keeps more often than it drives away."""
    found = [one for one in (meet(one, drifting_share=1.0, horizon_days=60) for one in initial(5, 5_000, FIRST_DAY)) if one.drifting]
    return World(np.array([one.leaves_alone for one in found], dtype=np.int64), np.array([one.leaves_called for one in found], dtype=np.int64))


def untouched() -> World:
    """The same, on whom calls have no effect at all."""
    return World(drifting().alone, drifting().alone)


@lru_cache
def campaigns(*, effective: bool) -> list[Campaign]:
    """Each of other customers like those of the world, held out as the service does it."""
    world, dice = drifting() if effective else untouched(), np.random.default_rng(17)
    found = []
    for nth in range(CAMPAIGNS):
        names = (f"C-{nth}-{number}" for number in range(CUSTOMERS))
        held_out = np.array([arm_of(bucket(f"salt-{nth}", "keep", name), HOLD_OUT_SHARE) == "hold_out" for name in names])
        who = dice.integers(len(world.alone), size=CUSTOMERS)
        found.append(Campaign(held_out, np.where(held_out, world.alone[who], world.called[who])))
    return found


@pytest.mark.parametrize("effective", [True, False])
def test_planned_interval_covers_the_truth_in_ninety_five_of_a_hundred(effective: bool) -> None:
    """R12: of 600 campaigns, each looked at once at its end; with an effect of several points, and with none."""
    truth = drifting().lift if effective else 0.0
    intervals = [one.after(CUSTOMERS).at_end for one in campaigns(effective=effective)]
    covered = sum(one is not None and one.low <= truth <= one.high for one in intervals) / CAMPAIGNS
    assert covered == pytest.approx(0.95, abs=tolerance(0.95))


@pytest.mark.parametrize("effective", [True, False])
def test_interval_for_any_time_ever_misses_the_truth_in_one_of_twenty_at_most(effective: bool) -> None:
    """R12: looked at twenty times while customers come in; the planned interval, looked at as often, misses far more."""
    truth = drifting().lift if effective else 0.0
    looked = [[(one.any_time, one.at_end) for one in campaign.looks] for campaign in campaigns(effective=effective)]
    any_time, planned = (
        sum(any(found is None or not found.low <= truth <= found.high for found in column) for column in columns) / CAMPAIGNS
        for columns in zip(*(tuple(zip(*looks, strict=True)) for looks in looked), strict=True)
    )
    assert any_time <= 0.05 + tolerance(0.05)
    assert planned > 0.05 + tolerance(0.05)


def test_nothing_is_claimed_where_nothing_is_and_what_is_there_is_found() -> None:
    """R12: at any of twenty looks; and there is no number of money while nothing is shown."""
    claimed = [any(one.verdict in CLAIMS for one in campaign.looks) for campaign in campaigns(effective=False)]
    assert sum(claimed) / CAMPAIGNS <= 0.05 + tolerance(0.05)
    found = [campaign.after(CUSTOMERS) for campaign in campaigns(effective=True)]
    assert drifting().lift > 0.1
    assert sum(one.verdict == "works" for one in found) / CAMPAIGNS > 0.5
    assert not any(one.verdict == "does_harm" for one in found)
    unshown = [one for one in found if one.verdict != "works"]
    assert unshown and all(money(one, contacts=1, cost_minor=1, value_minor=1).saved_value_minor is None for one in unshown)


def test_too_few_are_refused_however_large_the_difference_looks() -> None:
    """R12: of the first customers of each campaign too few left, in one arm at least, and then nothing is claimed, whatever the lift."""
    first = [(campaign.after(FEW), _fewest(campaign)) for campaign in campaigns(effective=True)]
    refused = [found for found, fewest in first if fewest < LEAST_EVENTS]
    assert len(refused) > CAMPAIGNS / 2
    assert {one.verdict for one in refused} <= {"under_powered", "no_control"}
    assert max(one.lift or 0 for one in refused) > 0.3


def _fewest(campaign: Campaign) -> int:
    held_out, left = campaign.held_out[:FEW], campaign.left[:FEW]
    return int(min(left[held_out].sum(), left[~held_out].sum()))
