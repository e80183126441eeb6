"""E8: a source that falls silent, changes its shape or its volume is an alert, and one that is as usual is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.customer import drift
from services.customer.drift import HABIT_SAMPLES, MISSED_IN_A_ROW, NEWS_FOR, NOT_A_NAME, Shape, drifts, field_names, known_fields
from services.customer.tables import FEED_WATCH
from services.customer.use_cases.watch import look
from services.customer.watch import DAY, DAYS_KEPT, HOUR, SHORTEST_SILENCE, Hour, State, heard, hour_of, usual_silence, verdict
from shared import clock
from shared.bus import Message
from shared.contracts import billing, topics
from shared.contracts.customer import FeedStateChanged
from shared.contracts.registry import INPUTS
from tests.builders import paid, registered
from tests.harness import ServiceUnderTest, until

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAYMENT = billing.PaymentReceived.type


def heard_at(*moments: datetime, events: int = 1, dead: int = 0) -> list[Hour]:
    """The hours of a source that was heard at these moments."""
    hours: dict[datetime, Hour] = {}
    for moment in sorted(moments):
        hours[hour_of(moment)] = heard(hours.get(hour_of(moment)), moment, events=events, dead=dead)
    return list(hours.values())


def every(span: timedelta, *, days: int = DAYS_KEPT, until: datetime = MONDAY, hours: range = range(24), weekend: bool = True) -> list[datetime]:
    """Moments of the days before `until`, within these hours of the day."""
    start = until - days * DAY
    moments = [start + number * span for number in range(int(days * DAY / span))]
    return [one for one in moments if one.hour in hours and (weekend or one.weekday() < 5)]


def state_of(
    hours: list[Hour], now: datetime, *, before: State = "healthy", since: datetime = MONDAY - 30 * DAY, listening_since: datetime | None = None
) -> State:
    return verdict(hours, [], before=before, since=since, listening_since=listening_since or MONDAY - 30 * DAY, now=now).state


def test_a_busy_source_is_silent_after_minutes() -> None:
    """E8."""
    hours = heard_at(*every(MINUTE))
    assert state_of(hours, MONDAY + SHORTEST_SILENCE / 2) == "healthy"
    found = verdict(hours, [], before="healthy", since=MONDAY, listening_since=MONDAY - DAY, now=MONDAY + 12 * MINUTE)
    assert (found.state, found.reason) == ("silent", "nothing for 13 minutes; usual at this time is 1")


@pytest.mark.parametrize(("hour", "minute", "state"), [(3, 0, "healthy"), (8, 30, "healthy"), (9, 30, "silent"), (12, 0, "silent")])
def test_an_office_that_closes_at_night_is_missed_in_the_morning_only(hour: int, minute: int, state: State) -> None:
    """E8: silence is judged by what is usual at that time of day, and jobs may start an hour late."""
    hours = heard_at(*every(MINUTE, hours=range(8, 18)))
    assert state_of(hours, MONDAY.replace(hour=hour, minute=minute)) == state


def test_a_quiet_sunday_is_no_alarm() -> None:
    """E8: a week ago counts as usual too."""
    sunday = MONDAY - DAY
    hours = heard_at(*every(5 * MINUTE, until=sunday - DAY, hours=range(8, 18), weekend=False))
    assert state_of(hours, sunday.replace(hour=12)) == "healthy"
    assert state_of(hours, MONDAY.replace(hour=12)) == "silent"


@pytest.mark.parametrize(("late", "state"), [(HOUR / 2, "healthy"), (3 * HOUR, "silent")])
def test_a_nightly_batch_may_be_a_little_late(late: timedelta, state: State) -> None:
    """E8: one arrival a day, some minutes earlier or later; the alarm is not a day late."""
    arrivals = [MONDAY - days * DAY + 2 * HOUR + (days * 7 % 20) * MINUTE for days in range(1, DAYS_KEPT + 1)]
    hours = heard_at(*arrivals, events=10_000)
    assert state_of(hours, MONDAY + 2 * HOUR + late) == state


def test_who_was_heard_in_few_hours_has_no_habits() -> None:
    """E8: a single upload is never missed, nor is a source whose first day has just begun with long pauses."""
    assert usual_silence(heard_at(MONDAY), MONDAY + DAY) is None
    assert state_of(heard_at(MONDAY, MONDAY + MINUTE), MONDAY + 9 * DAY) == "healthy"
    first_day = heard_at(*(MONDAY + number * 90 * MINUTE for number in range(4)))
    assert usual_silence(first_day, first_day[-1].last_heard_at) == 90 * MINUTE


def test_who_is_silent_stays_so_until_it_is_heard() -> None:
    """E8: silence that lasts into the night, when silence is usual, or beyond all memory, does not heal."""
    hours = heard_at(*every(MINUTE, hours=range(8, 18), until=MONDAY - DAY + 10 * HOUR))
    since = MONDAY - DAY + 11 * HOUR
    assert state_of(hours, MONDAY + 3 * HOUR, before="silent", since=since) == "silent"
    assert state_of([], MONDAY + 30 * DAY, before="silent", since=since) == "silent"
    again = [*hours, heard(None, MONDAY + 9 * HOUR, events=5, dead=0)]
    assert state_of(again, MONDAY + 9 * HOUR + MINUTE, before="silent", since=since) == "healthy"


def test_what_we_did_not_listen_to_is_nobodys_silence() -> None:
    """E8: after our own downtime sources get the time they usually need before they are missed."""
    hours = heard_at(*every(MINUTE))
    back = MONDAY + 5 * HOUR
    assert state_of(hours, back + 5 * MINUTE, listening_since=back) == "healthy"
    assert state_of(hours, back + 15 * MINUTE, listening_since=back) == "silent"


@pytest.mark.parametrize(("events", "before", "state"), [
    (100, "healthy", "healthy"), (250, "healthy", "healthy"), (301, "healthy", "unusual_volume"), (30, "healthy", "unusual_volume"), (40, "healthy", "healthy"),
    (250, "unusual_volume", "unusual_volume"), (190, "unusual_volume", "healthy"), (40, "unusual_volume", "unusual_volume"), (60, "unusual_volume", "healthy"),
])  # fmt: skip
def test_volume_is_unusual_in_both_directions_and_does_not_flicker(events: int, before: State, state: State) -> None:
    """E8: against the median of the same hour on earlier days, with hysteresis."""
    hours = [Hour(moment, 100, 0, moment, moment + 59 * MINUTE, 60) for moment in every(HOUR)]
    last = Hour(MONDAY, events, 0, MONDAY, MONDAY + 59 * MINUTE, 60)
    assert state_of([*hours, last], MONDAY + HOUR + MINUTE, before=before) == state


def test_a_flood_is_told_within_its_hour() -> None:
    """E8: what is too much already needs no whole hour."""
    hours = [Hour(moment, 100, 0, moment, moment + 59 * MINUTE, 60) for moment in every(HOUR)]
    running = Hour(MONDAY, 5000, 0, MONDAY, MONDAY + 2 * MINUTE, 60)
    found = verdict([*hours, running], [], before="healthy", since=MONDAY, listening_since=MONDAY - DAY, now=MONDAY + 3 * MINUTE)
    assert (found.state, found.reason) == ("unusual_volume", "5000 events in the hour from 00:00 UTC; usual is 100")


@pytest.mark.parametrize(("dead", "before", "state"), [(9, "healthy", "healthy"), (12, "healthy", "drifted"), (3, "drifted", "healthy")])
def test_many_dead_letters_are_a_drift(dead: int, before: State, state: State) -> None:
    """E8: single bad records are always there."""
    hours = heard_at(*every(MINUTE)) + heard_at(MONDAY, events=100, dead=dead)
    assert state_of(hours, MONDAY + MINUTE, before=before) == state


@given(
    st.lists(st.integers(0, 13 * 24 * 60), min_size=1, max_size=60, unique=True), st.integers(0, 2000), st.sampled_from(["healthy", "silent", "unusual_volume"])
)
def test_whatever_was_heard_there_is_a_verdict(minutes: list[int], later: int, before: State) -> None:
    """E8: no hours are too odd, and who was heard this very minute is not silent."""
    hours = heard_at(*(MONDAY - 13 * DAY + minute * MINUTE for minute in minutes))
    last = hours[-1].last_heard_at
    assert state_of(hours, last + later * MINUTE, before=before) in {"healthy", "silent", "unusual_volume"}
    assert state_of(hours, last, before=before) != "silent"


@pytest.mark.parametrize("payload", INPUTS)
def test_the_contracts_own_examples_have_no_unknown_fields(payload: type[Any]) -> None:
    """E8: every name in an example is known, those of nested parts too."""
    assert field_names(orjson.loads(orjson.dumps(payload.example))) <= known_fields(payload.type)


def shape_of(*samples: tuple[int, dict[str, Any]], at: datetime = MONDAY) -> Shape:
    shape = Shape()
    for times, data in samples:
        for _ in range(times):
            shape = drift.fold(shape, field_names(data), at)
    return shape


def test_what_a_source_always_sent_is_no_drift() -> None:
    """E8: the contract lets producers send more than it knows."""
    extra = {"payment_id": "P", "branch": {"code": 7}}
    assert drifts(PAYMENT, shape_of((HABIT_SAMPLES * 3, extra)), MONDAY) == []
    assert drift.unknown_fields(PAYMENT, shape_of((1, extra))) == ["branch", "branch.code"]


def test_a_renamed_field_is_a_drift_in_two_sentences_and_old_after_a_week() -> None:
    """E8: an optional field that always came has stopped, and one that nobody knows came instead."""
    shape = shape_of((HABIT_SAMPLES, {"payment_id": "P", "bill_id": "B"}), (MISSED_IN_A_ROW, {"payment_id": "P", "billId": "B"}))
    assert drifts(PAYMENT, shape, MONDAY) == [f"{PAYMENT}: new field billId", f"{PAYMENT}: bill_id stopped coming"]
    assert drifts(PAYMENT, shape, MONDAY + NEWS_FOR) == []


def test_a_field_that_comes_now_and_then_may_stay_away() -> None:
    """E8."""
    sometimes = [(1, {"payment_id": "P", "bill_id": "B"}), (2, {"payment_id": "P"})] * HABIT_SAMPLES
    assert drifts(PAYMENT, shape_of(*sometimes, (MISSED_IN_A_ROW, {"payment_id": "P"})), MONDAY) == []


def test_field_names_that_are_data_are_not_kept() -> None:
    """E8 C9: an object keyed by phone numbers, or by anything else that is no name."""
    names = field_names({"calls": {"8613800138000": 3, "+86 138": 1}, "n" * 65: 1, "ok": [{"inner": 1}, {"not": 2}]})
    assert names == {"calls", f"calls.{NOT_A_NAME}", NOT_A_NAME, "ok", "ok.inner"}


def test_shapes_are_bounded() -> None:
    """E8: a producer that invents a name per event fills nothing."""
    shape = Shape()
    for number in range(3):
        shape = drift.fold(shape, {f"f{number}x{one}" for one in range(150)}, MONDAY)
    assert len(shape.fields) == drift.FIELDS_KEPT


async def look_at(customer: ServiceUnderTest, now: datetime) -> None:
    async with customer.database.transaction() as tx:
        await look(tx, now)


async def look_alone(customer: ServiceUnderTest) -> None:
    """The worker looks too, once a minute, and would count what a test sends in the hour of today: it waits for who looked a day ahead."""
    await look_at(customer, clock.wall() + DAY - 2 * HOUR)


async def test_a_silent_source_is_told_and_told_again_when_it_is_back(customer: ServiceUnderTest) -> None:
    """E8: counted by what batches book, published once per change, listed with reason and history."""
    start = hour_of(clock.wall()) + DAY
    await look_alone(customer)
    await customer.send(registered(accounts=("A-1",)))
    for hours in range(4):
        await customer.send(paid(source="billing/core"))
        await look_at(customer, start + hours * HOUR)
        for minute in range(5, 60, 5):
            await look_at(customer, start + hours * HOUR + minute * MINUTE)
    assert await states(customer) == {"billing/core": "healthy", "test": "healthy"}
    for minutes in range(0, 4 * 60, 5):
        await look_at(customer, start + 4 * HOUR + minutes * MINUTE)
    assert (await states(customer))["billing/core"] == "silent"
    await customer.send(paid(source="billing/core"))
    await look_at(customer, start + 8 * HOUR)
    assert (await states(customer))["billing/core"] == "healthy"

    told = [FeedStateChanged.model_validate(one["data"], strict=False) for one in await customer.read(topics.FEEDS, count=2)]
    assert [(one.feed_source, one.state) for one in told] == [("billing/core", "silent"), ("billing/core", "healthy")]
    first = (await customer.http.get("/feeds/alerts", params={"limit": 1})).json()
    rest = (await customer.http.get("/feeds/alerts", params={"limit": 5, "cursor": first["next_cursor"]})).json()
    assert [(one["state_before"], one["state"]) for one in first["items"] + rest["items"]] == [("silent", "healthy"), ("healthy", "silent")]
    assert rest["next_cursor"] is None


async def states(customer: ServiceUnderTest) -> dict[str, str]:
    answer = (await customer.http.get("/feeds")).json()
    return {one["source"]: one["state"] for one in answer["items"]}


async def test_samples_of_raw_records_show_fields_that_no_contract_knows(customer: ServiceUnderTest) -> None:
    """E8: what the models ignore is seen all the same."""
    await look_alone(customer)
    await customer.send(registered(accounts=("A-1",)), paid(source="billing/core", branch_code=7))
    await look_at(customer, clock.wall() + DAY)
    (feed,) = [one for one in (await customer.http.get("/feeds")).json()["items"] if one["topic"] == topics.BILLING]
    assert feed["unknown_fields"] == {PAYMENT: ["branch_code"]}
    assert (feed["accepted"], feed["dead"], feed["state"]) == (1, 0, "healthy")


async def test_a_producer_that_renames_a_field_is_drifted(customer: ServiceUnderTest) -> None:
    """E8: what departs from the source's own habit, although every event keeps the contract."""
    await look_alone(customer)
    await customer.send(registered(accounts=("A-1",)))
    for _ in range(HABIT_SAMPLES):
        await customer.send(paid(source="billing/core"))
    await customer.send(paid(source="billing/core", billId="B-1"))
    await look_at(customer, clock.wall() + DAY)
    (feed,) = [one for one in (await customer.http.get("/feeds")).json()["items"] if one["topic"] == topics.BILLING]
    assert (feed["state"], feed["reason"]) == ("drifted", f"{PAYMENT}: new field billId")


async def test_poison_makes_its_source_drifted_and_what_names_no_source_is_none(customer: ServiceUnderTest) -> None:
    """E8: the share of dead letters per source."""
    await look_alone(customer)
    broken = [Message(topics.BILLING, "k", orjson.dumps(paid(source="billing/core") | {"time": "yesterday"})) for _ in range(12)]
    await customer.send(*broken, Message(topics.BILLING, "k", b"{no json"))
    await look_at(customer, clock.wall() + DAY)
    (feed,) = (await customer.http.get("/feeds")).json()["items"]
    assert (feed["source"], feed["state"]) == ("billing/core", "drifted")
    assert feed["reason"] == "100% of the last 12 events broke the contract"


async def test_the_worker_looks_by_itself(customer: ServiceUnderTest) -> None:
    """E8: sources that reported before the worker started are known after its first look."""
    await customer.send(registered(accounts=("A-1",)))
    await customer.stop_worker()
    async with customer.database.transaction() as tx:
        await tx.execute(sa.update(FEED_WATCH).values(looked_at=clock.wall() - HOUR))
    await customer.start_worker()
    await until(lambda: states(customer))
