"""S2: what a customer is worth, term by term, and what is still to come from them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import hyp2f1

from services.segmentation import clv
from services.segmentation.features import Features
from services.segmentation.features.account import Position
from services.segmentation.features.months import back, percent_of, revenue_minor, trend_percent
from services.segmentation.models import NOTHING, Learned
from services.segmentation.parameters import Value
from services.segmentation.rfm import Purchases
from services.segmentation.value import Worth, monthly_margin_minor, worth
from shared.contracts.customer import Subscription
from tests.segmentation.customers import TODAY, Months, customer, day, months, subscriber, subscription

DEFAULT = Value()
TERMS = ("margin", "cost_to_serve", "credit_risk", "contact_frequency", "usage", "corporate_influence", "future_value")
NOTHING_OWED = Position(0, 0, 0, ())


def worth_of(features: Features, *, owed_minor: int = 0, risk: float = 0.0, future_minor: int = 0, parameters: Value = DEFAULT, today: date = TODAY) -> Worth:
    position = Position(owed_minor, 1 if owed_minor else 0, 0, ())
    return worth(features, today=today, position=position, bad_debt_risk=risk, future_value_minor=future_minor, parameters=parameters)


def weighing(**weights: float) -> Value:
    return Value.model_validate({"weights": DEFAULT.weights | weights})


# Terms


@pytest.mark.parametrize(
    ("measures", "term", "amount_minor"),
    [
        # 40 % of what was paid and topped up, less what was taken back.
        ({"paid_minor": [100, 200], "topped_up_minor": [0, 300], "reversed_minor": [50]}, "margin", 220),
        # Of who gets bills, what was billed.
        ({"bills": [0, 1], "billed_minor": [0, 500], "paid_minor": [900], "topped_up_minor": [0, 50], "reversed_minor": [70]}, "margin", 220),
        ({"paid_minor": [0] * 11 + [1_000]}, "margin", 400),
        ({"paid_minor": [0] * 12 + [1_000]}, "margin", 0),
        ({"care_calls": [1, 2]}, "cost_to_serve", -900),
        ({"agent_contacts": [0, 2]}, "cost_to_serve", -1_600),
        ({"retention_contacts": [1]}, "cost_to_serve", -1_500),
        ({"complaints_network": [1], "complaints_other": [0, 1]}, "cost_to_serve", -6_000),
        # The most of any month, for a year: 20 each.
        ({"distinct_contacts": [4, 30, 12]}, "contact_frequency", 7_200),
        # Whole minutes and whole gigabytes of the year, 1 and 20 each.
        ({"out_on_net_seconds": [30, 30], "out_premium_seconds": [59]}, "usage", 1),
        ({"data_4g_kb": [900_000, 1_200_000], "data_5g_kb": [900_000]}, "usage", 60),
        ({"in_on_net_seconds": [9_000], "sms_out": [50]}, "usage", 0),
    ],
)
def test_terms_of_the_past_year_by_hand(measures: dict[str, list[int]], term: str, amount_minor: int) -> None:
    """S2: twelve months, the one running included."""
    assert worth_of(subscriber(months=months(**measures))).amount_minor(term) == amount_minor


@pytest.mark.parametrize(
    ("features", "amount_minor"),
    [
        (subscriber(), 0),
        (subscriber(kind="person"), 0),
        (subscriber(kind="organisation"), 50_000),
        (subscriber(corporate_account="CORP-1"), 10_000),
        (customer(subscription(cugs=("CUG-7",))), 5_000),
        (customer(subscription(cugs=("CUG-7", "CUG-8")), subscription("S-2", cugs=("CUG-7",))), 5_000),
        (customer(subscription(cugs=("CUG-7",), until=3), subscription("S-2")), 0),
        (customer(subscription(cugs=("CUG-7",)), kind="organisation", corporate_account="CORP-1"), 65_000),
    ],
)
def test_influence_by_hand(features: Features, amount_minor: int) -> None:
    """S2: who is one of many weighs more."""
    assert worth_of(features).amount_minor("corporate_influence") == amount_minor


@pytest.mark.parametrize(
    ("measures", "owed_minor", "risk", "amount_minor"),
    [
        ({}, 0, 0.5, 0),
        ({}, 10_000, 0.25, -2_500),
        ({"billed_minor": [0, 8_000, 12_000], "bills": [0, 1, 1]}, 0, 0.1, -1_000),
        ({"billed_minor": [0, 8_000, 12_000], "bills": [0, 1, 1]}, 20_000, 0.1, -3_000),
        ({"billed_minor": [0, 8_000, 12_000], "bills": [0, 1, 1]}, 20_000, 0.0, 0),
    ],
)
def test_credit_risk_by_hand(measures: dict[str, list[int]], owed_minor: int, risk: float, amount_minor: int) -> None:
    """S2: what is owed and one more bill, times the risk."""
    assert worth_of(subscriber(months=months(**measures)), owed_minor=owed_minor, risk=risk).amount_minor("credit_risk") == amount_minor


def test_a_whole_customer_by_hand() -> None:
    """S2: 40,000 + (-900) + 0 + 0.5 x 2,400 + 0.2 x 600 + 10,000 + 0.5 x 30,000."""
    measures = months(paid_minor=[0] + [10_000] * 10, care_calls=[3], distinct_contacts=[10], out_fixed_seconds=[36_000])
    found = worth_of(subscriber(months=measures, corporate_account="CORP-1"), future_minor=30_000)
    assert {term.term: term.contribution_minor for term in found.terms} == {
        "margin": 40_000,
        "cost_to_serve": -900,
        "credit_risk": 0,
        "contact_frequency": 1_200,
        "usage": 120,
        "corporate_influence": 10_000,
        "future_value": 15_000,
    }
    assert found.value_minor == 65_420
    assert {term.term: term.made_of for term in found.terms} == {
        "margin": {"revenue_minor": 100_000, "margin_percent": 40},
        "cost_to_serve": {"care_calls": 3},
        "credit_risk": {"exposure_minor": 0},
        "contact_frequency": {"distinct_contacts": 10},
        "usage": {"minutes": 600, "gigabytes": 0},
        "corporate_influence": {"corporate_member": 10_000},
        "future_value": {"horizon_months": 12},
    }


SPENDING = st.dictionaries(
    st.sampled_from(["paid_minor", "reversed_minor", "care_calls", "complaints_other", "distinct_contacts", "out_off_net_seconds", "billed_minor", "bills"]),
    st.lists(st.integers(0, 10**6), max_size=13),
).map(lambda measures: months(**measures))
WEIGHTS = st.dictionaries(st.sampled_from(TERMS), st.floats(-10, 10)).map(lambda weights: weighing(**weights))


@given(SPENDING, WEIGHTS, st.integers(0, 10**6), st.floats(0, 1), st.integers(-(10**6), 10**6))
def test_the_value_is_exactly_the_sum_of_its_terms(measures: Months, parameters: Value, owed_minor: int, risk: float, future_minor: int) -> None:
    """S2: the explanation is the sum itself, whatever the weights."""
    found = worth_of(subscriber(months=measures), owed_minor=owed_minor, risk=risk, future_minor=future_minor, parameters=parameters)
    assert {term.term for term in found.terms} == set(TERMS)
    assert found.value_minor == sum(term.contribution_minor for term in found.terms)
    for term in found.terms:
        assert abs(term.contribution_minor - term.weight * term.amount_minor) <= 0.5 + 1e-9 * abs(term.amount_minor)


@given(SPENDING, st.sampled_from(TERMS), st.integers(1, 10**6))
def test_a_weight_of_zero_takes_a_term_out_and_a_doubled_one_doubles_it(measures: Months, name: str, future_minor: int) -> None:
    """S2: and leaves all other terms as they were."""
    features = subscriber(months=measures, kind="organisation")

    def contributions(times: int) -> dict[str, int]:
        parameters = Value.model_validate({"weights": {term: weight * (times if term == name else 1) for term, weight in DEFAULT.weights.items()}})
        found = worth_of(features, owed_minor=500, risk=0.3, future_minor=future_minor, parameters=parameters)
        return {term.term: term.contribution_minor for term in found.terms}

    once, none, twice = contributions(1), contributions(0), contributions(2)
    assert none == once | {name: 0}
    assert {term: minor for term, minor in twice.items() if term != name} == {term: minor for term, minor in once.items() if term != name}
    assert abs(twice[name] - 2 * once[name]) <= 1


@given(SPENDING, st.integers(1, 10**6))
def test_who_pays_more_is_worth_more(measures: Months, more: int) -> None:
    """S2"""
    richer = {month: dict(found) for month, found in measures.items()} | months(topped_up_minor=[more])
    richer[f"{TODAY:%Y-%m}"] |= measures.get(f"{TODAY:%Y-%m}", {})
    assert worth_of(subscriber(months=richer)).value_minor >= worth_of(subscriber(months=measures)).value_minor


# Windows


def test_windows_count_back_from_the_month_running() -> None:
    """S2: the running month is 0, across the turn of the year; what is missing is empty."""
    listed = {"2025-12": {"paid_minor": 12}, "2026-01": {"paid_minor": 1}, "2026-02": {"paid_minor": 2}}
    assert back(listed, date(2026, 2, 1), 0, 3) == [{"paid_minor": 2}, {"paid_minor": 1}, {"paid_minor": 12}, {}]
    assert revenue_minor([{"paid_minor": 5, "topped_up_minor": 3, "reversed_minor": 9}]) == -1
    assert revenue_minor([{"paid_minor": 5, "topped_up_minor": 3, "reversed_minor": 9}, {"bills": 1, "billed_minor": 7}]) == 10


@pytest.mark.parametrize(
    ("paid", "percent"),
    [
        ([999, 10, 10, 10, 10, 10, 10], 100.0),
        ([0, 20, 0, 10, 10, 10, 20], 75.0),
        ([0, 0, 0, 0, 10, 10, 10], 0.0),
        ([0, 10, 10, 10, 0, 0, 0], None),
        ([0, 10, 10, 10], None),
    ],
)
def test_trends_compare_three_whole_months_with_the_three_before(paid: list[int], percent: float | None) -> None:
    """S3: the running month says nothing yet; of nothing before there is no percentage."""
    assert trend_percent(months(paid_minor=paid), TODAY, "paid_minor") == percent
    assert (percent_of(3, 4), percent_of(1, 0), percent_of(1, -2)) == (75, None, None)


def test_the_margin_of_a_month_is_the_mean_of_three() -> None:
    """S2: (100 + 200 + 300) / 3 at 40 %; neither the running month nor older ones."""
    assert monthly_margin_minor(months(paid_minor=[900, 100, 200, 300, 900]), TODAY, DEFAULT) == 80


def test_a_year_has_twelve_bills() -> None:
    """S2: the bill of the running month is still to come."""
    bills = months(billed_minor=[0] + [1_000] * 12, bills=[0] + [1] * 12)
    assert worth_of(subscriber(months=bills)).amount_minor("margin") == 4_800


def test_last_months_bill_that_is_not_issued_yet_costs_no_margin() -> None:
    """S2: on the first days of a month the bill of the last one is still to come: the three newest bills are the last three."""
    bills = {"billed_minor": [0, 0, 100, 200, 300, 900], "bills": [0, 0, 1, 1, 1, 1]}
    assert monthly_margin_minor(months(**bills), TODAY, DEFAULT) == 80


# What is to come

SURVIVAL = clv.SurvivalModel(alpha=0.7, beta=3.0, log_likelihood=0.0, customers=1_000)
PURCHASES = clv.PurchaseModel(r=0.24, alpha=4.4, a=0.79, b=2.43, log_likelihood=0.0, customers=2_357)
SPEND = clv.SpendModel(p=6.25, q=3.74, v=1_544.0, log_likelihood=0.0, customers=946)
LEARNED = Learned(survival=SURVIVAL, purchases=PURCHASES, spend=SPEND)
STEADY = months(paid_minor=[0, 10_000, 10_000, 10_000])
BOUGHT = Purchases(last_day=day(14), frequency=5, monetary_minor=25_000, first_day=day(210), paid_day=day(14))


def test_of_who_has_a_contract_by_survival() -> None:
    """S2: 4,000 a month for as many of twelve as a contract of ten months lasts on, each month's chance multiplied out, discounted."""
    features = customer(subscription(since=310), months=STEADY)
    stays, expected = 1.0, 0.0
    for ahead in range(12):
        stays *= (3.0 + 10 + ahead) / (0.7 + 3.0 + 10 + ahead)
        expected += 4_000 * stays / 1.1 ** ((ahead + 1) / 12)
    assert LEARNED.future_value_minor(features, BOUGHT, TODAY, DEFAULT) == pytest.approx(expected, abs=1)


