"""S1 S5 S9: what facts add up to comes out the same in whatever order they come, and what is owed after them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta, timezone
from itertools import permutations
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.segmentation.features import Features, active, complaints
from services.segmentation.features.account import BILLS_KEPT, CREDITS_KEPT, Position, credit_limit_minor, position
from shared.contracts import billing, care, network
from shared.contracts import customer as contract
from shared.contracts.customer import Activity, Fact
from shared.contracts.envelope import Payload
from tests.segmentation.customers import TODAY, ago, day, told, used

BEIJING = timezone(timedelta(hours=8))


class Said(NamedTuple):
    """What is reported so many hours ago."""

    hours: int
    payload: type[Payload]
    data: dict[str, Any]

    @property
    def once(self) -> tuple[Any, ...]:
        """A bill is issued once, a complaint opened and resolved once; all else may come again."""
        once = self.payload in {billing.BillIssued, care.ComplaintOpened, care.ComplaintResolved}
        return (self.payload, self.data.get("bill_id") or self.data.get("complaint_id")) if once else (self.payload, self.hours)

    @property
    def fact(self) -> Fact:
        days = self.hours / 24
        return used(days, **self.data) if self.payload is network.UsageSummarised else told(self.payload, at=ago(days), **self.data)


def said(payload: type[Payload], **data: st.SearchStrategy[Any]) -> st.SearchStrategy[Said]:
    return st.builds(Said, st.integers(0, 24 * 300), st.just(payload), st.fixed_dictionaries(data))


MINOR = st.integers(1, 5_000)
BILL_IDS = st.sampled_from(["B-1", "B-2", "B-3", "B-4"])
COMPLAINT_IDS = st.sampled_from(["K-1", "K-2", "K-3"])
USAGE = st.builds(
    lambda hours, data: Said(hours, network.UsageSummarised, data),
    st.integers(0, 24 * 300),
    st.sampled_from([{"on_net": {"out_seconds": 9}}, {"on_net": {"in_seconds": 9}}, {"sms_out": 1}, {"data": {"g5_kb": 1}}, {"data": {"g5_kb": 0}}]),
)
MONEY = (
    said(billing.BillIssued, bill_id=BILL_IDS, amount_minor=MINOR, due_date=st.integers(-20, 200).map(lambda days: day(days).isoformat())),
    said(billing.PaymentReceived, bill_id=BILL_IDS, amount_minor=MINOR),
    said(billing.PaymentReceived, bill_id=st.none(), amount_minor=MINOR),
    said(billing.PaymentReversed, amount_minor=MINOR),
    said(billing.AccountSuspended, reason=st.sampled_from(["arrears", "customer_request"]), owed_minor=MINOR),
    said(billing.AccountResumed),
    said(billing.CreditLimitChanged, limit_minor=MINOR),
)
CARE = (
    said(care.ComplaintOpened, complaint_id=COMPLAINT_IDS, kind=st.sampled_from(["network", "billing"]), severity=st.sampled_from(["minor", "critical"])),
    said(contract.CaseOverdue, complaint_id=COMPLAINT_IDS),
    said(care.ComplaintResolved, complaint_id=COMPLAINT_IDS),
)
# No two at one instant, and fewer than what is kept of anything.
HISTORIES = st.lists(st.one_of(USAGE, said(billing.ToppedUp), *MONEY, *CARE), max_size=20, unique_by=(lambda one: one.hours, lambda one: one.once)).map(
    lambda listed: [one.fact for one in listed]
)


def state(features: Features) -> tuple[Any, ...]:
    return features.active, features.account, features.complaints, position(features.account, TODAY)


def after(facts: Sequence[Fact]) -> Features:
    features = Features("C-1")
    features.take_in(Activity(facts=tuple(facts)), 1)
    return features


def one_by_one(facts: Sequence[Fact], order: Sequence[int]) -> Features:
    """Each in a message of its own; those that come behind a later one come as late ones."""
    features = Features("C-1")
    for index in order:
        assert features.take_in(Activity(facts=(facts[index],)), index + 1) in {"next", "late"}
    return features


def every_outcome(*facts: Fact) -> list[tuple[Any, ...]]:
    """The distinct states that the facts lead to, over all orders."""
    found: list[tuple[Any, ...]] = []
    for order in permutations(facts):
        reached = state(after(order))
        found += [] if reached in found else [reached]
    return found


# Order


@given(HISTORIES, st.randoms(use_true_random=False))
def test_facts_in_any_order_add_up_to_the_same(facts: list[Fact], dice: random.Random) -> None:
    """S9: in one message, in many, and in late ones."""
    order = list(range(len(facts)))
    dice.shuffle(order)
    expected = state(after(facts))
    assert state(after([facts[index] for index in order])) == expected
    assert state(one_by_one(facts, order)) == expected


@given(HISTORIES, st.randoms(use_true_random=False))
def test_told_again_from_the_beginning_is_as_before(facts: list[Fact], dice: random.Random) -> None:
    """S9: a reset forgets, and the telling may be cut anywhere."""
    features = after(facts)
    before = state(after(facts))
    again = dice.sample(facts, len(facts))
    cut = dice.randint(0, len(again))
    features.take_in(Activity(facts=tuple(again[:cut]), resets=True, restated=True), 2)
    features.take_in(Activity(facts=tuple(again[cut:]), restated=True), 3)
    assert state(features) == before


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 9)), max_size=25), st.randoms(use_true_random=False))
def test_stretches_are_the_days_with_use(periods: list[tuple[int, int]], dice: random.Random) -> None:
    """S1: against the set of days itself, cut where more than a week lies between two of them."""
    stretches: list[list[str]] = []
    for until, days in dice.sample(periods, len(periods)):
        active.add(stretches, day(until + days - 1).isoformat(), day(until).isoformat())
    in_use = sorted({day(until + back) for until, days in periods for back in range(days)})
    expected: list[list[date]] = []
    for one in in_use:
        if expected and (one - expected[-1][1]).days <= active.GAP_DAYS:
            expected[-1][1] = one
        else:
            expected.append([one, one])
    assert stretches == [[first.isoformat(), last.isoformat()] for first, last in expected]
    assert active.silent_days(stretches, TODAY) == ((TODAY - in_use[-1]).days if in_use else None)


@pytest.mark.parametrize(
    ("usage", "chargeable"),
    [
        ({"on_net": {"out_seconds": 1}}, True),
        ({"premium": {"out_seconds": 1}}, True),
        ({"sms_out": 1}, True),
        ({"data": {"g2_kb": 1}}, True),
        ({}, False),
        ({"on_net": {"in_seconds": 900, "in_calls": 3}, "sms_in": 4, "missed_calls": 2}, False),
        ({"on_net": {"out_calls": 2, "out_seconds": 0}, "data": {"g4_kb": 0}}, False),
    ],
)
def test_only_what_is_charged_is_use(usage: dict[str, Any], chargeable: bool) -> None:
    """S8: to be called is no sign of life."""
    assert bool(after([used(10, **usage)]).active) is chargeable


def test_a_summary_counts_for_the_days_it_covers() -> None:
    """S1: its last day is the one before its end at midnight."""
    data = {"period_start": "2026-10-01T00:00:00Z", "period_end": "2026-10-08T00:00:00Z", "sms_out": 1}
    assert after([used(**data)]).active == [["2026-10-01", "2026-10-07"]]


def test_a_complaint_is_past_due_since_the_first_stage_that_was() -> None:
    """S8"""
    ((_, _, listed, _),) = every_outcome(*(told(contract.CaseOverdue, at=ago(days)) for days in (4, 6, 5)))
    assert listed == {"K-501": {"overdue": ago(6).isoformat()}}


@pytest.mark.parametrize(
    ("fact", "feeds"),
    [
        (used(3), {"usage": day(3)}),
        (used(3, sms_out=1), {"usage": day(3)}),
        (used(period_start="2026-10-01T00:00:00Z", period_end="2026-10-08T00:00:00Z"), {"usage": date(2026, 10, 7)}),
        (told(billing.PaymentReceived, at=ago(2)), {"payments": day(2)}),
        (told(billing.ToppedUp, at=ago(2)), {"payments": day(2), "usage": day(2)}),
        (told(billing.BillIssued, at=ago(2)), {}),
        (told(care.ComplaintOpened, at=ago(2)), {}),
    ],
    ids=lambda one: getattr(one, "type", None),
)
def test_how_far_a_fact_shows_a_feed_to_have_come(fact: Fact, feeds: dict[str, date]) -> None:
    """S8: a summary of no use at all is heard too."""
    assert dict(active.heard_of(fact)) == feeds


def test_silence_is_counted_from_the_last_use_to_what_is_heard() -> None:
    """S8: never below 0, and not where nothing was heard or used."""
    used_until = [[day(9).isoformat(), day(5).isoformat()]]
    assert [active.silent_days(used_until, heard) for heard in (TODAY, day(5), day(8), None)] == [5, 0, 0, None]
    assert active.silent_days([], TODAY) is None


def test_states_at_one_instant_do_not_hang_on_the_order() -> None:
    """S9: a bar put up and lifted in the same second."""
    at = ago(3)
    assert len(every_outcome(told(billing.AccountSuspended, at=at), told(billing.AccountResumed, at=at))) == 1


def test_a_bill_that_is_issued_again_is_the_newest_in_any_order() -> None:
    """S9: a corrected bill has the number of the first."""
    first = told(billing.BillIssued, at=ago(40), bill_id="B-1", amount_minor=9_000, due_date=day(20).isoformat())
    corrected = told(billing.BillIssued, at=ago(38), bill_id="B-1", amount_minor=7_000, due_date=day(10).isoformat())
    assert [outcome[-1] for outcome in every_outcome(first, corrected)] == [Position(7_000, 10, 0, ("B-1",))]


def test_a_complaint_resolved_twice_is_the_same_in_any_order() -> None:
    """S8"""
    facts = [told(care.ComplaintOpened, at=ago(9)), told(care.ComplaintResolved, at=ago(8)), told(care.ComplaintResolved, at=ago(5))]
    assert len(every_outcome(*facts)) == 1


@pytest.mark.parametrize("clock", [None, BEIJING], ids=["utc", "beijing"])
def test_the_newest_limit_holds_whatever_clock_it_is_told_by(clock: timezone | None) -> None:
    """S9: +08:00 of one source does not make it later than UTC of another."""
    earlier, later = ago(2), ago(2) + timedelta(hours=3)
    facts = [
        told(billing.CreditLimitChanged, at=earlier.astimezone(clock) if clock else earlier, limit_minor=100),
        told(billing.CreditLimitChanged, at=later, limit_minor=200),
    ]
    assert {credit_limit_minor(after(order).account) for order in permutations(facts)} == {200}


def test_complaints_are_kept_by_the_same_clock_however_they_are_told() -> None:
    """S8: in the stream with the offset of the source, told again in UTC: what is kept is the same."""
    opened = ago(2)
    here, there = (after([told(care.ComplaintOpened, at=at), told(contract.CaseOverdue, at=at)]) for at in (opened, opened.astimezone(BEIJING)))
    assert here.complaints == there.complaints


# What is kept


def test_of_many_complaints_those_of_longest_ago_fall_out() -> None:
    """S8: whatever they are about: the one that is past due today is watched."""
    kept = complaints.KEPT
    old = [told(care.ComplaintOpened, at=ago(300 - count), complaint_id=f"K-{count}", kind="service", severity="minor") for count in range(kept)]
    new = told(care.ComplaintOpened, at=ago(3), complaint_id="K-new", kind="billing", severity="critical")
    features = after([*old, new, told(contract.CaseOverdue, at=ago(2), complaint_id="K-new", severity="critical")])
    assert complaints.overdue(features.complaints) == ["K-new"]
    assert set(features.complaints) == {f"K-{count}" for count in range(1, kept)} | {"K-new"}


def test_of_many_bills_the_oldest_fall_out() -> None:
    """S9: told in their order."""
    count = BILLS_KEPT + 5
    features = after([bill(f"B-{index:02d}", 100, issued=800 - index, due=700 - index) for index in range(count)])
    assert position(features.account, TODAY).bills == tuple(f"B-{index:02d}" for index in range(5, count))


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_of_many_payments_the_newest_days_are_kept_in_any_order(dice: random.Random) -> None:
    """S9: also beyond what is kept."""
    count = CREDITS_KEPT + 16
    facts = [paid(index + 1, at=index) for index in dice.sample(range(count), count)]
    assert after(facts).account["credits"] == [[day(index).isoformat(), index + 1] for index in range(CREDITS_KEPT - 1, -1, -1)]


# What is owed


def bill(bill_id: str, amount_minor: int, *, issued: float, due: int) -> Fact:
    """Days ago."""
    return told(billing.BillIssued, at=ago(issued), bill_id=bill_id, amount_minor=amount_minor, due_date=day(due).isoformat())


def paid(amount_minor: int, bill_id: str | None = None, *, at: float) -> Fact:
    return told(billing.PaymentReceived, at=ago(at), amount_minor=amount_minor, bill_id=bill_id)


def reversed_(amount_minor: int, *, at: float, reason: str = "bounced") -> Fact:
    return told(billing.PaymentReversed, at=ago(at), amount_minor=amount_minor, reason=reason)


def suspended(owed_minor: int, *, at: float, reason: str = "arrears") -> Fact:
    return told(billing.AccountSuspended, at=ago(at), owed_minor=owed_minor, reason=reason)


def owed(*facts: Fact) -> Position:
    return position(after(facts).account, TODAY)


OLD, NEW = bill("B-1", 1_000, issued=60, due=40), bill("B-2", 2_000, issued=30, due=10)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], Position(0, 0, 0, ())),
        ([bill("B-1", 12_800, issued=10, due=-5)], Position(0, 0, 0, ())),
        ([bill("B-1", 12_800, issued=20, due=0)], Position(0, 0, 0, ())),
        ([bill("B-1", 12_800, issued=20, due=1)], Position(12_800, 1, 0, ("B-1",))),
        ([bill("B-1", 12_800, issued=20, due=1), paid(10_000, "B-1", at=3)], Position(2_800, 1, 0, ("B-1",))),
        ([bill("B-1", 12_800, issued=20, due=5), paid(12_800, "B-1", at=5)], Position(0, 0, 0, ())),
        ([bill("B-1", 12_800, issued=20, due=5), paid(12_800, "B-1", at=4)], Position(0, 0, 1, ())),
        ([paid(12_800, "B-1", at=3)], Position(0, 0, 0, ())),
        ([OLD, NEW], Position(3_000, 40, 0, ("B-1", "B-2"))),
        ([OLD, NEW, paid(500, at=5)], Position(2_500, 40, 0, ("B-1", "B-2"))),
        ([OLD, NEW, paid(1_500, at=5)], Position(1_500, 10, 0, ("B-2",))),
        ([OLD, NEW, paid(900, at=5), paid(900, at=2)], Position(1_200, 10, 0, ("B-2",))),
        ([OLD, NEW, paid(2_000, "B-2", at=12), paid(400, at=5)], Position(600, 40, 0, ("B-1",))),
        ([NEW, paid(2_000, at=31)], Position(2_000, 10, 0, ("B-2",))),
        ([NEW, paid(2_000, at=30)], Position(0, 0, 0, ())),
        ([suspended(25_600, at=7)], Position(25_600, 7, 0, ())),
        ([suspended(25_600, at=7), told(billing.AccountResumed, at=ago(1))], Position(0, 0, 0, ())),
        ([suspended(25_600, at=7, reason="customer_request")], Position(0, 0, 0, ())),
        ([suspended(0, at=7)], Position(0, 0, 0, ())),
        ([OLD, suspended(800, at=7)], Position(1_000, 40, 0, ("B-1",))),
        ([OLD, suspended(25_600, at=7)], Position(25_600, 40, 0, ("B-1",))),
    ],
)
def test_what_is_owed_by_hand(facts: list[Fact], expected: Position) -> None:
    """S9: of bills past due, oldest first; where billing has barred the account, what it says."""
    assert owed(*facts) == expected


@pytest.mark.parametrize("bill_id", ["B-1", None])
@pytest.mark.parametrize(("taken_back", "left"), [(12_800, 12_800), (3_000, 3_000)])
def test_a_payment_taken_back_is_owed_again(bill_id: str | None, taken_back: int, left: int) -> None:
    """S9: a direct debit that bounces a few days later, whether or not it named the bill."""
    facts = [bill("B-1", 12_800, issued=30, due=10), paid(12_800, bill_id, at=12), reversed_(taken_back, at=8)]
    assert owed(*facts).owed_minor == left


def test_what_was_given_back_is_not_owed_again() -> None:
    """S9: a refund after a dispute."""
    facts = [bill("B-1", 12_800, issued=30, due=10), paid(12_800, "B-1", at=12), reversed_(3_000, at=8, reason="disputed")]
    assert owed(*facts) == Position(0, 0, 0, ())


def test_what_was_paid_beyond_a_bill_pays_the_next() -> None:
    """S9: round sums are paid, and the rest stays to the customer's credit."""
    assert owed(bill("B-1", 12_800, issued=60, due=40), paid(15_000, at=50), bill("B-2", 12_800, issued=30, due=10), paid(10_600, at=20)).owed_minor == 0


