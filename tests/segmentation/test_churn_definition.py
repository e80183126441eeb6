"""S13: who left, by one definition. Held against a walk day by day over what truly happened, and against counts of real purchases."""

from __future__ import annotations

import gzip
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.segmentation.churn_definition import KINDS, ChurnRate, Label, known_from, label_of, matures_on, rate_of
from services.segmentation.features import Features, active
from services.segmentation.features.months import MONTHS_KEPT
from services.segmentation.parameters import Churn, ChurnDefinition, Parameters
from shared.clock import months_before
from shared.contracts.customer import Activity
from tests.datasets import dataset
from tests.segmentation.activity import profile

OBSERVED = date(2026, 3, 31)
BUILT_IN = Parameters().churn
HEAVY = {"usage_days": 28, "out_on_net_seconds": 20_000, "data_4g_kb": 1_000}
LIGHT = {"usage_days": 28, "out_on_net_seconds": 2_000, "data_4g_kb": 100}


def on(days: int) -> date:
    """So many days after the one observed."""
    return OBSERVED + timedelta(days=days)


def subscription(payment_type: str | None = "prepaid", *, activated: int | None = -300, ended: int | None = None, reason: str | None = None) -> dict[str, Any]:
    """Days count from the one observed."""
    return {
        "subscription_id": "S-1",
        "payment_type": payment_type,
        "activated_on": None if activated is None else on(activated).isoformat(),
        "terminated_on": None if ended is None else on(ended).isoformat(),
        "reason": reason,
    }


def customer(*subscriptions: dict[str, Any], used: Iterable[int] = (), months: dict[str, dict[str, int]] | None = None) -> Features:
    features = Features("C-1", months=dict(months or {}), holding={"subscriptions": list(subscriptions)})
    for day in used:
        active.add(features.active, on(day).isoformat(), on(day).isoformat())
    return features


def labelled(features: Features, parameters: Churn = BUILT_IN, *, known: int = 60) -> Label:
    return label_of(features, OBSERVED, known_on=on(known), parameters=parameters)


def found(features: Features, parameters: Churn = BUILT_IN, *, known: int = 60) -> tuple[str, str | None, int | None]:
    """State, kind or what excluded for, and the day of it."""
    label = labelled(features, parameters, known=known)
    return label.state, label.excluded_for or label.kind, (label.churned_on - OBSERVED).days if label.churned_on else None


def around(day: date) -> list[date]:
    return [day - timedelta(days=1), day, day + timedelta(days=1)]


def prepaid(horizon_days: int = 30, maturation_days: int = 14, **definition: Any) -> Churn:
    return Churn(horizon_days=horizon_days, maturation_days=maturation_days, prepaid=ChurnDefinition(**definition))


# By example: the end of subscriptions


@pytest.mark.parametrize("payment_type", ["prepaid", "postpaid"])
@pytest.mark.parametrize(
    ("ended", "reason", "expected"),
    [
        (1, "port_out", ("churned", "port_out", 1)),
        (30, "customer_request", ("churned", "termination", 30)),
        (31, "port_out", ("stayed", None, None)),
        (0, "port_out", ("excluded", "had_left_already", None)),
        (7, "arrears", ("excluded", "involuntary", 7)),
        (7, "death", ("excluded", "involuntary", 7)),
        (7, None, ("excluded", "involuntary", 7)),
    ],
)
def test_the_end_of_the_only_subscription(payment_type: str, ended: int, reason: str, expected: tuple[Any, ...]) -> None:
    """S13: by its reason, and in the window from the day after the one observed to its last."""
    assert found(customer(subscription(payment_type, ended=ended, reason=reason), used=range(-90, 30, 7))) == expected


