"""S1: the rules of RFM, as properties."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.parameters import PopulationRfm
from services.segmentation.rfm import Cut, CutPoints, Purchases, Scores, payment_of, score, snapshot_of
from services.segmentation.segments import segment_of
from services.segmentation.words import SEGMENTS
from shared.contracts import billing
from shared.contracts.registry import PAYLOADS

AS_OF = date(2026, 11, 2)

# Few values for many customers: heavy ties, as where half of them bought once.
PURCHASES = st.builds(
    lambda days, frequency, minor: Purchases(AS_OF - timedelta(days=days), frequency, minor),
    st.one_of(st.integers(0, 4), st.integers(-1, 900)),
    st.one_of(st.just(1), st.integers(1, 40)),
    st.one_of(st.sampled_from([0, 1000, 5000]), st.integers(-(10**6), 10**9)),
)
POPULATIONS = st.lists(PURCHASES, min_size=1, max_size=60)


def points(worst_first: Iterable[int]) -> tuple[int, ...]:
    values = list(worst_first)
    cut = Cut(len(values))
    for value, same in itertools.groupby(values):
        cut.add(value, len(list(same)))
    return cut.points


def cut_points(population: list[Purchases]) -> CutPoints:
    return CutPoints(
        r=points(sorted((one.recency_days(AS_OF) for one in population), reverse=True)),
        f=points(sorted(one.frequency for one in population)),
        m=points(sorted(one.monetary_minor for one in population)),
    )


def percent_rank(worse: int, customers: int) -> int:
    return 1 + 5 * worse // customers


@given(POPULATIONS)
def test_everyone_in_the_cut_gets_exactly_their_percent_rank(population: list[Purchases]) -> None:
    """S1: alone, by the cut points, as by counting everybody who is worse."""
    cut, size = cut_points(population), len(population)
    for one in population:
        assert score(one, cut, as_of=AS_OF) == Scores(
            r=percent_rank(sum(other.last_day < one.last_day for other in population), size),
            f=percent_rank(sum(other.frequency < one.frequency for other in population), size),
            m=percent_rank(sum(other.monetary_minor < one.monetary_minor for other in population), size),
        )


@given(POPULATIONS, PURCHASES, PURCHASES)
def test_who_bought_more_never_scores_less(population: list[Purchases], one: Purchases, other: Purchases) -> None:
    """S1: also for those who were not in the cut; between 1 and 5, equals equal."""
    cut = cut_points(population)
    ahead, behind = score(one, cut, as_of=AS_OF), score(other, cut, as_of=AS_OF)
    assert set(ahead) <= {1, 2, 3, 4, 5}
    for mine, theirs, my_score, their_score in zip(one[:3], other[:3], ahead, behind, strict=True):
        assert my_score >= their_score if mine >= theirs else my_score <= their_score  # type: ignore[operator]


@given(POPULATIONS)
def test_the_worst_score_1(population: list[Purchases]) -> None:
    """S1: whoever holds the worst value, however many they are."""
    cut = cut_points(population)
    assert score(min(population, key=lambda one: one.last_day), cut, as_of=AS_OF).r == 1
    assert score(min(population, key=lambda one: one.frequency), cut, as_of=AS_OF).f == 1
    assert score(min(population, key=lambda one: one.monetary_minor), cut, as_of=AS_OF).m == 1


def test_ties_leave_scores_out() -> None:
    """S1: nobody here reaches 2 or 5, and no tie is split to fill them."""
    frequencies = [1] * 60 + [2] * 15 + [3] * 25
    cut = points(frequencies)
    assert cut == (2, 2, 2)
    by_score = Counter(score(Purchases(AS_OF, one, 0), CutPoints((), cut, ()), as_of=AS_OF).f for one in frequencies)
    assert by_score == {1: 60, 4: 40}


def test_built_in_thresholds_reach_every_score() -> None:
    """S1: fixed thresholds stand in before the first cut."""
    built_in = snapshot_of(None, PopulationRfm())
    recencies = {score(Purchases(AS_OF - timedelta(days=days), 1, 0), built_in.points, as_of=AS_OF).r for days in range(400)}
    frequencies = {score(Purchases(AS_OF, count, 0), built_in.points, as_of=AS_OF).f for count in range(1, 20)}
    sums = {score(Purchases(AS_OF, 1, minor), built_in.points, as_of=AS_OF).m for minor in range(0, 200_000, 1000)}
    assert recencies == frequencies == sums == {1, 2, 3, 4, 5}
    assert built_in.version == 0


@pytest.mark.parametrize("payload", PAYLOADS.values())
def test_only_money_that_moved_is_counted(payload: type) -> None:
    """S1: payments and top-ups make a purchase day, a reversal takes money back, nothing else counts."""
    payment = payment_of(payload.type, payload.example)  # type: ignore[attr-defined]
    expected = {billing.PaymentReceived: (1, 12800), billing.ToppedUp: (1, 5000), billing.PaymentReversed: (0, -3000)}
    assert payment == expected.get(payload)


def test_every_score_has_a_segment_and_every_segment_a_score() -> None:
    """S1: the map of named segments is total."""
    named = {scores: segment_of(Scores(*scores)) for scores in itertools.product(range(1, 6), repeat=3)}
    assert set(named.values()) == set(SEGMENTS)
    assert len(SEGMENTS) == 11
    assert (named[5, 5, 5], named[1, 1, 1], named[5, 1, 1], named[1, 5, 5]) == ("champions", "lost", "new", "cannot_lose")