@pytest.mark.parametrize("parts", [1, 2, 4, 10])
def test_who_pays_each_bill_in_parts_owes_nothing(parts: int) -> None:
    """S9: for as long as bills are kept; also who pays a little every week, or every other day."""
    bills = [bill(f"B-{index:02d}", 1_000, issued=30 * index + 25, due=30 * index + 5) for index in range(BILLS_KEPT)]
    payments = [paid(1_000 // parts, at=30 * index + 24 - at) for index in range(BILLS_KEPT) for at in range(0, 2 * parts, 2)]
    assert owed(*bills, *payments) == Position(0, 0, 0, ())


AMOUNTS = st.integers(0, 12)
BILLS = st.lists(st.tuples(AMOUNTS, st.integers(60, 100), st.integers(-10, 59)), max_size=5)
NAMED = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 6), st.integers(0, 59)), max_size=5)
UNNAMED = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 59)), max_size=8)


def billed_and_paid(bills: list[tuple[int, int, int]], named: list[tuple[int, int, int]], unnamed: list[tuple[int, int]]) -> list[Fact]:
    issued = [bill(f"B-{index}", amount, issued=at, due=due) for index, (amount, at, due) in enumerate(bills)]
    return [*issued, *(paid(amount, f"B-{index}", at=at) for amount, index, at in named), *(paid(amount, at=at) for amount, at in unnamed)]