def test_who_was_cut_off_is_told_so() -> None:
    """S13: nobody can retain them, so they count neither as churned nor as stayed."""
    label = labelled(customer(subscription(ended=7, reason="arrears"), used=[0]))
    assert (label.kind, label.churned_on) == ("involuntary", on(7))
    assert "involuntary" in label.reason
    assert "arrears" in label.reason
    own = prepaid(reasons=("port_out", "arrears"))
    assert found(customer(subscription(ended=7, reason="arrears")), own) == ("churned", "termination", 7)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([subscription()], ("stayed", None, None)),
        ([subscription("postpaid", activated=5)], ("stayed", None, None)),
        ([subscription(activated=6)], ("churned", "port_out", 5)),
        ([subscription(ended=9, reason="customer_request")], ("churned", "termination", 9)),
        ([subscription(ended=9, reason="fraud")], ("excluded", "involuntary", 9)),
        ([subscription(ended=5, reason="customer_request"), subscription(ended=5, reason="arrears")], ("churned", "port_out", 5)),
        ([subscription(activated=4, ended=8, reason="customer_request")], ("churned", "termination", 8)),
        ([subscription(activated=None)], ("churned", "port_out", 5)),
    ],
)
def test_the_customer_leaves_with_the_last_subscription(others: list[dict[str, Any]], expected: tuple[Any, ...]) -> None:
    """S13: a number taken over on the same day is none that left; coming back later undoes nothing."""
    features = customer(subscription(ended=5, reason="port_out"), *others, used=range(-90, 40, 7))
    assert found(features) == expected
    features.holding["subscriptions"].append(features.holding["subscriptions"].pop(0))
    assert found(features) == expected


@pytest.mark.parametrize(
    ("subscriptions", "used", "why"),
    [
        ([], [], "not_a_customer_yet"),
        ([subscription(activated=1)], [], "not_a_customer_yet"),
        ([subscription(activated=1)], [1], "not_a_customer_yet"),
        ([subscription(activated=1)], [0], "not_known_that_far_back"),
        ([subscription(activated=None)], [], "not_a_customer_yet"),
        ([subscription(activated=-9, ended=-2, reason="port_out"), subscription(activated=1)], [-5], "had_left_already"),
        ([subscription(activated=None, ended=9, reason="port_out")], [], "not_known_that_far_back"),
        ([subscription(None)], [0], "payment_type_not_known"),
    ],
)
def test_who_was_no_customer_is_excluded_at_once(subscriptions: list[dict[str, Any]], used: list[int], why: str) -> None:
    """S13: with the reason; and the day that has not come is not judged at all."""
    features = customer(*subscriptions, used=used)
    for known in (0, 60, 900):
        assert found(features, known=known) == ("excluded", why, None)
    assert found(features, known=-1) == ("immature", None, None)


def test_a_day_at_the_end_of_time_is_answered() -> None:
    """S13: whatever day is asked for."""
    features = customer(subscription(), used=[0])
    assert label_of(features, date.max, known_on=on(0), parameters=BUILT_IN).state == "immature"
    assert label_of(features, date.min, known_on=on(0), parameters=BUILT_IN).excluded_for == "not_a_customer_yet"


def test_a_subscription_activated_again_is_not_guessed_about() -> None:
    """S13: its first end is not held any more, so a customer who left and came back to the same number is excluded, not `stayed`."""
    left = subscription("postpaid", ended=5, reason="port_out")
    assert found(customer(left, used=[-3])) == ("churned", "port_out", 5)
    assert found(customer(left | {"activated_on": on(50).isoformat(), "terminated_on": None}, used=[-3])) == ("excluded", "not_known_that_far_back", None)


@pytest.mark.parametrize("changes", [{"merged_into": "C-2"}, {"erased": True}])
def test_who_is_another_customer_now_is_excluded(changes: dict[str, Any]) -> None:
    """S13 C4 C9"""
    assert found(replace(customer(subscription(), used=[0]), **changes)) == ("excluded", "merged_or_erased", None)


def test_the_definition_is_that_of_the_first_subscription_live_then() -> None:
    """S13: not of the one that is first now."""
    silent = [-50]  # 60 days on day 10
    gone = subscription("postpaid", activated=-300, ended=-100, reason="port_out")
    assert found(customer(gone, subscription(), subscription("postpaid"), used=silent))[1] == "silence"
    assert found(customer(subscription("postpaid"), subscription(), used=silent)) == ("stayed", None, None)


