"""Each hidden cause shows in what is reported, before the customer leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from statistics import mean
from typing import Any

import pytest

from deploy.demo import population
from deploy.demo.behaviour import FOLLOWS_WITHIN, events_of
from deploy.demo.course import Contact, Course, Drift, course_of
from deploy.demo.events import Event, midnight
from deploy.demo.population import Cause, Customer, Responder

FIRST_DAY = date(2025, 1, 1)


def customer(cause: Cause, *, responder: Responder = Responder.LOST, number: int = 3) -> Customer:
    born = list(population.initial(7, number + 1, FIRST_DAY))[number]
    return replace(born, cause=cause, responder=responder, payment_type="postpaid", cug="CUG-1", plan=population.LADDER[5])


def story(who: Customer, course: Course, first: date, last: date) -> list[Event]:
    days = ((first + timedelta(days=n)) for n in range((last - first).days + 1))
    return [event for day in days for _, event in events_of(who, course, day)]


def last_drift(who: Customer, *contacts: Contact) -> tuple[Course, Drift]:
    course = course_of(who, contacts)
    return course, course.drifts[-1]


def drifting(cause: Cause) -> list[Event]:
    who = customer(cause)
    course, drift = last_drift(who)
    assert drift.how == "left"
    return story(who, course, drift.began, drift.ended)


def data(events: list[Event], type: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["type"] == f"{type}.v1"]


def weekly(events: list[Event], direction: str) -> list[int]:
    return [sum(week[net][f"{direction}_seconds"] for net in ("on_net", "off_net")) for week in data(events, "network.usage_summarised")]


def fall(figures: list[int]) -> float:
    """What is left of the beginning at the end."""
    return sum(figures[-2:]) / sum(figures[:2])


def reasons(events: list[Event]) -> list[str]:
    return [one["reason"] for one in data(events, "orders.subscription_terminated")]


def test_bad_coverage_drops_calls_at_a_failing_cell_and_is_complained_about() -> None:
    events = drifting(Cause.BAD_COVERAGE)
    cell = customer(Cause.BAD_COVERAGE).cell
    assert [one["cells"][0]["cell_id"] for one in data(events, "network.quality_summarised") if one["dropped_calls"] >= 5].count(cell) >= 5
    assert f"cell:{cell}" in {event["subject"] for event in events if event["type"] == "network.outage_reported.v1"}
    assert "network" in {one["kind"] for one in data(events, "care.complaint_opened")}
    assert fall(weekly(events, "out")) < 0.6
    assert reasons(events) == ["port_out"]


def test_price_asks_for_bill_and_tariff_and_takes_a_cheaper_plan() -> None:
    events = drifting(Cause.PRICE)
    assert {"bill_detail", "tariff"} <= {one["kind"] for one in data(events, "care.inquiry_made")}
    assert data(events, "orders.plan_changed") or data(events, "orders.brand_changed")
    assert fall(weekly(events, "out")) < 0.7
    assert reasons(events) == ["port_out"]


def test_a_rival_offer_forwards_to_the_rival_then_asks_for_the_pin_then_ports() -> None:
    events = sorted(drifting(Cause.RIVAL_OFFER), key=lambda event: event["time"])
    told = [event["type"] for event in events]
    forwarded = [event for event in events if any(not one["on_net"] for one in event["data"].get("forwarding", ()))]
    pin = next(event for event in events if event["data"].get("kind") == "port_out_pin")
    assert forwarded
    assert forwarded[0]["time"] < pin["time"]
    assert told.index(pin["type"]) < told.index("orders.port_out_requested.v1") < told.index("orders.port_out_completed.v1")
    assert reasons(events) == ["port_out"]


def test_arrears_pay_late_are_suspended_and_end_by_us() -> None:
    who = customer(Cause.ARREARS)
    course, drift = last_drift(who)
    events = story(who, course, drift.began, drift.ended)
    bills = {one["bill_id"]: one["due_date"] for one in data(events, "billing.bill_issued")}
    paid = {event["data"]["bill_id"]: event["time"][:10] for event in events if event["type"] == "billing.payment_received.v1"}
    assert all(bill not in paid or paid[bill] > due for bill, due in bills.items())
    assert set(bills) - set(paid)
    assert data(events, "billing.account_suspended")
    assert data(events, "billing.debt_written_off")
    assert reasons(events) == ["arrears"]


def test_who_finds_the_money_after_all_pays_every_bill() -> None:
    who = customer(Cause.ARREARS, responder=Responder.SURE)
    course = course_of(who)
    drift = course.drifts[0]
    events = story(who, course, drift.began, drift.ended)
    bills = {one["bill_id"]: one["amount_minor"] for one in data(events, "billing.bill_issued")}
    payments = data(events, "billing.payment_received")
    named = {one["bill_id"] for one in payments if "bill_id" in one}
    unpaid = sum(amount for bill, amount in bills.items() if bill not in named)
    assert [one["amount_minor"] for one in payments if "bill_id" not in one] == [unpaid]
    assert unpaid > 0
    assert data(events, "billing.account_resumed")


def test_multi_sim_stops_calling_out_and_is_still_called() -> None:
    events = drifting(Cause.MULTI_SIM)
    assert fall(weekly(events, "out")) < 0.3
    assert fall(weekly(events, "in")) > 0.6


def test_an_employer_takes_its_people_away_together() -> None:
    first, second = customer(Cause.EMPLOYER_PAID), customer(Cause.EMPLOYER_PAID, number=11)
    one, other = last_drift(first)[1], last_drift(second)[1]
    assert one.began == other.began
    assert abs(one.ended - other.ended) <= timedelta(days=4)
    events = drifting(Cause.EMPLOYER_PAID)
    assert [change["member"] for change in data(events, "orders.cug_membership_changed")] == [False]
    assert data(story(first, course_of(first), FIRST_DAY, FIRST_DAY), "orders.customer_registered")[0]["employer_paid"] is True


def test_a_visitor_roams_and_goes_home() -> None:
    events = drifting(Cause.VISITOR)
    assert data(events, "network.usage_summarised")[0]["roaming"]["days"] >= 4
    assert reasons(events) == ["customer_request"]


def test_without_a_cause_nobody_drifts() -> None:
    assert course_of(customer(Cause.NONE)).drifts == ()


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.NONE])
def test_what_was_lost_in_a_drift_comes_back_when_they_stay(cause: Cause) -> None:
    who = customer(cause, responder=Responder.SURE)
    drift = course_of(who).drifts[0]
    assert drift.how == "recovered"
    course = replace(course_of(who), drifts=(drift,))
    before = story(who, course, drift.began - timedelta(days=56), drift.began)
    after = story(who, course, drift.ended + timedelta(days=22), drift.ended + timedelta(days=78))
    assert mean(weekly(after, "out")) / mean(weekly(before, "out")) == pytest.approx(1, abs=0.3)
    assert not reasons(after)


def test_a_save_brings_the_usage_back() -> None:
    who = customer(Cause.PRICE, responder=Responder.PERSUADABLE)
    uncalled = course_of(who).drifts[0]
    called = uncalled.day_at(0.7)
    course = course_of(who, [Contact(midnight(called), offer_accepted=True)])
    saved = course.drifts[0]
    assert (uncalled.how, saved.how) == ("left", "saved")
    kept = replace(course, drifts=(saved,))
    events = story(who, kept, saved.began, saved.ended + timedelta(days=60))
    lowest, last = min(weekly(events, "out")), weekly(events, "out")[-1]
    assert last > 1.7 * lowest
    assert "loyalty-thanks" in {one["product"] for one in data(events, "orders.product_added")}
    assert not reasons(events)


def test_a_refused_offer_changes_nothing_for_the_persuadable() -> None:
    who = customer(Cause.PRICE, responder=Responder.PERSUADABLE)
    drift = course_of(who).drifts[0]
    refused = course_of(who, [Contact(midnight(drift.day_at(0.5)), offer_accepted=False)])
    assert refused.drifts == course_of(who).drifts


def test_a_do_not_disturb_customer_leaves_only_because_of_the_call() -> None:
    who = customer(Cause.NONE, responder=Responder.DO_NOT_DISTURB)
    called = midnight(date(2025, 3, 3))
    assert course_of(who).left is None
    course = course_of(who, [Contact(called, offer_accepted=False)])
    assert course.left
    assert reasons(story(who, course, FIRST_DAY, course.left)) == ["port_out"]


def test_nothing_is_reported_after_the_end() -> None:
    who = customer(Cause.RIVAL_OFFER)
    course, drift = last_drift(who)
    assert story(who, course, drift.ended + timedelta(days=1), drift.ended + timedelta(days=90)) == []


@pytest.mark.parametrize("cause", list(Cause))
def test_what_follows_from_a_day_follows_soon(cause: Cause) -> None:
    who = customer(cause)
    course = course_of(who)
    for n in range(400):
        day = FIRST_DAY + timedelta(days=n)
        assert all(at < midnight(day) + FOLLOWS_WITHIN for at, _ in events_of(who, course, day))


def test_complaints_go_from_stage_to_stage_and_some_lie_about() -> None:
    """C8: in their order, before they are resolved; the survey names its complaint."""
    told = {complaint: [event["type"].split(".")[1] for event in events] for complaint, events in _complaints().items()}
    whole = ["complaint_opened", "complaint_progressed", "complaint_progressed", "complaint_resolved"]
    courses = [[one for one in types if one in whole] for types in told.values()]
    assert all(course in (whole, ["complaint_opened", "complaint_resolved"]) for course in courses)
    assert 0.1 < sum(course != whole for course in courses) / len(courses) < 0.35
    assert any("survey_answered" in types for types in told.values())


def _complaints() -> dict[str, list[Event]]:
    """By complaint, in event-time order."""
    found: dict[str, list[Event]] = {}
    for who in population.initial(7, 120, FIRST_DAY):
        for event in sorted(story(who, course_of(who), FIRST_DAY, FIRST_DAY + timedelta(days=400)), key=lambda event: event["time"]):
            if complaint := event["data"].get("complaint_id"):
                found.setdefault(complaint, []).append(event)
    return found


def test_a_calling_circle_is_stable_and_a_registration_says_who_it_is() -> None:
    """C1, C5."""
    who = customer(Cause.NONE)
    events = story(who, course_of(who), FIRST_DAY, FIRST_DAY + timedelta(days=60))
    weeks = [set(one["top_contacts"]) for one in data(events, "network.usage_summarised")]
    assert len(set.intersection(*weeks)) >= 6
    assert set.union(*weeks) <= set(who.circle)
    (registration,) = data(events, "orders.customer_registered")[:1]
    assert registration["service_star"] in range(1, 6)
    assert {"marketing", "survey", "profiling"} == {one.get("purpose", "marketing") for one in registration["consents"]}
