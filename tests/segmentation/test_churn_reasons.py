"""S7: reasons in words, that add up to the score, with evidence and what the score would be if the cause went away."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.segmentation.churn.reasons import Reason, reasons_of, remedied_rows, shares_of, with_counterfactuals
from services.segmentation.churn.reasons.causes import CAUSES
from services.segmentation.churn.reasons.words import WORDS, sentence
from services.segmentation.churn.row import FEATURES, Row, View, row_of
from services.segmentation.features import Features
from services.segmentation.features.account import position
from services.segmentation.rfm import Purchases
from shared.contracts import billing, care
from shared.contracts.customer import NetworkFaultMet
from tests.segmentation.customers import TODAY, ago, customer, day, heard, months, seen, subscriber, subscription, told

BOUGHT = Purchases(day(50), 5, 50_000, day(210))
"""Every 40 days, until 50 days ago."""
FALLEN = months(
    usage_days=(0, 28, 30, 31, 30),
    out_on_net_seconds=(0, 2_800, 9_000, 9_300, 9_000),
    in_off_net_seconds=(0, 8_400, 9_000, 9_300, 9_000),
    data_4g_kb=(0, 140_000, 300_000, 310_000, 300_000),
    distinct_contacts=(0, 5, 10, 10, 10),
)
"""Calls at a third of 300 seconds a day, data at half of 10,000 kB, contacts at half; 100 of 400 seconds go out, where half did."""
number = st.floats(-1e6, 1e6, width=32) | st.just(nan)


def view_of(features: Features, purchases: Purchases | None = None) -> View:
    return View(features, purchases, position(features.account, TODAY), seen())


def reason(view: View, feature: str, *, typical: Mapping[str, float] | None = None, row: Row | None = None, contribution: float = 1.0) -> Reason:
    """The only one, of a model of that feature alone."""
    (found,) = reasons_of(view, row or row_of(view), [contribution], model_features=[feature], typical=typical or {})
    return found


def many_things() -> View:
    measures = {name: [1] * 8 for name in ("dropped_calls", "network_faults", "care_calls", "complaints_billing", "forwardings_off_net", "csat_answers")}
    features = customer(subscription(ends_in=20, cugs=("G-1",), products=("vpn",)), household="H-1", months=months(**measures))
    return view_of(features, BOUGHT)


def test_each_feature_of_the_catalogue_has_words_and_one_cause() -> None:
    assert set(WORDS) == set(FEATURES)
    assert Counter(name for cause in CAUSES for name in cause.features) == Counter(FEATURES)
    assert len({cause.name for cause in CAUSES}) == len(CAUSES)


@pytest.mark.parametrize("feature", FEATURES)
def test_words_for_whatever_value_there_is(feature: str) -> None:
    """Also where it is not known, and so is what is typical."""
    wording = WORDS[feature]
    for value in (nan, -30.0, 0.0, 0.5, 1.0, 2.0, 37.4, 100.0, 130.0, 16_000_000.0):
        for own, typical in ((nan, nan), (nan, 2.0), (40.0, nan)):
            text = sentence(wording, value, own=own, typical=typical)
            assert text[0].isupper() or text.removeprefix("-")[0].isdigit()
            assert "nan" not in text.split() and 5 < len(text) < 130
    assert sentence(wording, nan, own=nan, typical=1.0) == wording.unknown


@settings(max_examples=40)
@given(st.lists(st.floats(-5, 5, width=32), min_size=len(FEATURES), max_size=len(FEATURES)), st.permutations(FEATURES), st.floats(-6, 0))
def test_causes_add_up_to_the_score(contributions: list[float], order: list[str], base: float) -> None:
    """Against the plain sum of all contributions, whatever order the model has its features in."""
    causes = shares_of(np.array(contributions, np.float32), model_features=order)
    by_hand = math.fsum([base, *contributions])
    assert base + math.fsum(share for _, shares in causes for share in shares.values()) == pytest.approx(by_hand, abs=1e-9)
    found = reasons_of(many_things(), (nan,) * len(FEATURES), contributions, model_features=order, typical={}, most=len(CAUSES))
    assert base + math.fsum(one.contribution for one in found) == pytest.approx(by_hand, abs=1e-9)


@settings(max_examples=40)
@given(st.lists(number, min_size=len(FEATURES), max_size=len(FEATURES)), st.lists(st.floats(-3, 3, width=32), min_size=len(FEATURES), max_size=len(FEATURES)))
def test_reasons_of_any_row(row: list[float], contributions: list[float]) -> None:
    """Those that raise the risk first, each kind by weight; evidence that JSON can hold; remedies of what raises it alone."""
    for view in (many_things(), view_of(Features("C-1"))):
        found = reasons_of(view, tuple(row), contributions, model_features=FEATURES, typical={}, most=12)
        assert len(found) <= 12
        assert [one.contribution < 0 for one in found] == sorted(one.contribution < 0 for one in found)
        assert all(abs(a.contribution) >= abs(b.contribution) for a, b in pairwise(found) if a.contribution * b.contribution > 0)
        for one in found:
            json.dumps([one.evidence, one.value, one.baseline], allow_nan=False)
            assert one.shares[one.feature] * one.contribution > 0
            assert bool(one.remedied) == (one.remedy is not None)
            assert one.contribution > 0 or not one.remedied
        assert np.array_equal(np.isnan(remedied_rows(row, found)), np.isnan(np.tile(row, (sum(bool(one.remedied) for one in found), 1))))


def test_the_weightiest_are_told() -> None:
    """A cause weighs what its features add up to, and is told by the one that weighs most its way."""
    features = ["care_calls_1m", "tenure_days", "dropped_calls_3m", "network_faults_3m", "complaints_1m"]
    found = reasons_of(many_things(), row_of(many_things()), [0.1, -0.9, 0.6, -0.2, 0.3], model_features=features, typical={}, most=3)
    assert [(one.cause, one.topic, one.feature, round(one.contribution, 9)) for one in found] == [
        ("network", "network", "dropped_calls_3m", 0.4),
        ("complaints", "care", "complaints_1m", 0.3),
        ("tenure", "tenure", "tenure_days", -0.9),
    ]
    assert found[0].shares == {"dropped_calls_3m": 0.6, "network_faults_3m": -0.2}


@pytest.mark.parametrize(
    ("feature", "value", "text"),
    [
        ("out_seconds_percent", 38.0, "Calls fell to 38 % of what they were in the three months before"),
        ("data_kb_percent", 130.2, "Data use rose to 130 % of what it was in the three months before"),
        ("contacts_percent", 100.4, "The numbers they call stayed at 100 % of what they were in the three months before"),
        ("incoming_share_rise", 0.26, "Incoming calls make up 26 points more of the seconds than in the three months before"),
        ("complaints_severe_6m", 0.0, "No severe complaint in six months (typical: 1)"),
        ("open_complaint_days", 9.0, "A complaint is open for 9 days (typical: 1 day)"),
        ("forwardings_off_net_0m", 3.0, "3 forwardings to another operator this month (typical: 1)"),
        ("days_to_contract_end", -5.0, "The contract ended 5 days ago (typical: 1 day)"),
        ("days_to_contract_end", nan, "No contract with a known end"),
        ("tenure_days", 2_190.0, "Here for 6 years (typical: 1 day)"),
        ("is_postpaid", 0.0, "Prepaid"),
        ("overage_minor_3m", 9_050.0, "Paid 90.50 beyond the plan in three months (typical: 0.01)"),
        ("port_out_inquiries_3m", 2.0, "Asked 2 times to take the number to another operator in three months (typical: 1)"),
        ("bill_percent", 148.0, "The newest bill rose to 148 % of the mean of the three months before"),
    ],
)
def test_words_say_what_the_value_is(feature: str, value: float, text: str) -> None:
    assert sentence(WORDS[feature], value, own=nan, typical=1.0) == text


def test_a_value_stands_against_the_customers_own_baseline() -> None:
    view = view_of(subscriber(months=FALLEN), BOUGHT)
    calls = reason(view, "out_seconds_per_day", typical={"out_seconds_per_day": 900.0})
    assert (calls.value, calls.baseline, calls.text) == (100.0, 300.0, "Calls for 1.7 minutes a day (before: 5 minutes)")
    assert (calls.evidence["month"], calls.evidence["baseline_out_seconds_per_day"]) == ("2026-10", 300.0)
    incoming = reason(view, "incoming_share")
    assert (incoming.value, incoming.baseline) == (0.75, 0.5)
    paid = reason(view, "recency_days", typical={"recency_days": 20.0})
    assert (paid.value, paid.baseline, paid.evidence["usual_gap_days"]) == (50.0, pytest.approx(40.0), 40.0)


def test_a_count_stands_against_as_many_months_before() -> None:
    """Months of which nothing is told are no baseline: then what is typical is."""
    known = view_of(subscriber(months=months(dropped_calls=(6, 2, 1, 1, 1, 2, 0, 1), usage_days=[30] * 8)))
    assert (known.seen.today, reason(known, "dropped_calls_3m").baseline) == (TODAY, 4.0)
    short = view_of(subscriber(months=months(dropped_calls=(6, 2, 1, 1, 1))))
    assert reason(short, "dropped_calls_3m", typical={"dropped_calls_3m": 3.0}).text == "10 dropped calls in three months (typical: 3)"
    assert reason(short, "dropped_calls_3m").baseline is None


def issued(bill_id: str, *, days: int, amount_minor: int) -> Any:
    return told(billing.BillIssued, at=ago(days), bill_id=bill_id, amount_minor=amount_minor, due_date=day(days - 20).isoformat())


def test_evidence_names_what_can_be_looked_up() -> None:
    features = heard(
        customer(subscription(ends_in=20), months=months(forwardings_off_net=(1, 3), overage_minor=(0, 9_000))),
        issued("B-1", days=70, amount_minor=10_000),
        issued("B-2", days=40, amount_minor=19_000),
        told(billing.PaymentReceived, at=ago(45), bill_id="B-1", amount_minor=10_000),
        told(care.ComplaintOpened, at=ago(9), complaint_id="K-501", kind="network", severity="major"),
        told(care.ComplaintOpened, at=ago(300), complaint_id="K-1", kind="billing", severity="minor"),
        told(care.ComplaintResolved, at=ago(290), complaint_id="K-1"),
        told(NetworkFaultMet, at=ago(12), cell_id="460-00-17", kind="outage"),
        told(NetworkFaultMet, at=ago(150), cell_id="460-00-18", kind="outage"),
    )
    view = view_of(features)
    assert [one["complaint_id"] for one in reason(view, "complaints_1m").evidence["complaints"]] == ["K-501"]
    assert [(one["bill_id"], one["amount_minor"]) for one in reason(view, "overage_minor_3m").evidence["bills"]] == [("B-2", 19_000), ("B-1", 10_000)]
    assert reason(view, "overdue_days").evidence["bills"] == [{"bill_id": "B-2", "amount_minor": 19_000, "due_on": day(20).isoformat()}]
    assert reason(view, "forwardings_off_net_0m").evidence["months"] == {"2026-11": {"forwardings_off_net": 1}, "2026-10": {"forwardings_off_net": 3}}
    assert [one["cell_id"] for one in reason(view, "network_faults_3m").evidence["faults"]] == ["460-00-17"]
    assert reason(view, "days_to_contract_end").evidence["contracts"] == [{"subscription_id": "S-1", "contract_ends": day(-20).isoformat()}]
    assert reason(view, "complaints_1m").remedy == "solve the open complaint K-501"
    assert reason(view, "overdue_days").remedy == "agree on how the 190.00 past due are paid"


def test_a_fall_of_usage_is_undone_as_a_whole() -> None:
    view = view_of(subscriber(months=FALLEN))
    (row,) = remedied_rows(row_of(view), [reason(view, "out_seconds_percent")])
    then = dict(zip(FEATURES, row.tolist(), strict=True))
    back = {"out_seconds_percent": 100, "data_kb_percent": 100, "contacts_percent": 100, "out_seconds_per_day": 300, "data_kb_per_day": 10_000}
    back |= {"incoming_share": 0.5, "incoming_share_rise": 0}
    before = dict(zip(FEATURES, np.array(row_of(view), np.float32).tolist(), strict=True))
    assert {name: then[name] for name in FEATURES if not math.isnan(then[name]) and then[name] != before[name]} == back


@pytest.mark.parametrize(
    ("feature", "row", "then"),
    [
        ("complaints_1m", {"complaints_1m": 2, "open_complaint_days": 9, "complaints_overdue": 1}, {"open_complaint_days": 0, "complaints_overdue": 0}),
        ("complaints_1m", {"complaints_1m": 2, "open_complaint_days": 0}, {}),
        ("overage_minor_3m", {"overage_minor_3m": 900, "bill_percent": 140}, {"overage_minor_3m": 0, "bill_percent": 100}),
        ("overage_minor_3m", {"overage_minor_3m": 0, "bill_percent": 140}, {}),
        ("bill_percent", {"bill_percent": 80}, {}),
        ("overdue_days", {"overdue_days": 8, "recency_days": 40, "suspensions_6m": 1}, {"overdue_days": 0, "recency_days": 0}),
        ("days_to_contract_end", {"days_to_contract_end": 20, "contract_inquiries_3m": 1}, {"days_to_contract_end": 365, "contract_inquiries_3m": 0}),
        ("off_net_share_3m", {"off_net_share_3m": 0.7, "off_net_share_rise": 0.2}, {"off_net_share_3m": 0.4, "off_net_share_rise": 0}),
        ("csat_mean_6m", {"csat_mean_6m": 2, "nps_mean_6m": 9}, {"csat_mean_6m": 4}),
        ("forwardings_off_net_2m_ago", {"forwardings_off_net_2m_ago": 5}, {"forwardings_off_net_2m_ago": 0}),
        ("silent_days", {"out_seconds_percent": 50}, {}),
        ("tenure_days", {"tenure_days": 30}, {}),
    ],
)
def test_what_goes_away_with_a_cause(feature: str, row: dict[str, float], then: dict[str, float]) -> None:
    """What happened stays, and what is not known does too."""
    full = tuple(float(row.get(name, nan)) for name in FEATURES)
    typical = {"off_net_share_3m": 0.4, "csat_mean_6m": 4.0, "nps_mean_6m": 7.0}
    found = reason(view_of(subscriber()), feature, row=full, typical=typical)
    assert found.remedied == then
    assert reason(view_of(subscriber()), feature, row=full, typical=typical, contribution=-1.0).remedied == {}


def test_each_remedy_gets_its_own_probability() -> None:
    """Of an additive model, where the score without a cause is known by hand; what would not lower it is not suggested."""
    weights = {"tenure_days": 0.001, "dropped_calls_3m": 0.2, "care_calls_1m": 0.3, "overage_minor_3m": 0.0}
    values = {"tenure_days": 400.0, "dropped_calls_3m": 5.0, "care_calls_1m": 2.0, "overage_minor_3m": 900.0}
    row = tuple(values.get(name, nan) for name in FEATURES)

    def score(rows: np.ndarray[Any, Any]) -> list[float]:
        columns = [FEATURES.index(name) for name in weights]
        return [1 / (1 + math.exp(3 - float(np.dot(one[columns], list(weights.values()))))) for one in rows]

    contributions = [0.4, 1.0, 0.6, 0.1]
    reasons = reasons_of(view_of(subscriber()), row, contributions, model_features=list(weights), typical={})
    assert [one.cause for one in reasons] == ["network", "care_calls", "tenure", "overage"]
    rows = remedied_rows(row, reasons)
    assert rows.shape == (3, len(FEATURES))
    network, care_calls, tenure, overage = with_counterfactuals(reasons, score(rows), now=score(np.array([row]))[0])
    assert network.if_remedied == pytest.approx(1 / (1 + math.exp(3 - 0.4 - 0.6)))
    assert care_calls.if_remedied == pytest.approx(1 / (1 + math.exp(3 - 0.4 - 1.0)))
    assert (tenure.if_remedied, tenure.remedy) == (None, None)
    assert (overage.if_remedied, overage.remedy, overage.remedied) == (None, None, {})


def test_nothing_to_remedy_is_no_row() -> None:
    assert remedied_rows(row_of(many_things()), []).shape == (0, len(FEATURES))