# By example: silence


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([-59], ("churned", "silence", 1)),
        ([-30], ("churned", "silence", 30)),
        ([-29], ("stayed", None, None)),
        ([-60], ("excluded", "silent_already", None)),
        ([-60, 3], ("excluded", "silent_already", None)),
        ([-50, 10], ("stayed", None, None)),
        ([-50, 11], ("churned", "silence", 10)),
        ([-50, 0], ("stayed", None, None)),
        ([], ("stayed", None, None)),
        ([20], ("stayed", None, None)),
    ],
)
def test_silence_counts_on_the_day_it_is_reached(used: list[int], expected: tuple[Any, ...]) -> None:
    """S13: 60 days after the last chargeable event; who never had one has nothing to fall silent from."""
    assert found(customer(subscription(), used=used)) == expected
    assert found(customer(subscription("postpaid"), used=used)) == ("stayed", None, None)


@given(st.lists(st.tuples(st.integers(-60, 60), st.integers(0, 20)), max_size=6), st.integers(1, 40), st.integers(-60, 60), st.integers(0, 60))
def test_a_silence_is_found_as_by_counting_days(drawn: list[tuple[int, int]], days: int, after: int, window_days: int) -> None:
    """S13: in any order, overlapping, and whichever day the window begins after."""
    used = {day for first, more in drawn for day in range(first, first + more + 1)}
    silences = {day: day - max((one for one in used if one <= day), default=10**6) for day in range(after + 1, after + window_days + 1)}
    expected = next((on(day) for day, silence in silences.items() if silence == days), None)
    stretches = [[on(first).isoformat(), on(first + more).isoformat()] for first, more in drawn]
    assert active.silence_began(stretches, days, on(after), on(after + window_days)) == expected


@pytest.mark.parametrize(
    ("activated", "expected"), [(-40, ("churned", "silence", 20)), (-60, ("excluded", "silent_already", None)), (-20, ("stayed", None, None))]
)
def test_an_activation_is_a_sign_of_life(activated: int, expected: tuple[Any, ...]) -> None:
    """S13: who took a new subscription is not silent since the old one ended."""
    features = customer(subscription(ended=-90, reason="customer_request"), subscription(activated=activated), used=[-100])
    assert found(features) == expected


def test_an_activation_inside_a_stretch_ends_nothing() -> None:
    """S13: the last day of use counts, whatever was activated before it."""
    assert found(customer(subscription(), subscription(activated=-50), used=range(-70, 25, 5))) == ("stayed", None, None)


# By example: heavy to light


def by_month(*months: dict[str, int] | None, last: str = "2026-04") -> dict[str, dict[str, int]]:
    """The newest one last."""
    return {months_before(last, back): month for back, month in enumerate(reversed(months)) if month is not None}


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        ([HEAVY, HEAVY, HEAVY, LIGHT], ("churned", "partial", 30)),
        ([HEAVY, HEAVY, HEAVY, LIGHT | {"out_on_net_seconds": 2_001}], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, LIGHT | {"out_premium_seconds": 1}], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, LIGHT | {"data_4g_kb": 101}], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, LIGHT | {"data_5g_kb": 10**6}], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, LIGHT | {"usage_days": 35, "out_on_net_seconds": 2_500, "data_4g_kb": 125}], ("churned", "partial", 30)),
        ([HEAVY | {"usage_days": 35}] * 3 + [LIGHT | {"out_on_net_seconds": 1_600, "data_4g_kb": 80}], ("churned", "partial", 30)),
        ([HEAVY | {"usage_days": 35}] * 3 + [LIGHT | {"out_on_net_seconds": 1_601, "data_4g_kb": 80}], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, LIGHT | {"usage_days": 21}], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, {"usage_days": 21}], ("churned", "partial", 30)),
        ([HEAVY, HEAVY, HEAVY, {"usage_days": 20}], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, None], ("stayed", None, None)),
        ([None, HEAVY, HEAVY, LIGHT], ("stayed", None, None)),
        ([{"usage_days": 7}, HEAVY, HEAVY, {"usage_days": 28}], ("stayed", None, None)),
        ([HEAVY | {"out_on_net_seconds": 14_000}, HEAVY, HEAVY, {"usage_days": 28}], ("churned", "partial", 30)),
        ([HEAVY | {"out_on_net_seconds": 13_999}, HEAVY, HEAVY, {"usage_days": 28}], ("stayed", None, None)),
        ([HEAVY, HEAVY, LIGHT, HEAVY, LIGHT], ("stayed", None, None)),
        ([HEAVY, HEAVY, HEAVY, LIGHT, LIGHT], ("excluded", "light_already", None)),
        ([HEAVY, HEAVY, HEAVY, LIGHT, HEAVY], ("excluded", "light_already", None)),
    ],
)
def test_partial_is_a_month_against_the_three_before(months: list[dict[str, int] | None], expected: tuple[Any, ...]) -> None:
    """S13: per covered day, of a heavy caller, in calls and data both; on the last day of the month. 13,999 + 2 x 20,000 is just no 3 x 18,000."""
    assert found(customer(subscription(), used=range(-90, 40, 7), months=by_month(*months))) == expected


