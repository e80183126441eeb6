"""S1 S2 S3 S4 S5 S9 S15: where one customer stands, all of it at once; the parameter set that says how, and RFM by the methods it names."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.segmentation.behaviour import behaviour_of
from services.segmentation.clusters import MEASURES
from services.segmentation.features import Features
from services.segmentation.features.account import NOTHING_OWED, Position
from services.segmentation.models import Learned, held_by
from services.segmentation.parameters import ANY, BUILT_IN, FixedPoints, Parameters, ParameterSet, PopulationRfm, Rfm, parameters_of
from services.segmentation.rfm import CutPoints, Purchases, Scores, Snapshot, score, score_by_rules, snapshot_of
from services.segmentation.seen import Seen
from services.segmentation.segments import habit_of, segment_of
from services.segmentation.standing import Before, Standing, assess, debt_of, measures_of
from services.segmentation.words import CATEGORIES, DEFAULT_SEGMENTS, SEGMENTS, STAGES, TIERS, Measure
from shared.contracts import billing
from shared.contracts.customer import Subscription
from shared.contracts.segmentation import AlertKind
from tests.segmentation.customers import TODAY, Months, ago, customer, day, months, seen, subscriber, subscription, told

SEVENTH = ParameterSet(7, Parameters())
BOUGHT = Purchases(last_day=day(10), frequency=12, monetary_minor=120_000, first_day=day(390), paid_day=day(10))


def assessed(
    features: Features,
    *,
    purchases: Purchases | None = None,
    alerts: tuple[str, ...] = (),
    before: Before | None = None,
    in_force: ParameterSet = SEVENTH,
    learned: Learned | None = None,
) -> Standing:
    standing, worth = assess(
        features,
        purchases=purchases,
        debt=debt_of(features, seen(), in_force),
        open_alerts=list(alerts),
        before=before or Before(),
        seen=seen(),
        in_force=in_force,
        learned=learned or Learned(),
    )
    assert (standing.value_minor, [term["term"] for term in standing.value_terms]) == (worth.value_minor, [term.term for term in worth.terms])
    return standing


def known() -> Features:
    """Postpaid for 400 days, with an account manager and a CUG; 100.00 billed a month, and one bill 20 days past due."""
    listed = months(
        paid_minor=[9_000] * 12,
        billed_minor=[10_000] * 12,
        bills=[1] * 12,
        care_calls=[0, 1],
        distinct_contacts=[30] * 12,
        out_on_net_seconds=[36_000] * 12,
        data_4g_kb=[2_000_000] * 12,
        usage_days=[30] * 12,
    )
    unpaid = told(billing.BillIssued, at=ago(40), bill_id="B-1", amount_minor=12_800, due_date=day(20).isoformat())
    return customer(subscription(cugs=("CUG-7",)), months=listed, facts=[unpaid], kind="person", account_manager="M-1")


def test_a_whole_standing_by_hand() -> None:
    """S2 S3 S4 S5 S9 S15: 20 points of 60 are a risk of 6.5 %; 12,800 owed and one more bill of 10,000 are exposed to it."""
    risk = round(1 / (1 + math.e ** (40 / 15)), 4)
    assert risk == 0.065
    terms = {
        "margin": (48_000, 1.0, 48_000, {"revenue_minor": 120_000, "margin_percent": 40}),
        "cost_to_serve": (-300, 1.0, -300, {"care_calls": 1}),
        "credit_risk": (-1_482, 1.0, -1_482, {"exposure_minor": 22_800}),
        "contact_frequency": (7_200, 0.5, 3_600, {"distinct_contacts": 30}),
        "usage": (7_680, 0.2, 1_536, {"minutes": 7_200, "gigabytes": 24}),
        "corporate_influence": (5_000, 1.0, 5_000, {"cug_member": 5_000}),
        "future_value": (48_000, 0.5, 24_000, {"horizon_months": 12}),
    }
    assert asdict(assessed(known(), purchases=BOUGHT, alerts=("arrears", "fraud"))) == {
        "customer_id": "C-1",
        "as_of": "2026-11-02",
        "value_minor": 80_354,
        "value_terms": [
            {"term": term, "amount_minor": amount, "weight": weight, "contribution_minor": contribution, "made_of": made_of}
            for term, (amount, weight, contribution, made_of) in terms.items()
        ],
        "future_value_minor": 48_000,
        "tier": "iron",
        "tier_reason": "value 80,354 reaches iron (40,000)",
        "grade": "2A",
        "star": 3,
        "category": "other",
        "lifecycle": "mature",
        "lifecycle_since": "2026-11-02",
        "lifecycle_reason": "a long-standing customer",
        "status_group": "warning",
        "churn_probability": 0.1,
        "churn_cause": "arrears",
        "revenue_at_risk_minor": 4_800,
        "cluster": None,
        "owed_minor": 12_800,
        "overdue_days": 20,
        "dunning_level": 2,
        "bad_debt_risk": risk,
        "bad_debt_points": {"overdue_days": 20},
        "left_on": None,
        "parameter_version": 7,
    }


def test_what_was_before_holds_on() -> None:
    """S3 S4: tier, grade and star by their hysteresis, the stage with its day and reason."""
    before = Before("gold", "3A", 4, "mature", "2026-01-01", "is back to what it was", "stable", 0)
    softer = Parameters.model_validate_json('{"tiers": {"hysteresis_percent": 60}}')
    found = assessed(known(), before=before, in_force=ParameterSet(8, softer))
    assert (found.tier, found.grade, found.star) == ("gold", "3A", 4)
    assert found.tier_reason == "value 80,354 is below gold (120,000), but not by the hysteresis"
    assert (found.lifecycle, found.lifecycle_since, found.lifecycle_reason) == ("mature", "2026-01-01", "is back to what it was")
    assert found.parameter_version == 8


def test_of_who_left_the_day_and_what_is_owed_are_left() -> None:
    """S3 S5 S15: nothing is at risk any more, whatever warnings are open; the tier is the one they left with."""
    features = customer(subscription(until=3, reason="port_out"), months=months(paid_minor=[10_000] * 12))
    found = assessed(features, alerts=("port_out_inquiry",), before=Before(tier="gold", lifecycle="mature", lifecycle_since="2026-01-01"))
    assert (found.lifecycle, found.lifecycle_since, found.left_on) == ("churned", "2026-11-02", "2026-10-30")
    assert (found.status_group, found.churn_probability, found.churn_cause, found.revenue_at_risk_minor) == ("off_net", 0.0, "none", 0)
    assert (found.future_value_minor, found.value_minor, found.tier) == (0, 48_000, "gold")


def test_who_is_known_by_payments_alone_stands_in_a_tier() -> None:
    """S3 S5: where order entry tells nothing they are a customer, if not on the network."""
    found = assessed(customer(months=months(paid_minor=[10_000] * 12)), purchases=BOUGHT)
    assert (found.tier, found.lifecycle, found.status_group, found.revenue_at_risk_minor) == ("iron", "prospect", "off_net", 0)


def test_where_no_payments_are_heard_of_nothing_is_owed() -> None:
    """S9: and what is, is judged as of the day they have come to."""
    assert debt_of(known(), Seen(TODAY), SEVENTH).position == NOTHING_OWED
    assert debt_of(known(), seen(payments=day(20)), SEVENTH).position == NOTHING_OWED
    assert debt_of(known(), seen(payments=day(15)), SEVENTH)[::2] == (Position(12_800, 5, 0, ("B-1",)), 1)


def test_a_prospect_stands_in_no_tier() -> None:
    """S3 S5: not on the network yet."""
    found = assessed(customer())
    assert (found.tier, found.tier_reason, found.star, found.lifecycle, found.lifecycle_reason) == (None, "", 1, "prospect", "registered")
    assert (found.status_group, found.left_on, found.value_minor, found.revenue_at_risk_minor) == ("off_net", None, 0, 0)


@pytest.mark.parametrize(
    ("alerts", "group", "cause"),
    [
        ((), "stable", "none"),
        (("fraud",), "stable", "none"),
        (("silent",), "warning", "silent"),
        (("fraud", "contract_ending"), "warning", "contract_ending"),
    ],
)
def test_fraud_is_no_warning_of_churn(alerts: tuple[str, ...], group: str, cause: str) -> None:
    """S5: it is one of a bill that nobody will pay."""
    found = assessed(subscriber(), alerts=alerts)
    assert (found.status_group, found.churn_cause) == (group, cause)


def test_what_was_learned_is_used() -> None:
    """S3 S5: points of the last cut and rates of the last year; by thresholds the cut is not asked."""
    learned = Learned(value_points=(10, 20, 80_355), risk={"none": {"probability": 0.02}, "silent": {"probability": 0.3}})
    found = assessed(known(), alerts=("silent",), learned=learned)
    assert (found.tier, found.churn_probability, found.revenue_at_risk_minor) == ("gold", 0.3, 14_400)
    fixed = Parameters.model_validate_json('{"tiers": {"method": "thresholds"}}')
    assert assessed(known(), learned=learned, in_force=ParameterSet(1, fixed)).tier == "iron"


SUBSCRIPTIONS = st.lists(
    st.builds(
        lambda since, until, payment_type, reason: subscription(since=since, until=until, payment_type=payment_type, reason=reason),
        st.none() | st.integers(-5, 1_000),
        st.none() | st.integers(-5, 300),
        st.sampled_from(["prepaid", "postpaid", None]),
        st.sampled_from([None, "port_out", "arrears"]),
    ),
    max_size=3,
)
SEEN = st.dictionaries(
    st.sampled_from(["paid_minor", "reversed_minor", "billed_minor", "bills", "care_calls", "out_on_net_seconds", "usage_days", "written_off_minor"]),
    st.lists(st.integers(0, 10**6), max_size=13),
).map(lambda seen: months(**seen))
ALERTS = st.sets(st.sampled_from(get_args(AlertKind)))
BEFORE = st.builds(
    Before,
    tier=st.sampled_from([None, *TIERS]),
    grade=st.sampled_from([None, "1A", "5A"]),
    star=st.sampled_from([None, 1]),
    lifecycle=st.sampled_from([None, *STAGES]),
    lifecycle_since=st.just("2026-01-01"),
)


@given(SUBSCRIPTIONS, SEEN, ALERTS, BEFORE, st.booleans(), st.integers(0, 10**6))
def test_whoever_it_is_they_stand_somewhere(
    subscriptions: list[Subscription], listed: Months, alerts: set[str], before: Before, has_bought: bool, owed: int
) -> None:
    """S5 S15: off the network exactly where nothing is live, warned exactly where a warning of churn is open; the money at risk is the product."""
    unpaid = told(billing.BillIssued, at=ago(40), amount_minor=owed, due_date=day(9).isoformat())
    features = customer(*subscriptions, months=listed, facts=[unpaid], kind="organisation")
    found = assessed(features, purchases=BOUGHT if has_bought else None, alerts=tuple(sorted(alerts)), before=before)
    is_here = any(one.activated_at and not one.terminated_at for one in subscriptions)
    assert (found.status_group == "off_net") == (not is_here)
    if is_here:
        assert (found.status_group == "warning") == bool(alerts - {"fraud", "rfm_migration"})
    assert found.revenue_at_risk_minor == (round(found.churn_probability * max(0, found.future_value_minor)) if is_here else 0) >= 0
    assert 0 <= found.churn_probability <= 1
    assert 0 <= found.bad_debt_risk <= 1
    assert found.value_minor == sum(term["contribution_minor"] for term in found.value_terms)
    assert (found.tier is None) == (found.lifecycle == "prospect" and not has_bought)
    assert (found.category in CATEGORIES, found.owed_minor, found.parameter_version) == (True, owed, 7)


def test_who_takes_a_new_number_for_the_old_one_can_still_be_judged() -> None:
    """S3: five stars of long ago, and ten days of tenure."""
    features = customer(subscription(since=2_000, until=10), subscription("S-2", since=10), months=months(paid_minor=[0] + [10**6] * 6))
    assert assessed(features, before=Before(tier="gold", star=5, lifecycle="mature")).star == 1


# What rules can ask


def test_measures_by_hand() -> None:
    """S1 S11: the year has twelve months, the month is the mean of three whole ones."""
    listed = months(
        paid_minor=[1, 30, 60, 90, *[0] * 7, 1_000, 5_000],
        reversed_minor=[0, 0, 0, 30],
        written_off_minor=[0] * 12 + [7],
        complaints_network=[1, 1],
        complaints_other=[0] * 11 + [2, 4],
        suspensions=[1, 0, 0, 0, 0, 1, 9],
    )
    features = customer(subscription(since=50), subscription("S-2", since=20), months=listed, kind="organisation", corporate_account="CORP-1")
    found = measures_of(features, BOUGHT, TODAY)
    assert found == {
        "recency_days": 10,
        "frequency": 12,
        "monetary_minor": 120_000,
        "yearly_spend_minor": 1_151,
        "monthly_spend_minor": 50,
        "tenure_days": 50,
        "written_off_minor": 7,
        "is_organisation": 1,
        "is_corporate": 1,
        "live_subscriptions": 2,
        "complaints_12m": 4,
        "suspensions_6m": 2,
    }
    assert set(found) == set(get_args(Measure))
    nobody = measures_of(customer(), None, TODAY)
    assert nobody == dict.fromkeys(found, 0) | {"recency_days": 10**6}


@pytest.mark.parametrize("late", [1, 2])
def test_bills_to_come_are_no_fall(late: int) -> None:
    """S3: neither the running month nor, on its first days, the last one has its bill; no star is lost for that, and a year has twelve bills."""
    features = subscriber(months=months(billed_minor=[0] * late + [10_000] * (13 - late), bills=[0] * late + [1] * (13 - late)))
    found = measures_of(features, None, TODAY)
    assert (found["monthly_spend_minor"], found["yearly_spend_minor"]) == (10_000, 10_000 * (13 - late))


def test_behaviour_by_hand() -> None:
    """S10: per 30.44 covered days of three whole months and the one running: here of 60.88 days half of everything."""
    days = [1, 20, 20, 20]
    listed = months(
        usage_days=days,
        out_on_net_seconds=[60, 600, 540, 0],
        out_off_net_seconds=[0, 300, 0, 0],
        out_international_seconds=[0, 0, 300, 0],
        in_fixed_seconds=[0, 1_200, 0, 0],
        data_5g_kb=[0, 3_000, 1_000, 0],
        sms_out=[8, 0, 0, 0],
        roaming_days=[0, 0, 0, 4],
        topped_up_minor=[0, 500, 700, 0, 9_999],
        reversed_minor=[0, 200, 0, 0],
    )
    found = behaviour_of(subscriber(months=listed), TODAY)
    assert found is not None
    share = 30.44 / 61
    assert found == pytest.approx(
        {
            "out_minutes": 30 * share,
            "in_minutes": 20 * share,
            "off_net_share": 300 / 1_800,
            "international_minutes": 5 * share,
            "data_mb": 4 * share,
            "sms": 8 * share,
            "roaming_days": 4 * share,
            "spend_minor": 1_000 * share,
        }
    )
    assert tuple(found) == MEASURES


@pytest.mark.parametrize(("days", "is_known"), [([7, 7], True), ([13], False), ([0, 0, 0, 14], True), ([0, 0, 0, 0, 31], False)])
def test_less_than_two_weeks_are_no_behaviour(days: list[int], is_known: bool) -> None:
    """S10: of who used nothing then, and had money back, all is 0."""
    found = behaviour_of(subscriber(months=months(usage_days=days, reversed_minor=[100])), TODAY)
    assert found == (dict.fromkeys(MEASURES, 0.0) if is_known else None)


def test_a_cluster_is_of_who_has_behaviour() -> None:
    """S10: and of nobody before any were learned."""
    scalings = [{"measure": "sms", "log": False, "low": 0.0, "high": 100.0, "mean": 50.0, "scale": 10.0}]
    shared: dict[str, Any] = {"description": "", "customers": 9, "averages": {}}
    clusters = [shared | {"id": 1, "name": "quiet", "centre": [-5.0]}, shared | {"id": 2, "name": "texters", "centre": [5.0]}]
    document = {
        "parameters": "clusters-1", "customers": 18, "scalings": scalings, "averages": {}, "clusters": clusters,
        "next_id": 3, "silhouette": 0.9, "resampled_stability": 1.0, "stability": None,
    }  # fmt: skip
    learned = Learned.of({"clusters": (4, document), "value": (9, {"points": [1, 2, 3]})})
    texting = months(usage_days=[30] * 4, sms_out=[90] * 4)
    assert [assessed(features, learned=learned).cluster for features in (subscriber(months=texting), subscriber(), customer(months=texting))] == [
        "texters",
        None,
        None,
    ]
    assert assessed(subscriber(months=texting)).cluster is None
    assert (learned.versions, learned.points(Parameters()), learned.suggestions(subscriber())) == ({"clusters": 4, "value": 9}, (1, 2, 3), [])
    assert Learned.of({}) == Learned()


def test_what_is_held_is_of_live_subscriptions() -> None:
    """S10: products, and plans by their own names."""
    features = customer(subscription(plan="a", products=("x", "y")), subscription("S-2", plan="b", products=("y",)), subscription("S-3", plan="c", until=1))
    assert held_by(features) == {"plan:a", "plan:b", "x", "y"}


# RFM by the method of the population

BUSINESS = PopulationRfm.model_validate(
    {
        "method": "rules",
        "rules": {
            "r": ({"score": 5, "when": ({"measure": "recency_days", "at_most": 7},)}, {"score": 3, "when": ({"measure": "recency_days", "at_most": 60},)}),
            "f": (
                {"score": 5, "when": ({"measure": "frequency", "at_least": 12}, {"measure": "is_corporate", "at_least": 1})},
                {"score": 4, "when": ({"measure": "frequency", "at_least": 12},)},
                {"score": 2, "when": ({"measure": "frequency", "at_least": 2, "at_most": 5},)},
            ),
            "m": ({"score": 4, "when": ({"measure": "yearly_spend_minor", "at_least": 100},)},),
        },
    }
)


def asked(**said: int) -> dict[Measure, int]:
    return dict.fromkeys(get_args(Measure), 0) | said  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("said", "scores"),
    [
        ({"recency_days": 7, "frequency": 12, "is_corporate": 1, "yearly_spend_minor": 100}, (5, 5, 4)),
        ({"recency_days": 8, "frequency": 12, "yearly_spend_minor": 99}, (3, 4, 1)),
        ({"recency_days": 60, "frequency": 11, "is_corporate": 1}, (3, 1, 1)),
        ({"recency_days": 61, "frequency": 5}, (1, 2, 1)),
        ({"recency_days": 61, "frequency": 6}, (1, 1, 1)),
        ({"recency_days": -1, "frequency": 1}, (5, 1, 1)),
    ],
)
def test_by_rules_the_first_that_holds_gives_the_score(said: dict[str, int], scores: tuple[int, int, int]) -> None:
    """S1: all of its conditions, over several measures; where none holds it is 1."""
    assert score_by_rules(BUSINESS, asked(**said)) == scores


def test_fixed_points_are_used_whatever_was_cut() -> None:
    """S1: by the method of the population; a cut is of quantiles only, and fixed points stand in until there is one."""
    cut = Snapshot(9, CutPoints((3, 2, 1, 0), (1, 2, 3, 4), (1, 2, 3, 4)))
    points = FixedPoints(r=(100, 50, 20, 10), f=(3, 4, 5, 6), m=(10, 20, 30, 40))
    fixed, quantile = PopulationRfm(method="fixed", fixed=points), PopulationRfm(fixed=points)
    assert snapshot_of(cut, fixed) == Snapshot(0, CutPoints(*points.model_dump().values()))
    assert snapshot_of(None, fixed) == snapshot_of(None, quantile) == snapshot_of(cut, fixed)
    assert snapshot_of(cut, quantile) == cut


@pytest.mark.parametrize(
    ("recency_days", "frequency", "minor", "scores"),
    [(101, 2, 9, (1, 1, 1)), (100, 3, 10, (2, 2, 2)), (50, 4, 20, (3, 3, 3)), (20, 5, 30, (4, 4, 4)), (10, 6, 40, (5, 5, 5)), (11, 6, 39, (4, 5, 4))],
)
def test_a_fixed_point_just_reaches_its_score(recency_days: int, frequency: int, minor: int, scores: tuple[int, int, int]) -> None:
    """S1"""
    how = PopulationRfm(method="fixed", fixed=FixedPoints(r=(100, 50, 20, 10), f=(3, 4, 5, 6), m=(10, 20, 30, 40)))
    assert score(Purchases(day(recency_days), frequency, minor), snapshot_of(None, how).points, as_of=TODAY) == scores


def test_each_population_by_its_own_method() -> None:
    """S1: `*` for all others."""
    rfm = Rfm(scoring={"prepaid": BUSINESS, ANY: PopulationRfm(method="fixed")})
    assert (rfm.of("prepaid").method, rfm.of("postpaid").method, rfm.of("unknown").method, rfm.of(ANY).method) == ("rules", "fixed", "fixed", "fixed")
    assert Rfm().of("prepaid").method == "quantile"


def test_the_segment_is_read_off_the_map_of_the_set() -> None:
    """S1: rows are recency, columns the mean of the other two, halves up."""
    assert [habit_of(Scores(1, f, m)) for f, m in ((1, 1), (1, 2), (2, 5), (5, 5))] == [1, 2, 4, 5]
    for r in range(1, 6):
        assert [segment_of(Scores(r, habit, habit)) for habit in range(1, 6)] == list(DEFAULT_SEGMENTS[r - 1])
    turned = Rfm(segments=DEFAULT_SEGMENTS[::-1])
    assert segment_of(Scores(1, 5, 5), turned) == segment_of(Scores(5, 5, 5)) == "champions"
    assert len(SEGMENTS) == 11


# Parameter sets


def test_version_0_is_what_is_built_in() -> None:
    """S11: and comes back from its JSON as it was."""
    assert (0, Parameters()) == BUILT_IN
    assert parameters_of(Parameters().model_dump_json()) == parameters_of("{}") == Parameters()
    with pytest.raises(ValidationError, match="frozen"):
        BUILT_IN.parameters.value.care_call_minor = 1  # type: ignore[misc]


BAD: list[tuple[str, str, str]] = [
    ('{"unheard_of": {}}', "unheard_of", "extra"),
    ('{"value": {"unheard_of": 1}}', "value.unheard_of", "extra"),
    ('{"patterns": {"fall_percent": 101}}', "patterns.fall_percent", "less than or equal to 100"),
    ('{"patterns": {"fall_percent": "50"}}', "patterns.fall_percent", "integer"),
    ('{"patterns": {"fall_percent": 50.5}}', "patterns.fall_percent", "integer"),
    ('{"patterns": {"cool_down_days": -1}}', "patterns.cool_down_days", "greater than or equal to 0"),
    ('{"patterns": {"rfm_from": ["champion"]}}', "patterns.rfm_from.0", "champions"),
    ('{"patterns": {"group_least_members": 1}}', "patterns.group_least_members", "greater than or equal to 2"),
    ('{"value": {"weights": {"margin": 1}}}', "value", "every term needs a weight"),
    ('{"value": {"weights": {"luck": 1}}}', "value.weights.luck.[key]", "margin"),
    ('{"value": {"yearly_discount": 1.5}}', "value.yearly_discount", "less than or equal to 1"),
    ('{"value": {"yearly_discount": NaN}}', "value.yearly_discount", "finite"),
    ('{"value": {"horizon_months": 0}}', "value.horizon_months", "greater than or equal to 1"),
    ('{"tiers": {"thresholds_minor": [3, 2, 1]}}', "tiers", "thresholds_minor have to rise"),
    ('{"tiers": {"thresholds_minor": [1, 2]}}', "tiers.thresholds_minor.2", "required"),
    ('{"tiers": {"grades_minor": [1, 2, 3, 4, 0]}}', "tiers", "grades_minor have to rise"),
    ('{"tiers": {"shares_percent": [5.0, 1.0, 20.0]}}', "tiers", "shares_percent have to rise"),
    ('{"tiers": {"shares_percent": [0.0, 1.0, 20.0]}}', "tiers", "between 0 and 100"),
    ('{"tiers": {"shares_percent": [1.0, 5.0, 100.0]}}', "tiers", "between 0 and 100"),
    ('{"tiers": {"votes": [{"when": {"measure": "luck"}, "tier": "gold"}]}}', "tiers.votes.0.when.measure", "recency_days"),
    ('{"tiers": {"votes": [{"when": {"measure": "frequency"}, "tier": "tin"}]}}', "tiers.votes.0.tier", "platinum"),
    ('{"tiers": {"stars": [{"monthly_spend_minor": 1, "tenure_days": 1}]}}', "tiers.stars.1", "required"),
    ('{"tiers": {"mvc_tiers": ["tin"]}}', "tiers.mvc_tiers.0", "platinum"),
    ('{"rfm": {"scoring": {"prepaid": {}}}}', "rfm", "needs an entry `*`"),
    ('{"rfm": {"scoring": {"*": {"method": "magic"}}}}', "rfm.scoring.*.method", "quantile"),
    ('{"rfm": {"scoring": {"*": {"method": "rules"}}}}', "rfm.scoring.*", "needs rules for r, f and m"),
    ('{"rfm": {"scoring": {"*": {"rules": {"r": [{"score": 1, "when": [{"measure": "frequency"}]}]}}}}}', "rfm.scoring.*.rules.r.0.score", "equal to 2"),
    ('{"rfm": {"scoring": {"*": {"rules": {"r": [{"score": 2, "when": []}]}}}}}', "rfm.scoring.*.rules.r.0.when", "at least 1 item"),
    ('{"rfm": {"scoring": {"*": {"fixed": {"r": [30, 60, 90, 180]}}}}}', "rfm.scoring.*.fixed", "points have to rise with the score"),
    ('{"rfm": {"scoring": {"*": {"fixed": {"f": [4, 3, 2, 1]}}}}}', "rfm.scoring.*.fixed", "points have to rise with the score"),
    ('{"rfm": {"segments": [["lost", "lost", "lost", "lost", "lost"]]}}', "rfm.segments", "at least 5 items"),
    ('{"arrears": {"dunning_days": [1, 15, 30]}}', "arrears.dunning_days.3", "required"),
    ('{"fraud": {"jump_factor": 0.5}}', "fraud.jump_factor", "greater than or equal to 1"),
    ('{"risk": {"prior": {"silent": 2.0}}}', "risk.prior.silent", "less than or equal to 1"),
    ('{"churn": {"prepaid": {"silence_days": 3}}}', "churn.prepaid", "at least 7"),
    ('{"churn": {"postpaid": {"reasons": []}}}', "churn.postpaid", "nobody could ever leave"),
    ('{"lifecycle": {"falling_percent": 101}}', "lifecycle.falling_percent", "less than or equal to 100"),
    ('{"moments": {"bad_debt_level": 5}}', "moments.bad_debt_level", "less than or equal to 4"),
    ("{", "", "JSON"),
]

# Each says two things that can not both be meant: a rule would take turns between them, or name one step by the other's name.
CONTRADICTIONS: list[tuple[str, str]] = [
    ('{"arrears": {"dunning_days": [30, 15, 60, 1]}}', "arrears"),
    (
        '{"tiers": {"stars": [{"monthly_spend_minor": 9, "tenure_days": 9}, {"monthly_spend_minor": 3, "tenure_days": 3},'
        ' {"monthly_spend_minor": 12, "tenure_days": 1}, {"monthly_spend_minor": 2, "tenure_days": 2}]}}',
        "tiers",
    ),
    ('{"lifecycle": {"falling_percent": 5, "recovered_percent": 50}}', "lifecycle"),
    ('{"patterns": {"group_share_percent": 10, "group_rearm_percent": 40}}', "patterns"),
    ('{"risk": {"prior": {"none": 0.01}}}', "risk"),
]


def problems(document: str) -> dict[str, str]:
    """Path -> message."""
    with pytest.raises(ValidationError) as caught:
        parameters_of(document)
    found: list[Any] = caught.value.errors()
    return {".".join(map(str, one["loc"])): one["msg"] for one in found}


@pytest.mark.parametrize(("document", "path", "message"), BAD)
def test_a_bad_document_is_refused_with_its_path(document: str, path: str, message: str) -> None:
    """S11: where it is wrong and why."""
    found = problems(document)
    assert path in found
    assert message.lower() in found[path].lower()


@pytest.mark.parametrize(("document", "path"), CONTRADICTIONS)
def test_a_document_that_contradicts_itself_is_refused(document: str, path: str) -> None:
    """S11"""
    assert any(found == path or found.startswith(f"{path}.") for found in problems(document))