@given(BILLS, NAMED, UNNAMED)
def test_what_is_owed_against_paying_coin_by_coin(bills: list[tuple[int, int, int]], named: list[tuple[int, int, int]], unnamed: list[tuple[int, int]]) -> None:
    """S9: each coin that names no bill goes to the bill that is due first and still open."""
    left = {f"B-{index}": [-due, amount] for index, (amount, _, due) in enumerate(bills)}
    for amount, index, _ in named:
        if f"B-{index}" in left:
            left[f"B-{index}"][1] -= amount
    for _ in range(sum(amount for amount, _ in unnamed)):
        for bill_id in sorted(left, key=lambda one: (left[one][0], one)):
            if left[bill_id][1] > 0:
                left[bill_id][1] -= 1
                break
    past_due = {bill_id: rest for bill_id, (due, rest) in left.items() if due < 0 and rest > 0}
    found = owed(*billed_and_paid(bills, named, unnamed))
    assert (found.owed_minor, set(found.bills)) == (sum(past_due.values()), set(past_due))
    assert found.overdue_days == max((-left[bill_id][0] for bill_id in past_due), default=0)


@given(BILLS, NAMED, UNNAMED, st.integers(0, 80))
def test_a_payment_takes_exactly_itself_off_what_is_owed(
    bills: list[tuple[int, int, int]], named: list[tuple[int, int, int]], unnamed: list[tuple[int, int]], more: int
) -> None:
    """S9: down to nothing, and never below; paying everything clears it."""
    facts = billed_and_paid(bills, named, unnamed)
    before = owed(*facts).owed_minor
    after_it = owed(*facts, *([paid(more, at=0)] if more else []))
    assert after_it.owed_minor == max(0, before - more)
    assert owed(*facts, *([paid(before, at=0)] if before else []))[:2] == (0, 0)