@pytest.mark.parametrize(
    ("observed_on", "horizon_days", "expected"),
    [
        (date(2026, 3, 31), 29, "stayed"),
        (date(2026, 3, 31), 30, "churned"),
        (date(2026, 4, 29), 1, "churned"),
        (date(2026, 4, 30), 30, "excluded"),
        (date(2026, 2, 28), 61, "churned"),
    ],
)
def test_a_month_counts_in_the_window_that_it_ends_in(observed_on: date, horizon_days: int, expected: str) -> None:
    """S13: one that ends after the window is not looked at, and one that ended before was churn already."""
    features = customer(subscription(), used=range(-90, 60, 7), months=by_month(HEAVY, HEAVY, HEAVY, HEAVY, LIGHT))
    label = label_of(features, observed_on, known_on=date(2026, 7, 1), parameters=prepaid(horizon_days, partial_percent=90))
    assert (label.state, label.churned_on) == (expected, date(2026, 4, 30) if expected == "churned" else None)


@pytest.mark.parametrize(
    ("ended", "reason", "last_used", "expected"),
    [
        (30, "port_out", -30, "port_out"),
        (30, "customer_request", -30, "termination"),
        (30, "arrears", -30, "silence"),
        (30, "arrears", 20, "partial"),
        (29, "arrears", -30, "involuntary"),
        (31, "port_out", -31, "silence"),
        (29, "port_out", -30, "port_out"),
    ],
)
def test_the_earliest_wins_and_of_one_day_what_the_customer_did(ended: int, reason: str, last_used: int, expected: str) -> None:
    """S13: port-out, termination, silence, partial, involuntary: all of April's last day, but for what is earlier."""
    features = customer(subscription(ended=ended, reason=reason), used=range(-90, last_used + 1, 6), months=by_month(HEAVY, HEAVY, HEAVY, LIGHT))
    assert labelled(features).kind == expected


# By example: when a label is final, and how far back it reaches


def test_labels_are_final_for_all_of_a_payment_type_at_once() -> None:
    """S13: 30 + 14 days, and a week more where usage counts, whose summary is told when its week is over; who left at once is no sooner known."""
    for payment_type, final in (("prepaid", 51), ("postpaid", 44)):
        for features in (customer(subscription(payment_type, ended=1, reason="port_out"), used=[0]), customer(subscription(payment_type), used=[0])):
            assert labelled(features, known=final - 1).state == "immature"
            assert on(final).isoformat() in labelled(features, known=final - 1).reason
            assert labelled(features, known=final).state in ("churned", "stayed")
    assert matures_on(OBSERVED, BUILT_IN.prepaid, parameters=BUILT_IN) == date(2026, 5, 21)
    assert matures_on(OBSERVED, BUILT_IN.postpaid, parameters=BUILT_IN) == date(2026, 5, 14)


