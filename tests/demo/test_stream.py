"""The simulated operator's stream: the same for the same seed, valid, whole after a stop, and faulty at the rate that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import orjson
import pytest

from deploy.demo.course import Contact
from deploy.demo.events import midnight
from deploy.demo.faults import LATEST, Delivery
from deploy.demo.population import Responder, known_by
from deploy.demo.stream import Stream
from shared.contracts.decoding import decode
from shared.contracts.registry import INPUTS
from shared.errors import EventRejected

FIRST_DAY = date(2025, 1, 1)
START = midnight(FIRST_DAY)
SUMMER = midnight(date(2025, 6, 1))
HISTORY_ENDS = midnight(date(2026, 2, 1))


def stream(*, seed: int = 1, size: int = 60, faults: float = 0.05, sent_until: datetime = START, contacts: Sequence[tuple[str, Contact]] = ()) -> Stream:
    return Stream(seed=seed, size=size, first_day=FIRST_DAY, fault_rate=faults, sent_until=sent_until, contacts=contacts)


class History(NamedTuple):
    """What `make run` begins with: 13 months of 400 customers."""

    stream: Stream
    deliveries: list[Delivery]


@pytest.fixture(scope="module")
def history() -> History:
    source = stream(size=400, faults=0.04)
    return History(source, source.until(HISTORY_ENDS))


def test_the_same_seed_is_the_same_operator() -> None:
    assert stream().until(SUMMER) == stream().until(SUMMER)


def test_another_seed_is_another_operator() -> None:
    assert stream().until(SUMMER) != stream(seed=2).until(SUMMER)


def test_the_steps_it_is_asked_in_do_not_matter() -> None:
    one, moment, told = stream(), START, []
    while moment < SUMMER:
        moment = min(SUMMER, moment + timedelta(hours=31))
        told += one.until(moment)
    assert told == stream().until(SUMMER)


def test_events_come_in_the_order_in_which_they_are_sent(history: History) -> None:
    assert history.deliveries == sorted(history.deliveries)


def test_every_event_keeps_its_contract_and_every_spoiled_one_breaks_it(history: History) -> None:
    for one in history.deliveries:
        if one.malformed:
            with pytest.raises(EventRejected):
                decode(one.body)
        else:
            decode(one.body)


def test_every_type_that_an_operator_reports_is_reported(history: History) -> None:
    reported = {orjson.loads(one.body)["type"] for one in history.deliveries if not one.malformed}
    never = {"orders.contract_signed.v1"}  # a contract comes with the activation
    assert {payload.type for payload in INPUTS} - reported == never


def test_an_id_names_one_event_for_ever(history: History) -> None:
    bodies: dict[str, bytes] = {}
    for one in history.deliveries:
        assert bodies.setdefault(one.event_id, one.body) == one.body


def test_the_first_start_stays_quick(history: History) -> None:
    weekly = sum(orjson.loads(one.body)["type"] == "network.usage_summarised.v1" for one in history.deliveries if not one.malformed)
    customer_years = 400 * 13 / 12
    assert len(history.deliveries) < 60_000
    assert 35 < (len(history.deliveries) - weekly) / customer_years < 60


def test_two_to_four_in_a_hundred_begin_to_drift_in_a_month(history: History) -> None:
    courses = [history.stream.course(customer_id) for customer_id in history.stream.customers]
    drifts = sum(midnight(drift.began) < HISTORY_ENDS for course in courses for drift in course.drifts)
    assert 0.02 < drifts / 400 / 13 < 0.04


@pytest.mark.parametrize("stopped_after", [timedelta(days=1), timedelta(days=33, hours=7), timedelta(days=99, hours=23, minutes=59)])
def test_a_stop_changes_nothing(stopped_after: timedelta) -> None:
    stop = midnight(FIRST_DAY) + stopped_after
    through = stream()
    before, after = through.until(stop), through.until(SUMMER)
    assert before
    assert stream(sent_until=stop).until(SUMMER) == after


def test_a_stop_forgets_no_call() -> None:
    called = midnight(date(2025, 3, 5)) + timedelta(hours=3)
    through = stream(size=200, faults=0.05)
    through.until(called)
    contacts = [(one.customer_id, Contact(called, offer_accepted=True)) for one in through.customers.values()]
    for customer_id, contact in contacts:
        through.call(customer_id, contact)
    stop = called + timedelta(days=2)
    through.until(stop)
    assert stream(size=200, sent_until=stop, contacts=contacts).until(SUMMER) == through.until(SUMMER)


def test_a_call_changes_no_day_before_it() -> None:
    """Told again with the call known, the days before it are what they were when it was not."""
    called = midnight(date(2025, 3, 16)) + timedelta(hours=5)
    uncalled = stream(size=200, faults=0)
    contacts = [(one.customer_id, Contact(called, offer_accepted=True)) for one in uncalled.customers.values()]
    tomorrow = midnight(date(2025, 3, 17))
    assert uncalled.until(tomorrow) == stream(size=200, faults=0, contacts=contacts).until(tomorrow)


def test_a_call_tells_apart_the_responders() -> None:
    """Same seed, everybody called at once or nobody: persuadable customers stay, do-not-disturb ones leave, nothing changes for the others."""
    uncalled = stream(size=400, faults=0)
    moment = midnight(date(2025, 7, 1))
    contacts = [(one.customer_id, Contact(moment, offer_accepted=True)) for one in uncalled.customers.values()]
    called = stream(size=400, faults=0, contacts=contacts)
    seen = Counter[Responder]()
    for customer_id, customer in uncalled.customers.items():
        before, after = uncalled.course(customer_id), called.course(customer_id)
        if before.left and before.left <= moment.date():
            continue
        drift = before.drift_on(moment.date())
        drifting = drift is not None and drift.began <= moment.date() < drift.ended
        seen[customer.responder] += drifting
        match customer.responder:
            case Responder.SURE | Responder.LOST:
                assert after.drifts == before.drifts
                assert (after.left is None) == (customer.responder is Responder.SURE or not after.drifts)
            case Responder.DO_NOT_DISTURB:
                assert before.left is None
                assert after.left
                assert timedelta(days=3) < after.left - moment.date() < timedelta(days=11)
            case Responder.PERSUADABLE if drifting:
                assert before.left == drift.due
                assert after.left is None or after.left > before.left
                assert [one.how for one in after.drifts if one.began == drift.began] == ["saved"]
            case Responder.PERSUADABLE:
                assert after.drifts == before.drifts
    assert all(seen[one] for one in Responder), seen


def test_numbers_are_given_out_again_only_after_their_rest(history: History) -> None:
    left: dict[str, date | None] = {}
    recycled = 0
    for customer in history.stream.customers.values():
        if customer.msisdn in left:
            recycled += 1
            before = left[customer.msisdn]
            assert before is not None
            assert customer.since - before >= timedelta(days=90)
        left[customer.msisdn] = history.stream.course(customer.customer_id).left
    assert recycled > 10


def test_faults_come_at_the_set_rate(history: History) -> None:
    events = len({one.event_id for one in history.deliveries if not one.malformed})
    faults = Counter("malformed" if one.malformed else one.fault for one in history.deliveries if one.fault)
    assert set(faults) == {"late", "out_of_order", "duplicate", "malformed"}
    assert all(count / events == pytest.approx(0.01, rel=0.2) for count in faults.values())
    assert "cut" in {one.fault for one in history.deliveries}


def test_no_faults_when_none_are_asked_for() -> None:
    assert {one.fault for one in stream(faults=0).until(SUMMER)} == {""}


def test_faults_delay_and_repeat_but_lose_nothing() -> None:
    on_time = {one.event_id: one.send_at for one in stream(faults=0).until(SUMMER)}
    faulty = [one for one in stream(faults=0.5).until(SUMMER + LATEST) if not one.malformed]
    assert on_time.keys() <= {one.event_id for one in faulty}
    delays = [one.send_at - on_time[one.event_id] for one in faulty if one.fault == "late" and one.event_id in on_time]
    assert timedelta(days=1) <= min(delays) < max(delays) <= LATEST


def test_some_who_left_come_back_as_somebody_new_who_calls_the_same_people(history: History) -> None:
    """C5: within the weeks in which a newcomer may be a former customer."""
    customers = history.stream.customers
    back = [one for one in customers.values() if one.former_customer_id]
    assert len(back) > 5
    for one in back:
        former = customers[str(one.former_customer_id)]
        left = history.stream.course(former.customer_id).left
        assert left and timedelta(days=10) <= one.since - left <= timedelta(days=80)
        assert len(set(one.circle) & set(former.circle)) >= 8
    assert len({one.former_customer_id for one in back}) == len(back)
    assert {known_by(one, customers[str(one.former_customer_id)]) for one in back} == {"document", "device", "circle"}


def test_some_are_registered_twice_with_the_same_document(history: History) -> None:
    """C4."""
    registered: dict[str, set[str]] = {}
    for one in history.deliveries:
        if not one.malformed and (event := orjson.loads(one.body))["type"] == "orders.customer_registered.v1":
            registered.setdefault(event["data"]["document"], set()).add(event["subject"].removeprefix("customer:"))
    twins = {one.twin_id: one for one in history.stream.customers.values() if one.registered_twice}
    assert twins
    assert all({twin_id, one.customer_id} <= registered[one.document] for twin_id, one in twins.items() if midnight(one.since) < SUMMER)
