"""S3: tiers, grades, stars and categories, and that nobody flaps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.parameters import Condition, Tiers, Vote
from services.segmentation.tiers import LOWEST_FIRST, Placed, category_of, grade_of, star_of, tier_of
from services.segmentation.words import CATEGORIES, GRADES, TIERS, Measure, Tier
from tests.segmentation.customers import TODAY, customer, months, subscriber, subscription

DEFAULT = Tiers()
PLAIN = Tiers(votes=())
POINTS = (40_000, 120_000, 400_000)
RANK = {tier: rank for rank, tier in enumerate(LOWEST_FIRST)}


def measures(**said: int) -> Mapping[Measure, int]:
    return dict.fromkeys(get_args(Measure), 0) | said  # type: ignore[return-value]


def placed(value_minor: int, before: str | None = None, *, parameters: Tiers = PLAIN, points: Sequence[int] = POINTS, **said: int) -> Placed:
    return tier_of(value_minor, points=points, before=before, measures=measures(**said), parameters=parameters)


def along(values: Sequence[int], *, points: Sequence[int] = POINTS, parameters: Tiers = PLAIN) -> list[str]:
    """The tier after each value, from one that was never judged."""
    tiers: list[str] = []
    for value in values:
        tiers.append(placed(value, tiers[-1] if tiers else None, points=points, parameters=parameters).tier)
    return tiers


# The pyramid


@pytest.mark.parametrize(
    ("value_minor", "before", "tier", "reason"),
    [
        (-1, None, "lead", "value -1 is below iron (40,000)"),
        (39_999, None, "lead", "value 39,999 is below iron (40,000)"),
        (40_000, None, "iron", "value 40,000 reaches iron (40,000)"),
        (119_999, None, "iron", "value 119,999 reaches iron (40,000)"),
        (120_000, None, "gold", "value 120,000 reaches gold (120,000)"),
        (400_000, None, "platinum", "value 400,000 reaches platinum (400,000)"),
        (400_000, "lead", "platinum", "value 400,000 reaches platinum (400,000)"),
        (108_000, "gold", "gold", "value 108,000 is below gold (120,000), but not by the hysteresis"),
        (107_999, "gold", "iron", "value 107,999 reaches iron (40,000)"),
        (108_000, "iron", "iron", "value 108,000 reaches iron (40,000)"),
        (108_000, "platinum", "gold", "value 108,000 is below gold (120,000), but not by the hysteresis"),
        (35_999, "platinum", "lead", "value 35,999 is below iron (40,000)"),
    ],
)
def test_tiers_by_hand(value_minor: int, before: str | None, tier: str, reason: str) -> None:
    """S3: up at once, down a tenth below the point, and the reason says which."""
    assert placed(value_minor, before) == Placed(tier, reason)  # type: ignore[arg-type]


def test_below_zero_points_are_missed_downwards() -> None:
    """S3: where most customers cost more than they bring, -100 is held until -110."""
    assert [placed(value, "iron", points=(-100, 0, 50)).tier for value in (-100, -110, -111)] == ["iron", "iron", "lead"]


VALUES = st.integers(-(10**6), 10**6)
RISING = st.lists(VALUES, min_size=3, max_size=3).map(sorted)


@given(VALUES, VALUES, RISING, st.sampled_from([None, *TIERS]))
def test_who_is_worth_more_is_never_in_a_lower_tier(one: int, other: int, points: list[int], before: str | None) -> None:
    """S3: of two who were in the same tier before."""
    low, high = sorted((one, other))
    assert RANK[placed(low, before, points=points).tier] <= RANK[placed(high, before, points=points).tier]


@given(VALUES, RISING, st.sampled_from([None, *TIERS]))
def test_hysteresis_only_ever_holds(value: int, points: list[int], before: Tier | None) -> None:
    """S3: never below what the value reaches, never above where they were, and judged again they stay."""
    plain = sum(value >= point for point in points)
    found = placed(value, before, points=points)
    assert plain <= RANK[found.tier] <= max(plain, RANK[before] if before else 0)
    assert placed(value, found.tier, points=points).tier == found.tier


@given(st.sampled_from(POINTS), st.lists(st.floats(0.9, 1.1), min_size=2, max_size=30))
def test_within_the_band_around_a_point_nobody_flaps(point: int, around: list[float]) -> None:
    """S3: values that go up and down by a tenth change the tier once at most: up."""
    tiers = along([round(point * share) for share in around])
    changes = [RANK[now] - RANK[before] for before, now in pairwise(tiers) if now != before]
    assert changes in ([], [1])


@given(st.lists(VALUES, min_size=2, max_size=20), RISING)
def test_a_tier_is_lost_only_where_its_point_is_missed_by_the_band(values: list[int], points: list[int]) -> None:
    """S3: and then it is."""
    tiers = along(values, points=points)
    for (before, now), value in zip(pairwise(tiers), values[1:], strict=True):
        held = points[RANK[before] - 1] if RANK[before] else -(10**9)
        assert (RANK[now] < RANK[before]) == (value < held - abs(held) * 0.1)


def test_without_a_band_every_value_is_taken_as_it_is() -> None:
    """S3"""
    assert along([120_000, 119_999, 120_000], parameters=Tiers(votes=(), hysteresis_percent=0)) == ["gold", "iron", "gold"]


# One-vote rules

LIFT = Vote(when=Condition(measure="yearly_spend_minor", at_least=1_000_000), tier="platinum")
SMALL_LIFT = Vote(when=Condition(measure="yearly_spend_minor", at_least=500_000), tier="gold")
CAP = Vote(when=Condition(measure="written_off_minor", at_least=1), tier="iron", at_most=True)
LOW_CAP = Vote(when=Condition(measure="complaints_12m", at_least=9, at_most=99), tier="lead", at_most=True)


@pytest.mark.parametrize(
    ("value_minor", "said", "expected"),
    [
        (0, {"yearly_spend_minor": 1_000_000}, Placed("platinum", "one vote: yearly_spend_minor >= 1000000: at least platinum")),
        (0, {"yearly_spend_minor": 999_999}, Placed("gold", "one vote: yearly_spend_minor >= 500000: at least gold")),
        (0, {"yearly_spend_minor": 499_999}, Placed("lead", "value 0 is below iron (40,000)")),
        (400_000, {"yearly_spend_minor": 1_000_000}, Placed("platinum", "value 400,000 reaches platinum (400,000)")),
        (40_000, {"written_off_minor": 1}, Placed("iron", "value 40,000 reaches iron (40,000)")),
        (400_000, {"yearly_spend_minor": 999_999}, Placed("platinum", "value 400,000 reaches platinum (400,000)")),
        (400_000, {"written_off_minor": 1}, Placed("iron", "one vote: written_off_minor >= 1: at most iron")),
        (0, {"written_off_minor": 1}, Placed("lead", "value 0 is below iron (40,000)")),
        (0, {"yearly_spend_minor": 1_000_000, "written_off_minor": 1}, Placed("iron", "one vote: written_off_minor >= 1: at most iron")),
        (
            400_000,
            {"written_off_minor": 1, "complaints_12m": 9},
            Placed("lead", "one vote: complaints_12m >= 9 and complaints_12m <= 99: at most lead"),
        ),
        (400_000, {"complaints_12m": 100}, Placed("platinum", "value 400,000 reaches platinum (400,000)")),
    ],
)
def test_one_vote_rules_lift_and_cap_and_say_so(value_minor: int, said: dict[str, int], expected: Placed) -> None:
    """S3: the highest that lifts, then the lowest that caps, in whatever order they are written."""
    for votes in ((LIFT, SMALL_LIFT, CAP, LOW_CAP), (LOW_CAP, CAP, SMALL_LIFT, LIFT)):
        assert placed(value_minor, parameters=Tiers(votes=votes), **said) == expected


def test_a_vote_does_not_flap_either() -> None:
    """S3: a tier that a year's spending reached is lost only a tenth below it, as `hysteresis_percent` says of every tier."""
    tier: str | None = None
    found = []
    for spent in (1_000_000, 999_999, 900_000, 1_000_000, 899_999):
        tier = placed(0, tier, parameters=Tiers(votes=(LIFT,)), yearly_spend_minor=spent).tier
        found.append(tier)
    assert found == ["platinum", "platinum", "platinum", "platinum", "lead"]