def test_of_who_pays_as_they_go_by_purchases() -> None:
    """S2: BG/NBD in the closed form of the paper (equation 10) times Gamma-Gamma, nothing discounted; a purchase is a day of all five, a repeat one of four."""
    r, alpha, a, b = PURCHASES[:4]
    x, recency, age, horizon = 4, 28.0, 30.0, 12 * 30.44 / 7
    share = 1 - ((alpha + age) / (alpha + age + horizon)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, horizon / (alpha + age + horizon))
    odds = a / (b + x - 1) * ((alpha + age) / (alpha + recency)) ** (r + x)
    count = (a + b + x - 1) / (a - 1) * share / (1 + odds)
    each = SPEND.p * (SPEND.v + 5 * 5_000) / (SPEND.p * 5 + SPEND.q - 1)
    features = customer(subscription(payment_type="prepaid"), months=STEADY)
    found = LEARNED.future_value_minor(features, BOUGHT, TODAY, Value(yearly_discount=0.0))
    assert found == pytest.approx(0.4 * count * each, rel=1e-3)


@pytest.mark.parametrize(
    ("learned", "payment_type", "purchases"),
    [
        (NOTHING, "postpaid", BOUGHT),
        (NOTHING, "prepaid", BOUGHT),
        (LEARNED, "prepaid", None),
        (LEARNED, "prepaid", BOUGHT._replace(first_day=None)),
        (Learned(purchases=PURCHASES), "prepaid", BOUGHT),
        (Learned(survival=SURVIVAL), "prepaid", BOUGHT),
        (Learned(purchases=PURCHASES, spend=SPEND), "postpaid", BOUGHT),
    ],
)
def test_where_nothing_was_learned_the_last_months_go_on(learned: Learned, payment_type: str, purchases: Purchases | None) -> None:
    """S2: twelve times 4,000."""
    features = customer(subscription(payment_type=payment_type), months=STEADY)
    assert learned.future_value_minor(features, purchases, TODAY, DEFAULT) == 48_000


