"""S9: how likely a debt is lost, which step of dunning is due. S5 S15: how likely a customer leaves, by the warnings that are open."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.segmentation.arrears import DUNNING, BadDebt, bad_debt, dunning_level
from services.segmentation.features.account import Position
from services.segmentation.parameters import BUILT_IN, Arrears, Risk
from services.segmentation.risk import NONE, ChurnRisk, Observed, churn_risk, rates
from services.segmentation.standing import measures_of
from shared.contracts import billing
from shared.contracts.segmentation import AlertKind
from tests.segmentation.customers import TODAY, Months, ago, months, subscriber, told

DEFAULT = Arrears()
CLEAR = Position(0, 0, 0, ())


def judged(position: Position = CLEAR, *, seen: Months | None = None, limit: int | None = None, parameters: Arrears = DEFAULT) -> BadDebt:
    facts = [] if limit is None else [told(billing.CreditLimitChanged, at=ago(300), limit_minor=limit)]
    return bad_debt(subscriber(facts=facts).account, seen or {}, position, TODAY, parameters)


def owing(days: int, minor: int = 1_000, late: int = 0) -> Position:
    return Position(minor, days, late, ("B-1",))


# Bad debt


@pytest.mark.parametrize(
    ("position", "seen", "limit", "points"),
    [
        (CLEAR, {}, None, {}),
        (owing(20), {}, None, {"overdue_days": 20}),
        (owing(60), {}, None, {"overdue_days": 60}),
        (owing(400), {}, None, {"overdue_days": 60}),
        (Position(0, 0, 3, ()), {}, None, {"late_payments": 12}),
        (CLEAR, {"suspensions": [1, 0, 1]}, None, {"suspensions": 30}),
        (CLEAR, {"suspensions": [0] * 7 + [1]}, None, {}),
        (CLEAR, {"written_off_minor": [0] * 12 + [1]}, None, {"written_off": 30}),
        (CLEAR, {"written_off_minor": [1]}, None, {"written_off": 30}),
        (owing(1, 800), {}, 1_000, {"overdue_days": 1}),
        (owing(1, 801), {}, 1_000, {"overdue_days": 1, "limit_used": 10}),
        (owing(30, 900, late=2), {"suspensions": [1], "written_off_minor": [5, 5]}, 1_000,
         {"overdue_days": 30, "late_payments": 8, "suspensions": 15, "written_off": 30, "limit_used": 10}),
    ],
)  # fmt: skip
def test_points_by_hand_and_the_risk_they_add_up_to(position: Position, seen: dict[str, list[int]], limit: int | None, points: dict[str, int]) -> None:
    """S9: 60 points are one half; 15 more multiply the odds by e."""
    found = judged(position, seen=months(**seen), limit=limit)
    assert found.points == points
    odds = math.e ** ((sum(points.values()) - 60) / 15)
    assert found.risk == pytest.approx(odds / (1 + odds), abs=5e-5)


def test_the_risk_at_known_points() -> None:
    """S9: 1.8 % of who shows nothing, a half at 60 points."""
    assert judged().risk == 0.018
    assert judged(owing(60)).risk == 0.5
    assert judged(owing(60), seen=months(suspensions=[1])).risk == pytest.approx(math.e / (1 + math.e), abs=5e-5)


def test_who_has_no_credit_and_owes_has_used_it_up() -> None:
    """S9: a limit of 0 is a limit."""
    assert judged(owing(1, 100), limit=0).points == {"overdue_days": 1, "limit_used": 10}
    assert judged(limit=0).points == {}


def test_a_suspension_counts_for_as_long_as_rules_are_told() -> None:
    """S9: "in 6 months" is the same six months in the scorecard and in what a rule can ask."""
    for count in range(9):
        features = subscriber(months=months(suspensions=[0] * count + [1]))
        scored = bad_debt(features.account, features.months, CLEAR, TODAY, DEFAULT).points.get("suspensions", 0) > 0
        assert scored == (measures_of(features, None, TODAY)["suspensions_6m"] > 0), f"{count} months ago"


@given(
    st.integers(0, 200), st.integers(0, 18), st.integers(0, 5), st.integers(0, 10), st.booleans(),
    st.sampled_from(["overdue_days", "late_payments", "suspensions", "written_off", "owed_minor"]),
)  # fmt: skip
def test_no_reason_ever_lowers_the_risk(days: int, late: int, suspensions: int, owed: int, written_off: bool, more: str) -> None:
    """S9: one more of any reason, all else equal."""

    def risk(**added: int) -> BadDebt:
        seen = months(suspensions=[suspensions + added.get("suspensions", 0)], written_off_minor=[int(written_off) + added.get("written_off", 0)])
        return judged(
            Position(owed + added.get("owed_minor", 0), days + added.get("overdue_days", 0), late + added.get("late_payments", 0), ()), seen=seen, limit=5
        )

    less, worse = risk(), risk(**{more: 1})
    assert 0 <= less.risk <= worse.risk <= 1
    assert sum(less.points.values()) <= sum(worse.points.values())


@given(st.integers(1, 1_000), st.integers(1, 1_000), st.integers(0, 10_000), st.integers(0, 18))
@example(1_000, 1, 0, 0)
def test_every_scorecard_that_is_allowed_gives_a_risk(even: int, scale: int, days: int, late: int) -> None:
    """S9: also the steepest: one far below its even points has no risk at all."""
    parameters = Arrears(even_points=even, scale_points=scale)
    assert 0 <= judged(owing(days, late=late), parameters=parameters).risk <= 1


# Dunning


@pytest.mark.parametrize(
    ("days", "step"),
    [
        (0, "none"),
        (1, "reminder"),
        (14, "reminder"),
        (15, "warning"),
        (29, "warning"),
        (30, "suspension"),
        (59, "suspension"),
        (60, "collection"),
        (999, "collection"),
    ],
)
def test_dunning_steps_at_their_days(days: int, step: str) -> None:
    """S9"""
    assert DUNNING[dunning_level(owing(days), DEFAULT)] == step
    assert dunning_level(Position(0, days, 3, ()), DEFAULT) == 0


# Churn risk by warnings

PRIOR = BUILT_IN.parameters.risk


def learned(**probabilities: float) -> dict[str, dict[str, Any]]:
    return {kind: {"probability": probability} for kind, probability in probabilities.items()}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(Observed(0, 0), 0.12), (Observed(50, 0), 0.06), (Observed(50, 50), 0.56), (Observed(950, 475), 0.481), (Observed(10**9, 5 * 10**8), 0.5)],
)
def test_a_rate_is_drawn_towards_its_prior(seen: Observed, expected: float) -> None:
    """S5: as if fifty more had been warned, of whom the prior's share left."""
    found = rates({"usage_fall": seen}, PRIOR)["usage_fall"]
    assert found == {"probability": pytest.approx(expected, abs=1e-5), "customers": seen.customers, "left": seen.left, "prior": 0.12}