# Grades

KEY_ACCOUNT = {"account_manager": "M-1"}


@pytest.mark.parametrize(
    ("spent", "before", "grade"),
    [
        (19_999, None, None),
        (20_000, None, "1A"),
        (100_000, None, "2A"),
        (300_000, None, "3A"),
        (1_000_000, None, "4A"),
        (5_000_000, None, "5A"),
        (90_000, "2A", "2A"),
        (89_999, "2A", "1A"),
        (18_000, "1A", "1A"),
        (17_999, "1A", None),
        (90_000, "5A", "2A"),
        (5_000_000, "1A", "5A"),
    ],
)
def test_grades_of_a_key_account_by_hand(spent: int, before: str | None, grade: str | None) -> None:
    """S3: by the year's spending, with the same band."""
    assert grade_of(subscriber(**KEY_ACCOUNT), before=before, measures=measures(yearly_spend_minor=spent), parameters=DEFAULT) == grade


@pytest.mark.parametrize(
    ("about", "said", "is_graded"),
    [
        ({}, {}, False),
        ({"corporate_account": "CORP-1"}, {"is_corporate": 1}, False),
        ({"kind": "organisation"}, {"is_organisation": 1}, True),
        (KEY_ACCOUNT, {}, True),
    ],
)
def test_only_key_accounts_have_a_grade(about: dict[str, Any], said: dict[str, int], is_graded: bool) -> None:
    """S3: an organisation, or who has an account manager; not everybody who works for one, and no longer when that ended."""
    for before in (None, *GRADES):
        found = grade_of(subscriber(**about), before=before, measures=measures(yearly_spend_minor=10**9, **said), parameters=DEFAULT)
        assert (found == "5A") if is_graded else (found is None)