@given(BILLS, NAMED, UNNAMED, UNNAMED, st.none() | st.integers(0, 30))
def test_no_more_is_owed_than_was_billed_or_barred_for(
    bills: list[tuple[int, int, int]], named: list[tuple[int, int, int]], unnamed: list[tuple[int, int]], taken_back: list[tuple[int, int]], barred: int | None
) -> None:
    """S9: whatever was paid and taken back."""
    facts = billed_and_paid(bills, named, unnamed) + [reversed_(amount, at=at) for amount, at in taken_back]
    found = owed(*facts, *([] if barred is None else [suspended(barred, at=1)]))
    past_due = sum(amount for amount, _, due in bills if due > 0)
    assert 0 <= found.owed_minor <= max(past_due, barred or 0)
    assert (found.overdue_days > 0) == (found.owed_minor > 0)


def test_states_follow_the_clock_of_the_events() -> None:
    """S9: what was lifted before it was put up again is up."""
    facts = [suspended(500, at=9), told(billing.AccountResumed, at=ago(6)), suspended(700, at=3)]
    assert {position(after(order).account, TODAY) for order in permutations(facts)} == {Position(700, 3, 0, ())}


def test_nothing_is_known_of_an_account_nobody_told_of() -> None:
    """S9: a top-up is no payment of a bill."""
    assert (position({}, TODAY), credit_limit_minor({})) == (Position(0, 0, 0, ()), None)
    assert not after([told(billing.ToppedUp)]).account
