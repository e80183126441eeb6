"""R2 R5: audiences as conditions over what is known of a customer, schedules, and the plan of a batch, as rules."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.retention.audience import FIELDS, Around, belongs, facts, holds, problems
from services.retention.planning import Limits, plan
from services.retention.schedule import Schedule, latest_turn
from services.retention.worth import Worth
from tests.builders import NOON
from tests.retention.builders import contactable

LEAVES = [
    {"field": "tier", "is": "gold"}, {"field": "risk", "at_least": 0.3, "at_most": 0.9}, {"field": "brands", "has": "gotone"},
    {"field": "region", "one_of": ["hangzhou", "ningbo"]}, {"field": "owed_minor", "known": False},
]  # fmt: skip
CONDITIONS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)
KNOWN = st.fixed_dictionaries({}, optional={
    "tier": st.sampled_from(["gold", "iron"]), "risk": st.floats(0, 1), "brands": st.sampled_from([["gotone"], []]),
    "region": st.sampled_from(["hangzhou", "suzhou"]), "owed_minor": st.integers(0, 9),
})  # fmt: skip


@given(condition=CONDITIONS, known=KNOWN, more=KNOWN)
@settings(max_examples=150)
def test_what_is_not_known_decides_nothing(condition: dict[str, Any], known: dict[str, Any], more: dict[str, Any]) -> None:
    """R2: learning what was not known never turns a yes into a no, but where the condition asks whether it is known; not is the opposite."""
    told = holds(condition, known)
    assert holds({"not": condition}, known) == (None if told is None else not told)
    if told is not None and "known" not in str(condition):
        assert holds(condition, more | known) == told
    assert belongs(condition, known)[0] == (told is True)


@pytest.mark.parametrize("condition", [
    {}, {"all": []}, {"field": "tier"}, {"field": "shoe_size", "is": "44"}, {"field": "tier", "at_least": 3}, {"field": "risk", "is": True},
    {"field": "risk", "at_least": "high"}, {"field": "tier", "is": "gold", "all": []}, {"all": [{"field": "tier", "matches": ".*"}]}, {"any": "tier"},
    {"not": {"not": {"not": {"not": {"not": {"not": {"field": "tier", "is": "gold"}}}}}}}, {"all": [LEAVES[0]] * 41}, [], "tier == 'gold'", None,
])  # fmt: skip
def test_what_is_no_condition_is_said_and_holds_for_nobody(condition: Any) -> None:
    """R2: with the place; and a campaign that has one all the same contacts nobody by it."""
    assert problems(condition) and problems(condition)[0].startswith("audience")
    if isinstance(condition, dict) and len(str(condition)) < 60 and "shoe_size" not in str(condition):
        assert not belongs(condition, {"tier": "iron"})[0]


@given(CONDITIONS)
@settings(max_examples=50)
def test_what_is_a_condition_is_taken(condition: dict[str, Any]) -> None:
    """R2."""
    assert problems(condition) == [] or "nested" in problems(condition)[0]


def test_every_field_is_told_of_a_customer_who_has_it_all() -> None:
    """R2: the catalogue of fields and what is found are the same; dates are counted in days, an anniversary of 29 February falls on the 28th."""
    attributes = {
        "kind": "person", "acquisition_channel": "shop", "brands": ["gotone"], "plans": ["p"], "products": ["x"],
        "active_since": "2024-02-29T00:00:00+00:00", "contract_ends": (NOON.date() + timedelta(days=40)).isoformat(), "left_because": "port_out",
        "birthday_on": (NOON.date() - timedelta(days=2)).isoformat(),
    }  # fmt: skip
    standing = dict.fromkeys(("grade", "star", "category", "lifecycle", "status_group", "cluster", "dunning_level", "owed_minor", "value_minor"), 1)
    worth = Worth(
        "C-1", 1, "gold", 5, 1, 0.4, {"kind": "persuadable"}, standing=standing | {"revenue_at_risk_minor": 2}, rfm=dict.fromkeys(("segment", "r", "f", "m"), 3)
    )
    held = contactable("C-1", language="zh", region="hangzhou", service_star=4, left_at=NOON - timedelta(days=9), attributes=attributes)
    found = facts(held, worth, Around(NOON, 1, ["silent"], "plus", 7, NOON - timedelta(days=3)))
    assert found.keys() == FIELDS.keys() and None not in found.values()
    assert (found["contract_ends_in_days"], found["left_days"], found["birthday_days"], found["resolved_days"]) == (40, 9, 2, 3)
    leap = facts(held, None, Around(datetime(2026, 2, 28, 12, tzinfo=UTC)))
    assert (leap["anniversary_days"], leap["tenure_days"]) == (0, 730)
    assert facts(held, None, Around(datetime(2024, 12, 1, tzinfo=UTC)))["anniversary_days"] is None


@pytest.mark.parametrize(
    ("every", "starts_on", "now", "turn"),
    [
        ("day", "2026-03-01", "2026-03-28T12:00:00+00:00", "2026-03-28T08:30:00+00:00"),
        ("day", "2026-03-01", "2026-03-29T12:00:00+00:00", "2026-03-29T07:30:00+00:00"),  # summer time since the night
        ("week", "2026-03-04", "2026-03-12T07:00:00+00:00", "2026-03-11T08:30:00+00:00"),
        ("week", "2026-03-04", "2026-03-13T09:00:00+00:00", None),
        ("month", "2026-01-31", "2026-02-28T09:00:00+00:00", "2026-02-28T08:30:00+00:00"),
        ("once", "2026-03-10", "2026-03-10T08:30:00+00:00", "2026-03-10T08:30:00+00:00"),
        ("once", "2026-03-10", "2026-03-12T09:00:00+00:00", None),
    ],
)
def test_a_schedule_is_kept_on_the_operators_clock(every: Any, starts_on: str, now: str, turn: str | None) -> None:
    """R2: and a turn that was missed by more than a day is left out."""
    schedule = Schedule(every, time(9, 30), date.fromisoformat(starts_on))
    found = latest_turn(schedule, datetime.fromisoformat(now), ZoneInfo("Europe/Berlin"), within=timedelta(days=1))
    assert found == (datetime.fromisoformat(turn) if turn else None)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_plan_keeps_every_limit_and_comes_near_the_best(seed: int) -> None:
    """R5: held against all plans there are of few customers: never above a limit, never above the bound, and short of the best by what
    rounding the split customers can cost at most."""
    draw = np.random.default_rng(seed)
    customers, offers = int(draw.integers(1, 6)), int(draw.integers(1, 4))
    profits, costs = draw.normal(100, 80, (customers, offers)).round(), draw.integers(0, 60, (customers, offers)).astype(float)
    profits[draw.random((customers, offers)) < 0.2] = np.nan
    limits = Limits(
        float(draw.integers(0, 120)) if draw.random() < 0.7 else None, float(draw.integers(0, 5)) if draw.random() < 0.7 else None,
        {0: float(draw.integers(0, 3))} if draw.random() < 0.5 else {},
    )  # fmt: skip
    made = plan(profits, costs, limits)
    best = max(_profit(one, profits) for one in itertools.product(range(-1, offers), repeat=customers) if _fits(one, profits, costs, limits))
    assert _fits(made.chosen.tolist(), profits, costs, limits)
    assert made.profit_minor == pytest.approx(_profit(made.chosen.tolist(), profits))
    assert made.bound_minor >= best - 1e-6
    assert made.profit_minor >= best - 3 * np.nanmax(np.append(profits, 0)) and 0 <= made.gap <= 1


def _profit(chosen: Any, profits: Any) -> float:
    return float(sum(profits[row, offer] for row, offer in enumerate(chosen) if offer >= 0))


def _fits(chosen: Any, profits: Any, costs: Any, limits: Limits) -> bool:
    taken = [(row, offer) for row, offer in enumerate(chosen) if offer >= 0]
    if any(np.isnan(profits[one]) or profits[one] <= 0 for one in taken):
        return False
    fits_money = limits.cost_minor is None or sum(costs[one] for one in taken) <= limits.cost_minor
    fits_places = limits.contacts is None or len(taken) <= limits.contacts
    return bool(fits_money and fits_places and all(sum(offer == limited for _, offer in taken) <= pieces for limited, pieces in limits.stock.items()))


def test_a_plan_of_many_is_within_a_thousandth_of_the_bound() -> None:
    """R5: 5,000 customers, four offers, under a budget and a capacity that both bind; the same however the customers are ordered."""
    draw = np.random.default_rng(7)
    profits, costs = draw.normal(2_000, 4_000, (5_000, 4)).round(), np.tile([1_500.0, 2_500.0, 4_000.0, 8_000.0], (5_000, 1))
    limits = Limits(900_000.0, 300.0)
    made = plan(profits, costs, limits)
    assert 0 <= made.gap < 0.001 and (made.chosen >= 0).sum() <= 300
    shuffled = draw.permutation(5_000)
    assert plan(profits[shuffled], costs[shuffled], limits).profit_minor == pytest.approx(made.profit_minor, rel=1e-3)