# Stars


def star(monthly_minor: int, tenure_days: int, before: int | None = None) -> int:
    return star_of(before=before, measures=measures(monthly_spend_minor=monthly_minor, tenure_days=tenure_days), parameters=DEFAULT)


@pytest.mark.parametrize(
    ("monthly_minor", "tenure_days", "before", "expected"),
    [
        (0, 9_999, None, 1),
        (2_999, 90, None, 1),
        (3_000, 89, None, 1),
        (3_000, 90, None, 2),
        (6_000, 180, None, 3),
        (12_000, 365, None, 4),
        (20_000, 730, None, 5),
        (20_000, 729, None, 4),
        (20_000, 100, None, 2),
        (10**9, 0, None, 1),
        (18_000, 730, 5, 5),
        (17_999, 730, 5, 4),
        (5_400, 400, 3, 3),
        (5_399, 400, 3, 2),
    ],
)
def test_stars_by_hand(monthly_minor: int, tenure_days: int, before: int | None, expected: int) -> None:
    """S3: spending and tenure both have to be there; only spending has a band."""
    assert star(monthly_minor, tenure_days, before) == expected


@given(st.sampled_from([None, 1, 2, 3, 4, 5]), st.integers(0, 800))
def test_a_star_can_be_judged_whatever_it_was(before: int | None, tenure_days: int) -> None:
    """S3: who gave up the old number and holds a new one has little tenure, and stars of before."""
    assert star(10**6, tenure_days, before) == star(10**6, tenure_days)


@given(st.integers(0, 30_000), st.integers(0, 30_000), st.integers(0, 900), st.integers(0, 900))
def test_more_spending_and_longer_tenure_never_cost_a_star(spent: int, more: int, tenure: int, longer: int) -> None:
    """S3"""
    assert 1 <= star(spent, tenure) <= star(spent + more, tenure + longer) <= 5


# Categories


def category(value_minor: int = 0, tier: Tier = "lead", parameters: Tiers = DEFAULT, since: int = 400, **seen: Sequence[int]) -> str:
    features = customer(subscription(since=since), months=months(**seen))
    return category_of(features, value_minor=value_minor, tier=tier, today=TODAY, parameters=parameters)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (category(-1, "platinum"), "bz"),
        (category(0, "platinum"), "mvc"),
        (category(0, "gold"), "mvc"),
        (category(0, "iron"), "other"),
        (category(paid_minor=[0, 12, 12, 12, 10, 10, 10]), "mgc"),
        (category(paid_minor=[99, 11, 12, 12, 10, 10, 10]), "other"),
        (category(topped_up_minor=[0, 12, 12, 12, 10, 10, 10]), "mgc"),
        (category(out_on_net_seconds=[0, 600, 600, 600, 500, 500, 500]), "mgc"),
        (category(paid_minor=[0, 5, 5, 5, 10, 10, 10], out_fixed_seconds=[0, 600, 600, 600, 500, 500, 500]), "mgc"),
        (category(-1, paid_minor=[0, 12, 12, 12, 10, 10, 10]), "bz"),
        (category(0, "gold", paid_minor=[0, 12, 12, 12, 10, 10, 10]), "mvc"),
        (category(0, "gold", Tiers(mvc_tiers=("platinum",))), "other"),
    ],
)
def test_categories_by_hand(found: str, expected: str) -> None:
    """S3: below zero, then most valuable, then most growable: a fifth more revenue or usage than three months before."""
    assert (found, found in CATEGORIES) == (expected, True)


@pytest.mark.parametrize("whole_months", [3, 4, 5, 6])
def test_a_new_customer_does_not_grow_by_being_new(whole_months: int) -> None:
    """S3: who pays the same every month since they joined is no most growable one, however few of the three months before they were here for."""
    assert category(since=30 * whole_months + 10, paid_minor=[0] + [10_000] * whole_months) == "other"