@given(st.integers(0, 10_000).flatmap(lambda customers: st.tuples(st.just(customers), st.integers(0, customers))), st.integers(1, 10_000), st.floats(0, 1))
def test_a_rate_lies_between_its_prior_and_what_was_seen(seen: tuple[int, int], weight: int, prior: float) -> None:
    """S5: and nearer to what was seen than to the prior when more were seen than the prior weighs."""
    customers, left = seen
    parameters = Risk(prior_customers=weight, prior=PRIOR.prior | {"silent": prior})
    found = rates({"silent": Observed(customers, left)}, parameters)["silent"]["probability"]
    share = left / customers if customers else prior
    assert min(prior, share) - 1e-5 <= found <= max(prior, share) + 1e-5
    if customers > weight:
        assert abs(found - share) <= abs(found - prior) + 2e-5


def test_every_warning_of_churn_has_a_rate() -> None:
    """S5: fraud warns of a bill, not of leaving."""
    kinds = set(AlertKind.__args__)  # type: ignore[attr-defined]
    assert set(rates({}, PRIOR)) == (kinds - {"fraud"}) | {NONE}


@pytest.mark.parametrize(
    ("open_kinds", "expected"),
    [
        ([], ChurnRisk(0.01, "none")),
        (["silent"], ChurnRisk(0.15, "silent")),
        (["silent", "port_out_inquiry", "usage_fall"], ChurnRisk(0.45, "port_out_inquiry")),
        (["multi_sim", "silent"], ChurnRisk(0.15, "silent")),
        (["silent", "multi_sim"], ChurnRisk(0.15, "silent")),
        (["unheard_of"], ChurnRisk(0.01, "none")),
    ],
)
def test_the_strongest_warning_is_the_cause(open_kinds: list[str], expected: ChurnRisk) -> None:
    """S5: of equals the same one in whatever order they come; what nobody has a rate for says nothing."""
    assert churn_risk(open_kinds, rates({}, PRIOR)) == expected


def test_a_warning_is_the_cause_even_where_the_warned_leave_less() -> None:
    """S5: the rate of who had no warning is not that of who has one: once care works, the warned may leave less than others."""
    assert churn_risk(["usage_fall"], learned(none=0.10, usage_fall=0.05)) == ChurnRisk(0.05, "usage_fall")


def test_without_any_rate_nobody_leaves() -> None:
    """S5"""
    assert churn_risk(["silent"], {}) == ChurnRisk(0.0, "none")


@given(st.sets(st.sampled_from(sorted(PRIOR.prior))), st.sampled_from(sorted(PRIOR.prior)))
def test_one_more_warning_never_lowers_the_risk(open_kinds: set[str], more: str) -> None:
    """S5: by the rates that are built in."""
    found = rates({}, PRIOR)
    assert churn_risk(open_kinds | {more}, found).probability >= churn_risk(open_kinds, found).probability