def test_who_was_silent_already_is_excluded_when_that_is_final() -> None:
    """S13: until then the week's summary may still come."""
    assert [found(customer(subscription(), used=[-70]), known=known)[0] for known in (0, 50, 51)] == ["immature", "immature", "excluded"]


@pytest.mark.parametrize(
    ("definition", "oldest"),
    [({"silence_days": 60}, -232), ({"partial_percent": 90}, -274), ({"silence_days": 60, "partial_percent": 90}, -232), ({}, -298)],
)
def test_labels_reach_equally_far_back_for_who_stayed_and_who_left(definition: dict[str, int], oldest: int) -> None:
    """S13: known on 31 March: silence for 232 days, partial from 30 June on (compared with March, with which the 13 months kept begin),
    subscriptions for ever."""
    stayed = customer(subscription(activated=-400), used=range(-390, 0, 7), months=by_month(*[HEAVY] * 13, last="2026-03"))
    left = customer(subscription(activated=-400, ended=oldest + 1, reason="port_out"), used=range(-390, oldest, 7))
    for features, state in ((stayed, "stayed"), (left, "churned")):
        labels = [label_of(features, on(day), known_on=OBSERVED, parameters=prepaid(**definition)) for day in (oldest - 1, oldest)]
        assert labels[1].state == state
        assert (labels[0].excluded_for == "not_known_that_far_back") == bool(definition)


def test_what_is_known_from_is_what_is_kept() -> None:
    """S13: by the worst customer there can be: single days, as near to each other as stretches can be, and a fact in every month."""
    stretches: list[list[str]] = []
    for day in range(-active.GAP_DAYS * 99, 1):
        if day % (active.GAP_DAYS + 1) == 0:
            active.add(stretches, on(day).isoformat(), on(day).isoformat())
    assert known_from(OBSERVED, ChurnDefinition(silence_days=60)).isoformat() == stretches[0][0]
    assert len(stretches) == active.STRETCHES_KEPT
    months = {months_before("2026-03", back): HEAVY for back in range(20)}
    features = Features("C-1")
    features.take_in(Activity.model_validate({"months": months, "profile": profile("prepaid")}, strict=False), 1)
    observable = known_from(OBSERVED, ChurnDefinition(partial_percent=90))
    assert (observable, len(features.months)) == (last_day(f"{observable:%Y-%m}"), MONTHS_KEPT)
    assert months_before(f"{observable:%Y-%m}", 3) == min(features.months)


def test_a_row_read_later_has_lost_what_it_would_have_held() -> None:
    """S13: it is told by what is in it, whatever day is claimed."""
    features = customer(subscription(), used=[*range(-90, 0, 7), 300])
    assert found(features, known=60) == ("excluded", "not_known_that_far_back", None)
    months = by_month(HEAVY, HEAVY, HEAVY, HEAVY, last="2027-01")
    assert found(customer(subscription(), used=[0], months=months), prepaid(partial_percent=90)) == ("excluded", "not_known_that_far_back", None)


# Configuration


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        (ChurnDefinition, {"silence_days": 6}, "at least 7"),
        (ChurnDefinition, {"reasons": ()}, "nobody could ever leave"),
        (ChurnDefinition, {"reasons": ("port-out",)}, "port_out"),
        (ChurnDefinition, {"partial_usage_days": 0}, "greater than or equal to 1"),
        (Churn, {"horizon_days": 0}, "greater than or equal to 1"),
        (Churn, {"horizon_days": 212}, "may be 225 together"),
    ],
)
def test_a_definition_that_can_not_be_kept_is_refused(section: type[Churn | ChurnDefinition], changes: dict[str, Any], message: str) -> None:
    """S13: when it is drafted, and not by labels that are wrong or never final."""
    with pytest.raises(ValidationError, match=message):
        section(**changes)


