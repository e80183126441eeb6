"""S4: the lifecycle, row by row of its table, and over time."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.features import Features, active
from services.segmentation.lifecycle import TRANSITIONS, Situation, Transition, next_stage, situation_of
from services.segmentation.parameters import Lifecycle
from services.segmentation.seen import Seen
from services.segmentation.words import STAGES, Stage
from shared.contracts import billing
from shared.contracts.customer import CustomerReturned, Subscription
from tests.segmentation.customers import TODAY, Months, ago, customer, day, months, seen, subscriber, subscription, told

DEFAULT = Lifecycle()
STEADY = Situation(has_live=True, ever_left=False, tenure_days=400, came_back=False, percent=100.0, silent_days=0)
LEFT = STEADY._replace(has_live=False, ever_left=True)

# One example per row, by its reason; each leads to the row's target and no further, from all of its sources.
EXAMPLES: dict[str, Situation] = {
    "the last subscription ended": LEFT,
    "the first subscription was activated": STEADY._replace(tenure_days=0, percent=None, silent_days=None),
    "all that was held turned out to be somebody else's": STEADY._replace(has_live=False, tenure_days=0),
    "came back": STEADY._replace(tenure_days=0, ever_left=True, came_back=True),
    "pays or uses much less than before, or is silent": STEADY._replace(percent=69.9),
    "is back to what it was": STEADY._replace(percent=90.0),
    "stayed since coming back": STEADY._replace(tenure_days=90, came_back=True),
    "onboarding is over": STEADY._replace(tenure_days=90),
    "a long-standing customer": STEADY._replace(tenure_days=365),
    "grows": STEADY._replace(tenure_days=200, percent=110.0),
}


def stage_of(stage: Stage | None, situation: Situation) -> Stage:
    return next_stage(stage, situation, DEFAULT)[0]


def on(features: Features, days_ahead: int = 0) -> Situation:
    return situation_of(features, seen(TODAY + timedelta(days=days_ahead)))


def lived(features: Features, first: int, last: int, stage: Stage | None = None) -> list[tuple[int, Stage]]:
    """Assessed every day of these days ahead: when the stage changed, and to which."""
    changes: list[tuple[int, Stage]] = []
    for ahead in range(first, last + 1):
        now = stage_of(stage, on(features, ahead))
        if now != stage:
            changes.append((ahead, now))
        stage = now
    return changes


# The table


@pytest.mark.parametrize(
    ("row", "source"), [(row, source) for row in TRANSITIONS for source in sorted(row.sources)], ids=lambda one: getattr(one, "target", one)
)
def test_every_row_is_reached_from_each_of_its_sources(row: Transition, source: Stage) -> None:
    """S4: a row without an example is one that nobody needs."""
    assert next_stage(source, EXAMPLES[row.reason], DEFAULT) == (row.target, row.reason)


def test_the_examples_are_those_of_the_table() -> None:
    """S4: no more of them, and every stage is reached."""
    assert set(EXAMPLES) == {row.reason for row in TRANSITIONS}
    assert {row.target for row in TRANSITIONS} == set(STAGES)


@pytest.mark.parametrize(
    ("stage", "situation", "stays"),
    [
        (None, Situation(False, False, 0, False, None, None), "prospect"),
        ("prospect", Situation(False, False, 0, False, None, None), "prospect"),
        ("prospect", Situation(False, False, 0, True, None, None), "prospect"),
        ("onboarding", STEADY._replace(tenure_days=89), "onboarding"),
        ("onboarding", STEADY._replace(tenure_days=50, percent=0.0, silent_days=60), "onboarding"),
        ("growth", STEADY._replace(tenure_days=364), "growth"),
        ("growth", STEADY._replace(tenure_days=364, percent=70.0, silent_days=44), "growth"),
        ("mature", STEADY._replace(percent=70.0, silent_days=44), "mature"),
        ("mature", STEADY._replace(percent=None, silent_days=None), "mature"),
        ("mature", STEADY._replace(percent=300.0), "mature"),
        ("mature", STEADY._replace(tenure_days=200, percent=109.9), "mature"),
        ("mature", STEADY._replace(silent_days=45), "decline"),
        ("mature", STEADY._replace(percent=300.0, silent_days=45), "decline"),
        ("decline", STEADY._replace(percent=89.9), "decline"),
        ("decline", STEADY._replace(percent=200.0, silent_days=45), "decline"),
        ("decline", STEADY._replace(percent=None, silent_days=44), "mature"),
        ("won_back", STEADY._replace(tenure_days=89, percent=0.0), "won_back"),
        ("churned", LEFT, "churned"),
    ],
)
def test_thresholds_of_the_stages(stage: Stage | None, situation: Situation, stays: Stage) -> None:
    """S4: up to which figure they stay; between 70 and 90 percent who declines still does, and who does not still does not."""
    assert stage_of(stage, situation) == stays


SITUATIONS = st.builds(
    Situation,
    has_live=st.booleans(),
    ever_left=st.booleans(),
    tenure_days=st.integers(0, 1_000) | st.sampled_from([89, 90, 364, 365]),
    came_back=st.booleans(),
    percent=st.none() | st.floats(0, 300) | st.sampled_from([69.9, 70.0, 90.0, 110.0]),
    silent_days=st.none() | st.integers(0, 100),
)


@given(st.sampled_from([None, *STAGES]), SITUATIONS, st.integers(0, 100), st.integers(0, 100), st.integers(0, 400), st.integers(0, 400))
def test_the_machine_comes_to_rest(stage: Stage | None, situation: Situation, falling: int, recovered: int, onboarding: int, growth: int) -> None:
    """S4: judged again on the same day nothing changes, by any parameters that do not contradict themselves; the reason is empty when they stay."""
    recovered, falling = sorted((falling, recovered))
    parameters = Lifecycle(falling_percent=falling, recovered_percent=recovered, onboarding_days=onboarding, growth_days=growth)
    at, reason = next_stage(stage, situation, parameters)
    assert (reason == "") == (at == stage)
    assert next_stage(at, situation, parameters) == (at, "")


@given(st.sampled_from(STAGES), SITUATIONS)
def test_who_has_nothing_left_is_churned_and_nobody_else(stage: Stage, situation: Situation) -> None:
    """S4: whatever stage they were in."""
    is_gone = situation.ever_left and not situation.has_live
    found = stage_of(stage, situation)
    assert (found == "churned") if is_gone else (found != "churned" or (stage == "churned" and not situation.has_live))


# Over time

HALF_USED: Months = months(paid_minor=[0, 5_000, 5_000, 5_000, 10_000, 10_000, 10_000])


def test_time_alone_moves_a_customer() -> None:
    """S4: onboarding, growth from 90 days on, mature from a year on; nothing is ever heard of them."""
    assert lived(customer(subscription(since=0)), 0, 800) == [(0, "onboarding"), (90, "growth"), (365, "mature")]


def test_silence_alone_is_decline() -> None:
    """S4: on the 45th day after the last chargeable event."""
    features = subscriber(facts=[told(billing.ToppedUp, at=ago(5))])
    assert lived(features, 0, 100, "mature") == [(40, "decline")]
    active.add(features.active, day(-100).isoformat(), day(-100).isoformat())
    assert lived(features, 101, 144, "decline") == [(101, "mature")]


def test_behaviour_is_seen_as_of_the_day_the_feeds_have_come_to() -> None:
    """S4: tenure goes on, silence does not where nothing is heard of anybody."""
    features = subscriber(facts=[told(billing.ToppedUp, at=ago(5))])
    later = TODAY + timedelta(days=100)
    found = situation_of(features, seen(later, usage=TODAY))
    assert (found.tenure_days, found.silent_days) == (500, 5)
    assert situation_of(features, Seen(later)).silent_days is None


def test_a_life_from_prospect_to_the_second_time() -> None:
    """S4: left and came back under the same id, then settled."""
    assert lived(customer(), 0, 10) == [(0, "prospect")]
    assert lived(customer(subscription(since=0)), 0, 0, "prospect") == [(0, "onboarding")]
    gone = customer(subscription(since=300, until=0))
    assert lived(gone, 0, 400, "growth") == [(0, "churned")]
    back = customer(subscription(since=300, until=10), subscription("S-2", since=0))
    assert lived(back, 0, 400, "churned") == [(0, "won_back"), (90, "mature")]


def test_who_came_back_under_another_id_is_won_back() -> None:
    """S4: and is no new customer."""
    features = customer(subscription(since=0), facts=[told(CustomerReturned, at=ago(0))])
    assert lived(features, 0, 400, "prospect") == [(0, "won_back"), (90, "mature")]


@pytest.mark.parametrize("days_ahead", [0, 30, 89, 90, 200, 364, 365, 700])
@pytest.mark.parametrize(
    "features",
    [
        customer(subscription(since=0)),
        customer(subscription(since=0), facts=[told(CustomerReturned, at=ago(0))]),
        customer(subscription(since=200, until=0)),
        customer(subscription(since=200), subscription("S-2", since=100, until=50)),
    ],
    ids=["new", "returned", "left", "gave up one of two"],
)
def test_told_anew_they_walk_to_where_they_are(features: Features, days_ahead: int) -> None:
    """S4: at once, or day by day, it ends alike."""
    first = -200 if features.left_on or len(features.subscriptions) > 1 else 0
    assert stage_of(None, on(features, days_ahead)) == lived(features, first, days_ahead)[-1][1]


@pytest.mark.parametrize(("days_ahead", "stage"), [(0, "won_back"), (89, "won_back"), (90, "mature")])
def test_told_anew_who_came_back_under_the_same_id_is_no_new_customer(days_ahead: int, stage: Stage) -> None:
    """S4: the ended subscription is on record; day by day they were churned, then won back."""
    features = customer(subscription(since=700, until=60, reason="port_out"), subscription("S-2", since=0))
    assert stage_of("churned", on(features)) == "won_back"
    assert stage_of(None, on(features, days_ahead)) == stage


# What the situation is


@pytest.mark.parametrize(
    ("measures", "percent"),
    [
        ({}, None),
        ({"paid_minor": [0, 9, 9, 9]}, None),
        ({"paid_minor": [0, 5, 5, 5, 10, 10, 10]}, 50.0),
        ({"paid_minor": [99, 0, 0, 0, 0, 0, 10]}, 0.0),
        ({"topped_up_minor": [0, 10, 0, 0, 10]}, 100.0),
        ({"paid_minor": [0, 10, 10, 10, 0, 0, 0, 10]}, None),
        ({"out_on_net_seconds": [0, 5, 5, 5, 10, 10, 10, 9], "usage_days": [0, 9, 9, 9, 15, 15, 14, 15]}, None),
        ({"out_on_net_seconds": [0, 5, 5, 5, 10, 10, 10], "usage_days": [0, 0, 0, 0, 15, 15, 15]}, 50.0),
        ({"out_on_net_seconds": [0, 5, 5, 5, 10, 10, 10], "usage_days": [0, 0, 0, 0, 15, 15, 14]}, None),
        ({"paid_minor": [0, 8, 8, 8, 10, 10, 10], "out_on_net_seconds": [0, 5, 5, 5, 10, 10, 10], "usage_days": [30] * 7}, 80.0),
    ],
)
def test_the_trend_is_of_money_or_else_of_usage(measures: dict[str, list[int]], percent: float | None) -> None:
    """S4: three whole months against the three before, where there is enough to tell."""
    assert on(subscriber(months=months(**measures))).percent == percent


@pytest.mark.parametrize(
    ("subscriptions", "came_back"),
    [
        ([subscription(since=900, until=100), subscription("S-2", since=50)], True),
        ([subscription(since=900, until=50), subscription("S-2", since=50)], False),
        ([subscription(since=900, until=20), subscription("S-2", since=50)], False),
        ([subscription(since=900, until=100), subscription("S-2", since=200)], False),
        ([subscription(since=900, until=100), subscription("S-2", since=50, until=10)], False),
        ([subscription(since=50)], False),
        ([], False),
    ],
)
def test_who_had_nothing_for_a_time_came_back(subscriptions: list[Subscription], came_back: bool) -> None:
    """S4: not who took a new number for the old one, or gave up one of two."""
    assert on(customer(*subscriptions)).came_back is came_back


def test_tenure_is_of_what_is_held_now() -> None:
    """S4: of the longest of the live ones."""
    features = customer(subscription(since=900, until=100), subscription("S-2", since=50), subscription("S-3", since=20))
    nobody = Situation(has_live=False, ever_left=False, tenure_days=0, came_back=False, percent=None, silent_days=None)
    assert (on(features).has_live, on(features).ever_left, on(features).tenure_days) == (True, True, 50)
    assert on(customer()) == on(customer(subscription(since=None))) == nobody
    assert on(customer(subscription(since=-3))) == nobody._replace(has_live=True)


@pytest.mark.parametrize(("stage", "tenure_days"), list(product(["growth", "mature"], [100, 400])))
def test_half_the_revenue_is_decline(stage: Stage, tenure_days: int) -> None:
    """S4"""
    features = customer(subscription(since=tenure_days), months=HALF_USED)
    assert next_stage(stage, on(features), DEFAULT) == ("decline", "pays or uses much less than before, or is silent")