@pytest.mark.parametrize("subscriptions", [(), (subscription(until=1),), (subscription(since=None),)], ids=["none", "ended", "ordered"])
@pytest.mark.parametrize("learned", [NOTHING, LEARNED])
def test_nothing_is_to_come_of_who_is_not_here(subscriptions: tuple[Subscription, ...], learned: Learned) -> None:
    """S2: not yet, or not any more."""
    features = customer(*subscriptions, months=STEADY)
    assert learned.future_value_minor(features, BOUGHT if features.left_on else None, TODAY, DEFAULT) == 0


def test_who_is_known_by_payments_alone_has_a_future() -> None:
    """S2: where order entry tells nothing, who buys is a customer."""
    assert LEARNED.future_value_minor(customer(), BOUGHT, TODAY, DEFAULT) > 0


def test_who_stayed_away_longer_brings_less() -> None:
    """S2: of the same purchases, the longer ago the last one was."""
    features = customer(subscription(payment_type="prepaid"))
    later = [LEARNED.future_value_minor(features, BOUGHT, TODAY + timedelta(days=away), DEFAULT) for away in (0, 30, 90, 365, 2_000)]
    assert later == sorted(later, reverse=True)
    assert later[-1] < later[0] / 100


def test_who_paid_once_is_worth_what_others_are_and_what_they_paid() -> None:
    """S2: one payment says a little: who paid much in it is expected to bring more."""
    features = customer(subscription(payment_type="prepaid"))
    little, much = (LEARNED.future_value_minor(features, Purchases(day(30), 1, minor, day(30), day(30)), TODAY, DEFAULT) for minor in (500, 50_000))
    assert 0 < little < much