def test_the_longest_window_is_final_while_it_is_known() -> None:
    """S13: there is a day on which it can be asked for."""
    longest = prepaid(211, silence_days=7)
    final_on = matures_on(OBSERVED, longest.prepaid, parameters=longest)
    assert known_from(final_on, longest.prepaid) == OBSERVED
    states = [label_of(customer(subscription(), used=range(-90, 220, 7)), OBSERVED, known_on=day, parameters=longest).state for day in around(final_on)]
    assert states == ["immature", "stayed", "excluded"]
    assert Churn(horizon_days=365, prepaid=ChurnDefinition()).horizon_days == 365


# The rate


def test_the_rate_counts_who_could_stay() -> None:
    """S13: 3 of 4; neither who is excluded nor who is immature is in it."""
    labels = [
        labelled(customer(subscription(ended=3, reason="port_out"))),
        labelled(customer(subscription(ended=3, reason="customer_request"))),
        labelled(customer(subscription(ended=4, reason="customer_request"))),
        labelled(customer(subscription())),
        labelled(customer(subscription(ended=3, reason="arrears"))),
        labelled(customer()),
        labelled(customer(), known=0),
        labelled(customer(subscription()), known=50),
    ]
    expected = ChurnRate(4, 3, 0.75, {"port_out": 1, "termination": 2}, {"involuntary": 1, "not_a_customer_yet": 2}, 1)
    assert rate_of(iter(labels)) == expected
    assert rate_of([]) == ChurnRate(0, 0, None, {}, {}, 0)


def test_silence_in_a_real_shop() -> None:
    """S13: 2,357 customers of CDNOW, silent for 90 days: as pandas counts it from gaps between the days they bought on."""
    with gzip.open(dataset("CDNOW_sample.txt.gz"), "rt") as file:
        bought = pd.read_csv(file, sep=r"\s+", names=["_", "customer", "day", "cds", "spent"], usecols=["customer", "day"])
    bought["day"] = pd.to_datetime(bought["day"].astype(str))
    bought = bought.drop_duplicates().sort_values(["customer", "day"])
    observed = pd.Timestamp(1997, 8, 31)
    gaps = bought[bought["day"] <= observed].groupby("customer")["day"].max().to_frame("last")
    gaps["next"] = bought[bought["day"] > observed].groupby("customer")["day"].min()
    gaps["reached"] = gaps["last"] + pd.Timedelta(days=90)
    silent = gaps["reached"] <= observed
    leaves = ~silent & (gaps["reached"] <= observed + pd.Timedelta(days=30)) & ~(gaps["next"] <= gaps["reached"])
    expected = (int((~silent).sum()), int(leaves.sum()), int(silent.sum()))

    kept = bought[bought["day"] <= observed + pd.Timedelta(days=51)]
    shop, known_on = prepaid(silence_days=90), observed.date() + timedelta(days=51)
    labels = [label_of(_buyer(sorted(days)), observed.date(), known_on=known_on, parameters=shop) for _, days in kept.groupby("customer")["day"]]
    rate = rate_of(labels)
    assert (rate.customers, rate.churned, rate.excluded["silent_already"]) == expected
    assert 0 < expected[1] < expected[0] < 2357


def _buyer(days: list[pd.Timestamp]) -> Features:
    features = Features("C-1", holding={"subscriptions": [subscription() | {"activated_on": days[0].date().isoformat()}]})
    for day in days:
        active.add(features.active, day.date().isoformat(), day.date().isoformat())
    return features


# Held against a walk day by day


class Life(NamedTuple):
    """What truly happened: days count from the one observed, months by their number of seconds and kilobytes."""

    subscriptions: list[dict[str, Any]]
    used: list[int]
    months: dict[str, dict[str, int]]

    def row(self) -> Features:
        return customer(*self.subscriptions, used=self.used, months=self.months)

    def until(self, day: int) -> Life:
        """As it was told at the end of that day: a month counts when it is over."""
        held = [
            one | ({"terminated_on": None, "reason": None} if (one["terminated_on"] or "") > on(day).isoformat() else {})
            for one in self.subscriptions
            if one["activated_on"] <= on(day).isoformat()
        ]
        return Life(held, [one for one in self.used if one <= day], {month: one for month, one in self.months.items() if last_day(month) <= on(day)})


