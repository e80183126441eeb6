"""The rules alone: who is held out, when people may be called, what stands between a warning and a contact."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retention.calling_hours import CallingHours, next_allowed
from services.retention.campaign import eligible_offers
from services.retention.contact_policy import GATES, LONGEST_WAIT, check
from services.retention.contactable import Contactable, hear
from services.retention.decision import decide, decision_id
from services.retention.hold_out import GLOBAL_SHARE, arm_of, bucket, global_bucket
from services.retention.reachability import Reach
from services.retention.service import Key, Trouble
from services.retention.settings import load
from shared.clock import zone_of
from shared.contracts.customer import Activity
from shared.contracts.decoding import decode
from tests.builders import NOON
from tests.retention.builders import ENDED, LIVE, PROFILE, activity, campaign, contactable, customer, offer, situation

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
MINUTES = st.integers(0, 24 * 60 - 1)
HOURS = st.tuples(MINUTES, MINUTES).filter(lambda pair: pair[0] + 60 <= pair[1])


def at_minute(minute: int) -> time:
    return time(minute // 60, minute % 60)


# Hold-out


@pytest.mark.parametrize("share", [0.02, 0.10, 0.50])
def test_the_share_held_out_is_the_share_asked_for(share: float) -> None:
    """R4: of 20,000 customers, within four standard deviations."""
    ids = [f"C-{number}" for number in range(20_000)]
    held = sum(arm_of(bucket("salt", "campaign", one), share) == "hold_out" for one in ids)
    assert abs(held - 20_000 * share) < 4 * (20_000 * share * (1 - share)) ** 0.5


def test_arms_of_two_campaigns_say_nothing_about_each_other() -> None:
    """R4: a tenth of a campaign's hold-out is held out of another one, and the global hold-out cuts evenly through it."""
    held = [one for one in map(str, range(20_000)) if bucket("a", "one", one) < 0.10]
    again = sum(bucket("b", "two", one) < 0.10 for one in held)
    globally = sum(global_bucket(one) < GLOBAL_SHARE for one in held)
    assert 0.07 < again / len(held) < 0.13
    assert 0.005 < globally / len(held) < 0.035


@given(st.text(min_size=1))
def test_a_bucket_is_stable_and_in_range(customer_id: str) -> None:
    """R4"""
    assert bucket("salt", "c", customer_id) == bucket("salt", "c", customer_id)
    assert 0 <= bucket("salt", "c", customer_id) < 1


def test_a_bucket_stays_what_it_was_in_earlier_releases() -> None:
    """R4: another hash would move customers between the arms of running campaigns."""
    assert [round(bucket("salt", "c", f"C-{number}"), 6) for number in range(3)] == [0.767483, 0.085577, 0.752599]


def test_an_arm_once_assigned_outlives_a_change_of_share() -> None:
    """R4"""
    everyone_held = campaign(hold_out_share=1.0)
    assert decide(situation(campaign=everyone_held)).verdict == "held_out"
    assert decide(situation(campaign=everyone_held, assigned="treatment")).verdict == "contact"
    assert decide(situation(assigned="hold_out")).verdict == "held_out"


# Calling hours


@given(MOMENTS, ZONES, HOURS)
def test_a_call_is_due_inside_the_hours_of_its_zone_and_never_earlier_than_now(now: datetime, zone: ZoneInfo, minutes: tuple[int, int]) -> None:
    """R9: in every zone there is, with every daylight saving and every skipped day of 37 years."""
    hours = CallingHours(at_minute(minutes[0]), at_minute(minutes[1]))
    due = next_allowed(now, hours, zone)
    assert due >= now
    assert hours.opens <= due.astimezone(zone).time() < hours.closes
    assert due - now < timedelta(days=3)


@given(MOMENTS, ZONES)
def test_no_moment_before_the_due_one_was_allowed(now: datetime, zone: ZoneInfo) -> None:
    """R9: sampled every quarter of an hour."""
    hours = CallingHours(time(9), time(20))
    due, step = next_allowed(now, hours, zone), now
    while step < due:
        assert not hours.contain(step.astimezone(zone))
        step += timedelta(minutes=15)


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("Asia/Shanghai", "2026-10-15T00:59:00Z", "2026-10-15T01:00:00Z"),
        ("Asia/Shanghai", "2026-10-15T11:59:00Z", "2026-10-15T11:59:00Z"),
        ("Asia/Shanghai", "2026-10-15T12:00:00Z", "2026-10-16T01:00:00Z"),
        ("Europe/Berlin", "2026-03-28T19:30:00Z", "2026-03-29T07:00:00Z"),  # clocks go forward that night
        ("Europe/Berlin", "2026-10-24T18:30:00Z", "2026-10-25T08:00:00Z"),  # and back
        ("Pacific/Apia", "2011-12-30T06:30:00Z", "2011-12-30T19:00:00Z"),  # 30 December was skipped there
    ],
)
def test_calling_hours_by_example(zone: str, now: str, due: str) -> None:
    """R9"""
    assert next_allowed(datetime.fromisoformat(now), CallingHours(time(9), time(20)), ZoneInfo(zone)) == datetime.fromisoformat(due)


