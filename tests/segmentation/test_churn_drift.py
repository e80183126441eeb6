"""S12: a model that sees other customers than it learned from, or is wrong about how many leave, says so."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.segmentation.churn.drift import FLOOR, Level, calibration, drift, psi, reference
from services.segmentation.churn.model import Histogram

TRAINED = 20_000


def spread(kind: str, dice: np.random.Generator, rows: int, shift: float = 0.0) -> NDArray[np.float32]:
    """Values as features have them: continuous and skewed, counts with mostly none, yes or no; a tenth is not known."""
    values = {
        "skewed": lambda: dice.lognormal(shift, 1, rows),
        "counts": lambda: dice.poisson(0.3 + shift, rows),
        "yes_no": lambda: dice.random(rows) < 0.2 + shift / 2,
        "score": lambda: 1 / (1 + np.exp(3 - shift - dice.standard_normal(rows))),
    }[kind]()
    return np.where(dice.random(rows) < 0.1, np.nan, values).astype(np.float32)


def test_the_index_is_as_it_is_reckoned_by_hand() -> None:
    """Shares of .25 each that become .1, .2, .3, .4."""
    known = Histogram(edges=(1.0, 2.0), shares=(0.25, 0.25, 0.25), missing=0.25)
    now = np.array([0.5] * 10 + [2.0] * 20 + [7.0] * 30 + [np.nan] * 40)
    by_hand = -0.15 * math.log(0.4) - 0.05 * math.log(0.8) + 0.05 * math.log(1.2) + 0.15 * math.log(1.6)
    assert psi(known, now) == pytest.approx(by_hand)


def test_an_empty_bin_makes_no_infinity() -> None:
    known = Histogram(edges=(1.0,), shares=(1.0, 0.0), missing=0.0)
    by_hand = -0.01 * math.log(0.99) + (0.01 - FLOOR) * math.log(0.01 / FLOOR)
    assert psi(known, np.array([0.0] * 99 + [5.0])) == pytest.approx(by_hand)


@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.nan), min_size=1, max_size=200), st.integers(2, 12))
def test_a_reference_holds_every_row_once(values: list[float], bins: int) -> None:
    """And what it was taken of does not differ from it."""
    array = np.array(values, np.float32)
    found = reference(array, bins)
    assert all(a < b for a, b in pairwise(found.edges)) and len(found.edges) < bins
    lows, highs = (-math.inf, *found.edges), (*found.edges, math.inf)
    counted = [sum(low < float(value) <= high for value in array) for low, high in zip(lows, highs, strict=True)]
    assert found.shares[: len(counted)] == pytest.approx([count / len(values) for count in counted])
    assert sum(found.shares) + found.missing == pytest.approx(1)
    assert psi(found, array) == pytest.approx(0, abs=1e-9)


def test_bins_are_of_about_equal_counts() -> None:
    found = reference(np.arange(1_000, dtype=np.float32))
    assert found.edges == tuple(float(99 + 100 * nth) for nth in range(9))
    assert found.shares == pytest.approx([0.1] * 10)


@pytest.mark.parametrize("kind", ["skewed", "counts", "yes_no", "score"])
@pytest.mark.parametrize("rows", [300, 1_000, 5_000])
def test_the_same_customers_do_not_alarm_and_others_do(kind: str, rows: int) -> None:
    """200 samples each: fewer than 1 % alarm, or ask to be watched; a shift by one is told each time."""
    dice = np.random.default_rng(rows)
    known = reference(spread(kind, dice, TRAINED))
    same = [drift(known, spread(kind, dice, rows), reference_rows=TRAINED).level for _ in range(200)]
    assert same.count("none") >= 199
    assert {drift(known, spread(kind, dice, rows, 1.0), reference_rows=TRAINED).level for _ in range(20)} == {"alarm"}


@pytest.mark.parametrize(("rows", "trained"), [(300, 300), (300, 1_000), (1_000, 300)])
def test_a_small_reference_does_not_alarm(rows: int, trained: int) -> None:
    """What chance gives, of both samples, is taken off: with 300 of each it is .067."""
    dice = np.random.default_rng(7)
    found = [drift(reference(spread("skewed", dice, trained)), spread("skewed", dice, rows), reference_rows=trained) for _ in range(300)]
    assert sum(one.level == "alarm" for one in found) == 0 and sum(one.level == "watch" for one in found) <= 3
    assert np.mean([one.psi for one in found]) == pytest.approx(found[0].by_chance, rel=0.15)


@pytest.mark.parametrize(
    ("values", "level"),
    [([1.0] * 299, "too_few"), ([0.0] * 300, "none"), ([0.0] * 291 + [1.0] * 9, "watch"), ([1.0] * 300, "alarm"), ([np.nan] * 300, "alarm")],
)
def test_what_was_always_the_same_and_is_no_more(values: list[float], level: Level) -> None:
    assert drift(reference(np.zeros(1_000)), np.array(values), reference_rows=1_000).level == level


def test_thresholds_are_parameters() -> None:
    known, now = reference(np.arange(1_000.0)), np.arange(200.0, 1_200.0)
    index = drift(known, now, reference_rows=1_000)
    levels = [drift(known, now, reference_rows=1_000, watch=watch, alarm=alarm).level for watch, alarm in ((0.1, 9.0), (8.0, 9.0), (0.1, 0.2))]
    assert (levels, index.by_chance) == (["watch", "none", "alarm"], pytest.approx(9 * 2 / 1_000))


def test_no_rows_are_refused() -> None:
    known = reference(np.arange(10.0))
    with pytest.raises(ValueError, match="no rows to compare"):
        psi(known, np.empty(0))
    with pytest.raises(ValueError, match="no rows to take"):
        reference(np.empty(0))


def left(dice: np.random.Generator, probabilities: NDArray[np.float64]) -> NDArray[np.int8]:
    return (dice.random(len(probabilities)) < probabilities).astype(np.int8)


def test_calibration_counts_what_was_told_and_what_came() -> None:
    found = calibration(np.array([0.1] * 100 + [0.5] * 40), np.array([1] * 13 + [0] * 87 + [1] * 20 + [0] * 20))
    assert (found.total.customers, found.total.expected, found.total.observed) == (140, pytest.approx(30), 33)
    assert (found.total.ratio, found.total.z) == (pytest.approx(1.1), pytest.approx(3 / math.sqrt(9 + 10)))
    assert [(one.customers, one.observed) for one in found.deciles] == [(100, 13), (40, 20)]
    assert not found.alarm


@pytest.mark.parametrize("rows", [30, 300, 3_000, 12_000])
def test_a_model_that_is_right_does_not_alarm(rows: int) -> None:
    """Of 400 times, at most two."""
    dice = np.random.default_rng(rows)
    probabilities = dice.beta(1, 16, rows)
    assert sum(calibration(probabilities, left(dice, probabilities)).alarm for _ in range(400)) <= 2


@pytest.mark.parametrize("times", [0.6, 1.5])
def test_a_model_that_is_wrong_alarms(times: float) -> None:
    dice = np.random.default_rng(1)
    probabilities = dice.beta(1, 16, 10_000)
    found = calibration(probabilities, left(dice, np.minimum(times * probabilities, 1)))
    assert found.total.is_off and found.total.ratio == pytest.approx(times, rel=0.15)


def test_a_model_that_is_right_in_sum_alone_alarms() -> None:
    """All leave at the same rate, whatever it says of them."""
    dice = np.random.default_rng(2)
    probabilities = dice.beta(1, 16, 20_000)
    found = calibration(probabilities, left(dice, np.full(20_000, probabilities.mean())))
    assert not found.total.is_off and found.alarm and found.deciles[-1].is_off


def test_what_is_improbable_but_small_does_not_alarm() -> None:
    dice = np.random.default_rng(3)
    probabilities = np.full(200_000, 0.1)
    found = calibration(probabilities, left(dice, 1.1 * probabilities))
    assert found.total.z is not None and found.total.z > 8 and not found.alarm
    assert calibration(probabilities, left(dice, 1.1 * probabilities), large_ratio=0.05).alarm


def test_few_customers_do_not_alarm() -> None:
    """Seven of seven left where one of a thousand was expected: too few to tell."""
    assert not calibration(np.full(7, 0.001), np.ones(7)).alarm


def test_equal_probabilities_are_not_parted() -> None:
    """Else who left would be a decile of their own, where outcomes come in order."""
    found = calibration(np.full(10_000, 0.1), np.array([1] * 1_000 + [0] * 9_000))
    assert [one.customers for one in found.deciles] == [10_000]
    assert not found.alarm


@pytest.mark.parametrize(("probabilities", "outcomes"), [([0.1], [1, 0]), ([1.5], [1]), ([math.nan], [0]), ([0.5], [2])])
def test_what_is_no_forecast_and_outcome_is_refused(probabilities: list[float], outcomes: list[float]) -> None:
    with pytest.raises(ValueError, match="for each customer"):
        calibration(np.array(probabilities), np.array(outcomes))