def last_day(month: str) -> date:
    year, number = map(int, month.split("-"))
    return date(year, number, monthrange(year, number)[1])


REASONS = ("port_out", "customer_request", "arrears", "fraud", "other")
MONTHS = tuple(months_before("2026-06", back) for back in range(8))

subscriptions = st.builds(
    lambda activated, lasted, reason: subscription(
        activated=activated, ended=activated + lasted if lasted is not None else None, reason=reason if lasted is not None else None
    ),
    st.integers(-100, 40),
    st.none() | st.integers(0, 140),
    st.sampled_from(REASONS),
)
months = st.fixed_dictionaries({
    "usage_days": st.sampled_from([0, 21, 28, 28, 35]),
    "out_on_net_seconds": st.sampled_from([0, 900, 1_000, 5_000, 10_000]),
    "data_4g_kb": st.sampled_from([0, 0, 100, 1_000]),
})  # fmt: skip
lives = st.builds(
    Life,
    st.lists(subscriptions, min_size=1, max_size=3),
    st.lists(st.integers(-100, 90), max_size=25, unique=True),
    st.dictionaries(st.sampled_from(MONTHS), months),
)
definitions = st.builds(
    lambda reasons, silence_days, partial_percent: ChurnDefinition(
        reasons=("port_out", *sorted(reasons)), silence_days=silence_days, partial_percent=partial_percent, partial_least_seconds=900
    ),
    st.sets(st.sampled_from(REASONS[1:])),
    st.just(0) | st.integers(7, 40),
    st.sampled_from([0, 50, 90, 100]),
)
windows = st.builds(lambda definition, horizon_days: Churn(horizon_days=horizon_days, prepaid=definition), definitions, st.integers(1, 62))


def walked(life: Life, parameters: Churn) -> tuple[str, str | None, int | None]:
    """The label, day by day, from what truly happened: of a prepaid customer, long after the window."""
    definition = parameters.prepaid
    if not any(live(one, 0) for one in life.subscriptions):
        return "excluded", None, None
    if _silence(life, 0) >= (definition.silence_days or 10**6) or _light_on(life, last_month_over(0), definition):
        return "excluded", None, None
    for day in range(1, parameters.horizon_days + 1):
        happened = set(_happened_on(life, day, definition))
        for kind in KINDS:
            if kind in happened:
                return ("excluded" if kind == "involuntary" else "churned"), kind, day
    return "stayed", None, None


def _happened_on(life: Life, day: int, definition: ChurnDefinition) -> Iterable[str]:
    if not any(live(one, day) for one in life.subscriptions):
        for reason in (one["reason"] for one in life.subscriptions if one["terminated_on"] == on(day).isoformat()):
            yield "involuntary" if reason not in definition.reasons else "port_out" if reason == "port_out" else "termination"
    if _silence(life, day) == definition.silence_days > 0:
        yield "silence"
    if on(day) == last_day(f"{on(day):%Y-%m}") and _light_on(life, f"{on(day):%Y-%m}", definition):
        yield "partial"


def live(one: dict[str, Any], day: int) -> bool:
    return str(one["activated_on"]) <= on(day).isoformat() < str(one["terminated_on"] or "9")


def last_month_over(day: int) -> str:
    return max(month for month in MONTHS if last_day(month) <= on(day))


def _silence(life: Life, day: int) -> int:
    """Days since the last sign of life; -1 before the first event."""
    begun = [one for one in life.used if one <= day]
    signs = begun + [(date.fromisoformat(one["activated_on"]) - OBSERVED).days for one in life.subscriptions]
    return day - max(one for one in signs if one <= day) if begun else -1


def _light_on(life: Life, month: str, definition: ChurnDefinition) -> bool:
    now, before = life.months.get(month), [life.months.get(months_before(month, back), {}) for back in (1, 2, 3)]
    days, seconds = sum(one.get("usage_days", 0) for one in before), sum(one.get("out_on_net_seconds", 0) for one in before)
    if not definition.partial_percent or not now or now["usage_days"] < 21 or days < 63 or seconds < 2_700:
        return False
    kept = 1 - Fraction(definition.partial_percent, 100)
    kb = sum(one.get("data_4g_kb", 0) for one in before)
    return all(Fraction(now[name], now["usage_days"]) <= kept * Fraction(total, days) for name, total in (("out_on_net_seconds", seconds), ("data_4g_kb", kb)))