ODD_DAYS = st.dates(date(2015, 1, 1), date(2027, 12, 31))


@given(
    st.sampled_from(["postpaid", "prepaid", None]),
    st.tuples(ODD_DAYS, ODD_DAYS, ODD_DAYS).map(sorted),
    st.integers(1, 5_000),
    st.integers(-(10**12), 10**12),
    st.tuples(st.booleans(), st.booleans()),
    st.integers(-4_000, 500),
    st.sampled_from([1, 12, 60]),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.lists(st.integers(-(10**9), 10**12), max_size=5),
)
def test_odd_customers_have_a_future_too(
    payment_type: str | None,
    days: list[date],
    frequency: int,
    monetary_minor: int,
    known: tuple[bool, bool],
    since: int,
    horizon: int,
    discount: float,
    paid: list[int],
) -> None:
    """S2: whatever is on record, there is a number, and never less than nothing of who never took more back than they paid."""
    first, paid_day, last = days
    purchases = Purchases(last, frequency, monetary_minor, first if known[0] else None, paid_day if known[1] else None)
    features = customer(subscription(since=since, payment_type=payment_type), months=months(paid_minor=paid))  # type: ignore[arg-type]
    found = LEARNED.future_value_minor(features, purchases, TODAY, Value(horizon_months=horizon, yearly_discount=discount))
    assert isinstance(found, int)
    assert found >= 0 or min(paid) < 0


@pytest.mark.parametrize(("payment_type", "frequency"), list(product(["prepaid", "postpaid"], [1, 2, 300, 3_000])))
def test_a_day_old_customer_and_one_of_ten_years(payment_type: str, frequency: int) -> None:
    """S2: at both ends of what there is."""
    for since in (0, 3_650):
        features = customer(subscription(since=since, payment_type=payment_type), months=STEADY)
        purchases = Purchases(TODAY, frequency, 100 * frequency, day(since), TODAY)
        found: Any = LEARNED.future_value_minor(features, purchases, TODAY, DEFAULT)
        assert 0 <= found < 10**9
