"""C1, C3, E6: the rules of the customer service, as properties: facts merge in any order, a number has one owner at a time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customer.identity import BEGINNING, Claim, Merge, changed_since, claims_of, owner_at
from services.customer.profile import RegistryFact, fold, fold_group
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


def test_a_later_claim_ends_an_earlier_one_that_nobody_ended() -> None:
    """C4: a number handed on without a termination is not its old owner's again when the new one leaves."""
    handed = START + timedelta(days=10)
    listed = [_Owned("new", handed, handed + timedelta(days=5)), _Owned("old", START, None)]
    assert owner_at(listed, handed - timedelta(days=1)) == "old"
    assert owner_at(listed, handed + timedelta(days=9)) is None


def test_the_first_to_claim_an_account_always_had_it() -> None:
    """C4: bills are older than our knowledge of who pays them; from the day of a take-over they are the next one's."""
    taken_over = START + timedelta(days=10)
    listed = [_Owned("next", taken_over, None), _Owned("first", START, None)]
    assert owner_at(listed, START - timedelta(days=900), ever=True) == "first"
    assert owner_at(listed, taken_over, ever=True) == "next"


def test_a_subscription_reported_without_its_activation_owns_no_number() -> None:
    """E6: a termination that arrives first."""
    fact = RegistryFact(START, "s", "1", orders.SubscriptionTerminated.type, {"subscription_id": "a", "reason": "other"})
    assert claims_of("C-1", [fact]) == [Claim("customer:C-1", "C-1", BEGINNING)]


def test_another_sim_keeps_the_number_and_hands_the_imsi_on() -> None:
    """C4: a SIM swap."""
    facts = [
        RegistryFact(
            START, "s", "1", orders.SubscriptionActivated.type, {"subscription_id": "a", "msisdn": sealed("msisdn", "N"), "imsi": sealed("imsi", "I1")}
        ),
        RegistryFact(START + timedelta(days=3), "s", "2", orders.SimChanged.type, {"subscription_id": "a", "imsi": sealed("imsi", "I2")}),
    ]
    swapped = START + timedelta(days=3)
    assert claims_of("C-1", facts)[1:] == [
        Claim("msisdn:N", "C-1", START), Claim("imsi:I1", "C-1", START, swapped), Claim("imsi:I2", "C-1", swapped),
    ]  # fmt: skip


def test_what_changed_is_looked_at_from_the_moment_it_may_have_changed() -> None:
    """C4: a new end from the earlier of both ends; an account from the beginning."""
    open_, ended = Claim("msisdn:N", "C-1", START), Claim("msisdn:N", "C-1", START, START + timedelta(days=5))
    assert changed_since([open_], [ended]) == {"msisdn:N": START + timedelta(days=5)}
    assert changed_since([ended], [open_]) == {"msisdn:N": START + timedelta(days=5)}
    assert changed_since([], [open_]) == {"msisdn:N": START}
    assert changed_since([open_], [open_]) == {}
    assert changed_since([], [Claim("account:A", "C-1", START)]) == {"account:A": BEGINNING}


@given(registry_facts(), registry_facts(), st.integers(0, 500), st.randoms())
def test_the_profile_of_two_who_are_one_is_the_same_whatever_the_order(
    ones: list[RegistryFact], others: list[RegistryFact], day: int, dice: random.Random
) -> None:
    """C4: what came after the merge changes the one profile, what came before is folded for each alone."""
    merge = Merge(START + timedelta(days=day, minutes=1), "m", "a", "b")
    others = [fact._replace(source="t") for fact in others]
    profile = fold_group("a", {"a": ones, "b": others}, [merge])
    assert fold_group("a", {"b": dice.sample(others, len(others)), "a": dice.sample(ones, len(ones))}, [merge]) == profile
    after = [fact.data["region"] for fact in sorted([*ones, *others]) if fact.type == orders.CustomerUpdated.type and fact.occurred_at > merge.at]
    assert not after or profile["region"] == after[-1]


@pytest.mark.parametrize(("one", "other", "both"), [(True, True, True), (True, False, False), (False, True, False), (True, None, False)])
def test_consent_after_a_merge_is_the_most_restrictive(one: bool | None, other: bool | None, both: bool) -> None:
    """C4: granted is what both granted; a consent given to the merged customer afterwards counts again."""
    profile = fold_group("a", {"a": consents("a", one), "b": consents("b", other)}, [Merge(START + timedelta(days=2), "m", "a", "b")])
    assert [consent["granted"] for consent in profile["consents"]] == [both]
    later = RegistryFact(START + timedelta(days=3), "s", "later", orders.CustomerUpdated.type, {"consents": [{"channel": "call", "granted": True}]})
    again = fold_group("a", {"a": [*consents("a", one), later], "b": consents("b", other)}, [Merge(START + timedelta(days=2), "m", "a", "b")])
    assert [consent["granted"] for consent in again["consents"]] == [True]


def consents(name: str, granted: bool | None) -> list[RegistryFact]:
    given = [] if granted is None else [{"channel": "call", "granted": granted}]
    return [RegistryFact(START, "s", name, orders.CustomerRegistered.type, {"consents": given})]


def sealed(kind: str, index: str) -> str:
    return f"~1.{kind}.key.{index}.AAAA"


class _Owned:
    def __init__(self, customer_id: str, valid_from: datetime, valid_to: datetime | None) -> None:
        self.customer_id, self.valid_from, self.valid_to = customer_id, valid_from, valid_to