@pytest.mark.parametrize("name", ["Mars/Phobos", "", "America", "../UTC", "/etc/passwd", "a" * 64, "\ud800", "x\x00y", "Asia/Shanghai "])
def test_what_names_no_time_zone_is_none(name: str) -> None:
    """R9: also the name of a folder of zones, and what is no file name at all."""
    assert zone_of(name) is None


# Gates


def test_the_gates_stand_in_their_documented_order() -> None:
    """R9: the order in which reasons are shown is part of the contract."""
    assert [gate.gate for gate in check(situation())] == [
        "known_customer", "not_merged_or_erased", "live_subscription", "not_visitor_or_employer_paid", "do_not_contact", "consent", "objection",
        "reachable", "timezone", "service_trouble", "audience", "not_again", "offer", "not_to_be_disturbed", "expected_profit", "chosen",
        "global_hold_out", "hold_out", "frequency_cap", "campaign_running", "capacity", "budget",
    ]  # fmt: skip
    assert all(gate.passed for gate in check(situation()))


REFUSALS: dict[str, dict[str, Any]] = {
    "known_customer": {"waited": LONGEST_WAIT + timedelta(seconds=1)},
    "not_merged_or_erased": {"customer": contactable(merged_into="C-2")},
    "live_subscription": {"customer": contactable(live_subscriptions=0)},
    "not_visitor_or_employer_paid": {"customer": contactable(visitor=True)},
    "do_not_contact": {"customer": contactable(do_not_contact=True)},
    "consent": {"customer": contactable(consents={"sms": True})},
    "objection": {"objections": ["automated_decisions"]},
    "reachable": {"reach": Reach("C-1", "call", blocked="wrong_number")},
    "timezone": {"zone": None},
    "service_trouble": {"troubles": [Trouble(Key("C-1", "complaint", "K-1"), "complaint", began_at=NOON)]},
    "audience": {"campaign": campaign(audience={"field": "tier", "is": "gold"}), "facts": {"tier": "iron"}},
    "not_again": {"campaign": campaign(again_after_days=30), "exposed_days": 29},
    "chosen": {"planned": "", "planned_why": "others bring more"},
    "offer": {"offer": None},
    "frequency_cap": {"contacts": 1},
    "campaign_running": {"campaign": campaign(state="paused")},
    "capacity": {"open_tasks": 10},
}


@pytest.mark.parametrize("gate", REFUSALS)
def test_each_gate_refuses_alone_and_says_so(gate: str) -> None:
    """R9 R5: every gate is evaluated and stored, whichever failed."""
    decision = decide(situation(**REFUSALS[gate]))
    assert (decision.verdict, decision.failed_gate, decision.arm, decision.contact) == ("refused", gate, None, None)
    assert [one.gate for one in decision.gates if not one.passed] == [gate]
    assert all(one.detail for one in decision.gates)
    assert len(decision.gates) == len(GATES)


@pytest.mark.parametrize("changes", [{"employer_paid": True}, {"consents": {"call": False}}, {"consents": {}}, {"profile_sequence": 0}])
def test_consent_has_to_be_given_and_the_payer_to_be_the_customer(changes: dict[str, Any]) -> None:
    """R9: fails closed."""
    assert decide(situation(contactable(**changes))).verdict == "refused"


def test_held_out_is_who_would_have_been_contacted() -> None:
    """R4: so that the arms are comparable; who would have been refused anyway is refused."""
    held, globally = contactable(customer("hold_out")), contactable(customer(None))
    assert (decide(situation(held)).verdict, decide(situation(held)).arm) == ("held_out", "hold_out")
    assert (decide(situation(globally)).verdict, decide(situation(globally)).arm) == ("held_out", None)
    assert decide(situation(held, open_tasks=10)).verdict == "refused"


