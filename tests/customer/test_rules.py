"""C1, C3, E6: the rules of the customer service, as properties: facts merge in any order, a number has one owner at a time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customer.identity import owner_at
from services.customer.profile import Ownership, RegistryFact, fold, ownerships
from services.customer.rollups import MAXIMA, MEASURES, Deltas, add, deltas_of, windows
from shared.contracts import orders
from shared.contracts.orders import Consent
from shared.contracts.registry import INPUTS
from shared.contracts.retention import OutcomeRecorded

MONTHS = st.dictionaries(st.sampled_from(MEASURES), st.integers(1, 10_000), max_size=8)
START = datetime(2025, 1, 1, tzinfo=UTC)


@given(st.lists(MONTHS, max_size=8), st.randoms())
def test_a_month_is_the_same_whatever_the_order(deltas: list[Deltas], dice: random.Random) -> None:
    """C3: each measure is a sum or a maximum of what was reported."""
    month: Deltas = {}
    for delta in dice.sample(deltas, len(deltas)):
        add(month, delta)
    expected = {name: (max if name in MAXIMA else sum)(delta.get(name, 0) for delta in deltas) for delta in deltas for name in delta}
    assert month == expected


@pytest.mark.parametrize("payload", (*INPUTS, OutcomeRecorded))
def test_every_measure_a_fact_adds_to_is_a_measure(payload: type) -> None:
    """C3: no misspelt measure, none zero or negative."""
    deltas = deltas_of(payload.model_validate(payload.example, strict=False))  # type: ignore[attr-defined]
    assert set(deltas) <= set(MEASURES)
    assert all(value > 0 for value in deltas.values())


def test_windows_leave_the_running_month_out() -> None:
    """C3: averages over the months before this one; months without anything count as zero."""
    months = {f"2026-{number:02d}": {"out_on_net_seconds": 300 * number, "out_off_net_seconds": 100 * number} for number in range(4, 11)}
    seen = windows(months, now_month="2026-10")
    assert seen["out_seconds_average_3m"] == 400 * (9 + 8 + 7) / 3
    assert seen["out_seconds_average_6m"] == 400 * (9 + 8 + 7 + 6 + 5 + 4) / 6
    assert seen["off_net_share_3m"] == 0.25
    assert windows({}, now_month="2026-10")["off_net_share_3m"] is None


def registry_facts() -> st.SearchStrategy[list[RegistryFact]]:
    """Any registry facts of one customer with two subscriptions, no two at the same time."""
    data = {
        orders.CustomerUpdated: st.builds(lambda region: {"region": region}, st.sampled_from(["hangzhou", "ningbo"])),
        orders.PlanChanged: st.builds(lambda one, plan: {"subscription_id": one, "plan": plan}, st.sampled_from("ab"), st.sampled_from(["p1", "p2"])),
        orders.ProductAdded: st.builds(lambda one, product: {"subscription_id": one, "product": product}, st.sampled_from("ab"), st.sampled_from("xy")),
        orders.ProductRemoved: st.builds(lambda one, product: {"subscription_id": one, "product": product}, st.sampled_from("ab"), st.sampled_from("xy")),
        orders.SubscriptionTerminated: st.builds(lambda one: {"subscription_id": one, "reason": "other"}, st.sampled_from("ab")),
    }
    fact = st.one_of(*(st.tuples(st.just(payload.type), made) for payload, made in data.items()))
    days = st.lists(st.tuples(st.integers(0, 500), fact), max_size=12, unique_by=lambda one: one[0])
    return days.map(lambda listed: [RegistryFact(START + timedelta(days=day), "s", str(day), type_, data) for day, (type_, data) in listed])


@given(registry_facts(), st.randoms())
def test_a_profile_is_the_same_whatever_the_order(facts: list[RegistryFact], dice: random.Random) -> None:
    """C1 E6: the last word by event time, not by arrival."""
    profile = fold(facts)
    assert fold(dice.sample(facts, len(facts))) == profile
    regions = [fact.data["region"] for fact in sorted(facts) if fact.type == orders.CustomerUpdated.type]
    assert profile.get("region") == (regions[-1] if regions else None)


def test_consents_change_one_channel_at_a_time() -> None:
    """C1: an update of one consent leaves the others."""
    grants = [{"channel": "call", "granted": True}, {"channel": "sms", "granted": True}]
    first = RegistryFact(START, "s", "1", orders.CustomerRegistered.type, {"consents": grants})
    second = RegistryFact(START + timedelta(days=1), "s", "2", orders.CustomerUpdated.type, {"consents": [{"channel": "call", "granted": False}]})
    consents = {Consent(**one) for one in fold([second, first])["consents"]}
    assert consents == {Consent(channel="call", granted=False), Consent(channel="sms", granted=True)}


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6), st.integers(0, 700))
def test_a_number_has_one_owner_at_a_time(lengths: list[int], day: int) -> None:
    """E6: owners in a row with a gap of a day between them; whoever holds the number on the day, and nobody in the gap."""
    owned, start, expected = [], 0, None
    for index, length in enumerate(lengths):
        owned.append(_Owned(f"C-{index}", START + timedelta(days=start), START + timedelta(days=start + length)))
        expected = f"C-{index}" if start <= day <= start + length else expected
        start += length + 2
    assert owner_at(owned[::-1], START + timedelta(days=day)) == expected


def test_at_the_moment_a_number_is_handed_on_it_is_the_next_ones() -> None:
    handed = START + timedelta(days=10)
    assert owner_at([_Owned("new", handed, None), _Owned("old", START, handed)], handed) == "new"


def test_a_subscription_reported_without_its_activation_owns_no_number() -> None:
    """E6: a termination that arrives first."""
    profile = fold([RegistryFact(START, "s", "1", orders.SubscriptionTerminated.type, {"subscription_id": "a", "reason": "other"})])
    assert ownerships("C-1", profile) == [Ownership("customer:C-1", datetime(1970, 1, 1, tzinfo=UTC), None)]


class _Owned:
    def __init__(self, customer_id: str, valid_from: datetime, valid_to: datetime | None) -> None:
        self.customer_id, self.valid_from, self.valid_to = customer_id, valid_from, valid_to