@settings(max_examples=300)
@given(lives, windows)
@example(Life([subscription()], [-7, 0], {}), prepaid(30, silence_days=7))
@example(Life([subscription()], [-7, 1], {}), prepaid(30, silence_days=7))
@example(Life([subscription()], [-1, 7], {}), prepaid(30, silence_days=7))
def test_labels_are_what_a_walk_day_by_day_finds(life: Life, parameters: Churn) -> None:
    """S13: though stretches are merged over gaps, and whatever happened after the window."""
    label = labelled(life.row(), parameters, known=120)
    assert (label.state, label.kind, (label.churned_on - OBSERVED).days if label.churned_on else None) == walked(life, parameters)


@settings(max_examples=150)
@given(lives, windows)
def test_what_came_after_the_window_changes_nothing(life: Life, parameters: Churn) -> None:
    """S13: the label is the same without every fact of a later day."""
    alone = labelled(life.until(parameters.horizon_days).row(), parameters, known=120)
    assert labelled(life.row(), parameters, known=120) == alone


@settings(max_examples=150)
@given(lives, windows, st.integers(0, 120))
def test_what_was_not_known_changes_nothing(life: Life, parameters: Churn, known: int) -> None:
    """S13: nor does a fact of a day after the one on which it is asked for."""
    assert labelled(life.row(), parameters, known=known) == labelled(life.until(known).row(), parameters, known=known)


@settings(max_examples=150)
@given(lives, windows)
def test_a_final_label_stays_final(life: Life, parameters: Churn) -> None:
    """S13: with every day that passes it is immature, then final, then at most not known any more."""
    labels = [labelled(life.row(), parameters, known=known) for known in range(0, 240, 12)]
    final = [label for label in labels if label.state != "immature"]
    assert labels == [label for label in labels if label.state == "immature"] + final
    assert len({label for label in final if label.excluded_for != "not_known_that_far_back"}) <= 1


@settings(max_examples=150)
@given(lives, windows, definitions)
def test_a_wider_definition_makes_nobody_stay(life: Life, parameters: Churn, other: ChurnDefinition) -> None:
    """S13: who churned by one definition churned by one that has more in it, or had already."""
    one = parameters.prepaid
    wider = ChurnDefinition(
        reasons=tuple(sorted({*one.reasons, *other.reasons})),
        silence_days=min(filter(None, (one.silence_days, other.silence_days)), default=0),
        partial_percent=min(filter(None, (one.partial_percent, other.partial_percent)), default=0),
        partial_least_seconds=0,
        partial_usage_days=min(one.partial_usage_days, other.partial_usage_days),
    )
    before = labelled(life.row(), parameters, known=120)
    after = labelled(life.row(), parameters.model_copy(update={"prepaid": wider}), known=120)
    if before.state == "churned":
        assert after.state == "churned" or after.excluded_for in {"silent_already", "light_already"}
        assert after.churned_on is None or (before.churned_on is not None and after.churned_on <= before.churned_on)
    assert after.state != "stayed" or before.state == "stayed"


@settings(max_examples=50)
@given(lives)
def test_windows_that_follow_each_other_count_an_end_once(life: Life) -> None:
    """S13: windows of a day each, over a year: every day at whose end nothing was live any more, and no other."""
    each_day = prepaid(1, reasons=REASONS)
    labels = [label_of(life.row(), on(day), known_on=on(400), parameters=each_day) for day in range(-101, 200)]
    alive = [any(live(one, day) for one in life.subscriptions) for day in range(-101, 201)]
    ends = [on(day) for day, (before, now) in enumerate(pairwise(alive), start=-100) if before and not now]
    assert [label.churned_on for label in labels if label.state == "churned"] == ends