@given(st.fixed_dictionaries({}, optional={name: st.just(change) for name, change in REFUSALS.items()}), st.sampled_from(["treatment", "hold_out", None]))
def test_only_who_passes_every_gate_is_contacted(chosen: dict[str, dict[str, Any]], arm: Any) -> None:
    """R4 R9: for every combination of reasons against it."""
    changes: dict[str, Any] = {name: value for change in chosen.values() for name, value in change.items() if name != "customer"}
    decision = decide(situation(contactable(customer(arm)), **changes))
    failed = [gate.gate for gate in decision.gates if not gate.passed]
    assert (decision.verdict == "contact") == (not failed) == (decision.contact is not None)
    assert (decision.verdict == "held_out") == (bool(failed) and set(failed) <= {"global_hold_out", "hold_out"})


# Offers and customers


def test_offers_that_are_valid_and_fit_come_into_question() -> None:
    """R1: by payment type, validity, channel and stock; of how many are left unknown is none."""
    ended = offer(offer_id="ended", valid_to=NOON)
    prepaid = offer(offer_id="prepaid", payment_types=["prepaid"])
    later = offer(offer_id="later", valid_from=NOON + timedelta(seconds=1))
    fits = offer(offer_id="fits", valid_to=NOON + timedelta(seconds=1))
    by_mail, gone = offer(offer_id="by-mail", channels=["email"]), offer(offer_id="gone", stock=3)
    listed = [ended, prepaid, later, by_mail, gone, fits]
    asked: dict[str, Any] = {"payment_types": ["postpaid"], "at": NOON, "left": {"gone": 0}}
    assert eligible_offers(listed, channel="call", **asked) == [fits]
    assert eligible_offers(listed, channel="email", **asked) == [by_mail, fits]
    assert eligible_offers(listed, channel="call", **asked | {"left": {"gone": 1}}) == [gone, fits]
    assert eligible_offers([gone], channel="call", **asked | {"left": {}}) == []


def heard(*changes: tuple[int, dict[str, Any] | None]) -> Contactable:
    held = Contactable("C-1")
    for sequence, profile in changes:
        data: Any = decode(activity("C-1", sequence, profile=profile).value).data
        assert isinstance(data, Activity)
        held = hear(held, sequence, data)
    return held


def test_only_a_later_profile_replaces_the_one_held() -> None:
    """R9: an activity published again out of its dead letter must not bring an old consent back."""
    withdrawn = PROFILE | {"consents": [{"channel": "call", "granted": False}]}
    assert heard((1, PROFILE), (2, withdrawn)) == heard((1, PROFILE), (2, withdrawn), (1, PROFILE))
    assert heard((2, None)).known is False
    assert heard((2, None), (1, PROFILE)).known is True
    assert heard((2, None), (1, PROFILE)).last_sequence == 2


def test_only_activated_subscriptions_that_have_not_ended_are_live() -> None:
    """R9"""
    other = {"subscription_id": "S-2", "payment_type": "prepaid", "activated_at": "2026-01-01T00:00:00Z"}
    porting_in = {"subscription_id": "S-3"}
    held = heard((1, PROFILE | {"subscriptions": [ENDED, other, porting_in]}))
    assert (held.live_subscriptions, held.payment_types) == (1, ["prepaid"])
    assert heard((1, PROFILE | {"subscriptions": [LIVE, other]})).payment_types == ["postpaid", "prepaid"]


@given(st.text(min_size=1, max_size=128).filter(str.isprintable))
def test_the_name_of_a_decision_fits_the_contract_and_a_path(alert_id: str) -> None:
    """R5: and is the same for the same alert, another for another one."""
    name = decision_id(CAMPAIGN_OF_LONG_NAME, alert_id)
    assert len(name) <= 128
    assert name == decision_id(CAMPAIGN_OF_LONG_NAME, alert_id) != decision_id(CAMPAIGN_OF_LONG_NAME, alert_id + "x")
    assert not set(name) & set("/?#% ")


CAMPAIGN_OF_LONG_NAME = "c" * 128


def test_a_default_zone_that_is_none_ends_the_worker_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """R9 P1"""
    monkeypatch.setenv("HOLDFAST_RETENTION_TIMEZONE", "Mars/Phobos")
    with pytest.raises(SystemExit, match=r"HOLDFAST_RETENTION_TIMEZONE: .*'Mars/Phobos' is no time zone .* use an IANA name"):
        load()
