"""R14: each working day past the promised time pays 5 % of the one-off fee, up to the whole fee: proposed, decided by a person, told to billing."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention.compensation import Report, Work, owed, work_of
from services.retention.service_levels import MOST_DAYS, WORKING_DAYS, grade_of, share_of_fee
from services.retention.tables import CREDITS, OUTBOX, WORKS
from services.retention.use_cases import works
from services.retention.working_days import Calendar, begins, begun_between, end_of
from shared import clock
from shared.contracts import orders, topics
from tests.harness import ServiceUnderTest, until
from tests.retention.builders import activity, customers, erased, fact, merged, profile, retold

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = Calendar()
TODAY = clock.now().astimezone(SHANGHAI).date()
MONDAY = TODAY - timedelta(days=TODAY.weekday() + 28)
"""Four weeks ago: recent enough to be proposed."""

zones = st.sampled_from([ZoneInfo(name) for name in ("Asia/Shanghai", "UTC", "America/New_York", "America/Santiago", "Africa/Cairo", "Pacific/Apia")])
moments = st.integers(0, 16 * 365 * 24 * 60).map(lambda minutes: datetime(2011, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
holidays = st.dictionaries(st.dates(date(2026, 9, 1), date(2026, 11, 1)), st.booleans(), max_size=30)


def at(day: int, hour: int = 12) -> datetime:
    """On the customer's clock, so many days after that Monday."""
    return datetime.combine(MONDAY + timedelta(days=day), time(hour), SHANGHAI)


def promise(work_id: str = "W-1", *, by: datetime | None = None, said: datetime | None = None, fee: int = 9_999, **data: Any) -> dict[str, Any]:
    promised_by = {"promised_by": by and by.isoformat()}
    return fact(orders.WorkPromised, at=said or at(-7), work_id=work_id, one_off_fee_minor=fee, **promised_by | data)


def done(work_id: str = "W-1", *, on: datetime, said: datetime | None = None) -> dict[str, Any]:
    return fact(orders.WorkCompleted, at=said or on, work_id=work_id, completed_at=on.isoformat())


def here(**changes: Any) -> dict[str, Any]:
    return profile(timezone="Asia/Shanghai", region="hangzhou", **changes)


async def listed(retention: ServiceUnderTest, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await retention.http.get("/credits", params=query)).json()["items"]
    return found


async def decide(retention: ServiceUnderTest, credit: dict[str, Any], step: str = "approve", *, actor: str = "li.na", **body: Any) -> Any:
    said = body or ({"amount_minor": credit["amount_minor"]} if step == "approve" else {"reason": "agreed otherwise"})
    return await retention.http.post(f"/credits/{credit['credit_id']}/{step}", json=said, headers={"X-Actor": actor} if actor else {})


async def told_to_billing(retention: ServiceUnderTest, count: int) -> list[dict[str, Any]]:
    """All there are: nothing waits to be published, and there are so many."""
    await retention.settle()
    return await retention.read(topics.CONTACTS, count=count, types=("retention.credit_approved.v1",)) if count else []


# Rules


@given(fee=st.integers(0, 10**12), days=st.integers(0, 40))
def test_the_share_is_exact_never_above_the_fee_and_never_falls(fee: int, days: int) -> None:
    """R14: 5 % a day to half a cent, rounded once; the whole fee after 20 days."""
    paid = share_of_fee(fee, days)
    assert 0 <= paid <= fee and share_of_fee(fee, days + 1) >= paid
    assert abs(100 * paid - 5 * min(days, MOST_DAYS) * fee) <= 50
    assert paid == fee or days < MOST_DAYS


def test_odd_fees_are_paid_to_the_cent() -> None:
    """R14: half a cent goes to the customer; two days are counted of the fee, not of the rounded day."""
    assert [share_of_fee(fee, 1) for fee in (1, 9, 10, 9_999, 10_010)] == [0, 0, 1, 500, 501]
    assert (share_of_fee(9_990, 1), share_of_fee(9_990, 2), share_of_fee(9_999, 19), share_of_fee(9_999, 20)) == (500, 999, 9_499, 9_999)


@given(since=moments, hours=st.integers(0, 900), more=st.integers(0, 200), zone=zones)
def test_days_never_fall_as_time_goes_on_and_each_begins_within(since: datetime, hours: int, more: int, zone: ZoneInfo) -> None:
    """R14: in every zone, over every change of clocks, also where a midnight or a whole day does not exist."""
    until_, later = since + timedelta(hours=hours), since + timedelta(hours=hours + more)
    found = begun_between(since, until_, WEEK, zone, most=MOST_DAYS)
    assert found == begun_between(since, later, WEEK, zone, most=MOST_DAYS)[: len(found)]
    assert all(since <= begins(day, zone) < until_ and day.isoweekday() < 6 for day in found)
    assert len(found) <= min(MOST_DAYS, hours // 24 + 2) and found == sorted(set(found))


@given(days=st.integers(1, 10), since=moments, exceptions=holidays)
def test_a_promise_of_working_days_is_late_on_the_next_one(days: int, since: datetime, exceptions: dict[date, bool]) -> None:
    """R14: done before its end nothing is owed; whatever the calendar, the first working day after it is the first that counts."""
    calendar = Calendar(exceptions=exceptions)
    by = end_of(days, since, calendar, SHANGHAI)
    assert begun_between(by, by, calendar, SHANGHAI, most=MOST_DAYS) == []
    first = begun_between(by, by + timedelta(days=60), calendar, SHANGHAI, most=1)
    assert first and calendar.is_working(first[0]) and begins(first[0], SHANGHAI) >= by


def test_holidays_weekends_and_days_made_up_for() -> None:
    """R14: the National Day week of China: eight days off, a Saturday worked for it; due on the evening before."""
    off = {date(2026, 10, day): False for day in range(1, 8)} | {date(2026, 10, 10): True}
    by, ended = datetime(2026, 9, 30, 18, tzinfo=SHANGHAI), datetime(2026, 10, 12, 9, tzinfo=SHANGHAI)
    days = begun_between(by, ended, Calendar(exceptions=off), SHANGHAI, most=MOST_DAYS)
    assert [day.day for day in days] == [8, 9, 10, 12]
    assert [day.day for day in begun_between(by, ended, WEEK, SHANGHAI, most=MOST_DAYS)] == [1, 2, 5, 6, 7, 8, 9, 12]


def test_the_day_of_the_promise_does_not_count_and_midnight_is_the_customers_own() -> None:
    """R14: the same two moments are one day late in Shanghai, and none in New York."""
    by, ended = datetime(2026, 11, 3, 15, tzinfo=UTC), datetime(2026, 11, 3, 17, tzinfo=UTC)
    assert [len(begun_between(by, ended, WEEK, zone, most=20)) for zone in (SHANGHAI, ZoneInfo("America/New_York"))] == [1, 0]


@given(st.permutations(range(4)))
def test_reports_in_any_order_make_the_same_work(order: list[int]) -> None:
    """R14: a later promise of ours holds nothing back, one that the customer asked for does, the last word on its end holds."""
    asked = {"kind": "repair", "currency": "CNY", "one_off_fee_minor": 100}
    said = [
        Report(at(0), "s", "1", orders.WorkPromised.type, asked | {"promised_by": at(3).isoformat()}),
        Report(at(1), "s", "2", orders.WorkPromised.type, asked | {"promised_by": at(9).isoformat()}),
        Report(at(5), "s", "3", orders.WorkCompleted.type, {"completed_at": at(5).isoformat()}),
        Report(at(6), "s", "4", orders.WorkCompleted.type, {"completed_at": at(4).isoformat()}),
    ]
    found = work_of("W-1", [said[number] for number in order])
    assert found == Work("W-1", "repair", 100, "CNY", at(3), at(4), cancelled=False)
    wished = Report(at(2), "s", "5", orders.WorkPromised.type, asked | {"promised_by": at(8).isoformat(), "asked_by_customer": True})
    moved = work_of("W-1", [wished, *said])
    assert moved and moved.promised_by == at(8) and owed(moved, WEEK, SHANGHAI, now=at(30)).amount_minor == 0


def test_grades_follow_the_star() -> None:
    """R14: three grades; a better one is promised no later."""
    assert [grade_of(star) for star in (None, 1, 2, 3, 4, 5)] == [3, 3, 3, 2, 1, 1]
    assert all(list(days) == sorted(days) for days in WORKING_DAYS.values())


# Service


async def test_late_work_is_proposed_corrected_and_approved_once(retention: ServiceUnderTest) -> None:
    """R14: told in the wrong order and twice; put right before it is decided it is computed again, after that it stands; two who approve
    at once send billing one event."""
    one, _ = customers(2)
    await retention.send(activity(one, 1, done(on=at(7)), profile=here()))
    assert await listed(retention) == []
    await retention.send(activity(one, 2, promise(by=at(0))), activity(one, 2, promise(by=at(0))))
    (credit,) = await listed(retention, state="proposed", customer_id=one)
    assert (credit["amount_minor"], credit["currency"], credit["cause_id"]) == (2_500, "CNY", "W-1")
    assert credit["basis"]["days"] == [(MONDAY + timedelta(days=day)).isoformat() for day in (1, 2, 3, 4, 7)]
    await retention.send(activity(one, 3, done(on=at(2), said=at(8))))
    stale = await decide(retention, credit)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_draft")
    (credit,) = await listed(retention)
    assert credit["amount_minor"] == 1_000
    answers = await asyncio.gather(*(decide(retention, credit, actor=f"person-{number}") for number in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"already_decided"}
    await retention.send(activity(one, 4, done(on=at(20), said=at(21))))
    after = (await retention.http.get(f"/credits/{credit['credit_id']}")).json()
    assert (after["state"], after["amount_minor"]) == ("approved", 1_000)
    assert (await retention.http.get("/works/W-1")).json()["amount_minor"] == 7_000 - 1
    assert (await decide(retention, credit, actor=after["decided_by"])).status_code == 200
    (event,) = await told_to_billing(retention, 1)
    assert (event["subject"], event["data"]["amount_minor"], event["data"]["approved_by"]) == (f"customer:{one}", 1_000, after["decided_by"])
    assert [row.credit_id for row in await retention.rows(sa.select(CREDITS))] == [credit["credit_id"]]


async def test_who_has_no_name_decides_nothing_and_what_is_rejected_stays_so(retention: ServiceUnderTest) -> None:
    """R14: no second person, no decision; a rejected credit is not approved later, and billing hears of none."""
    one, _ = customers(2)
    await retention.send(activity(one, 1, promise(by=at(0)), done(on=at(3)), profile=here()))
    (credit,) = await listed(retention)
    assert [(await decide(retention, credit, actor=actor)).json()["code"] for actor in ("", "Holdfast ")] == ["second_person_needed"] * 2
    assert (await decide(retention, credit, "reject")).json()["state"] == "rejected"
    assert (await decide(retention, credit)).json()["code"] == "already_decided"
    assert (await decide(retention, credit | {"credit_id": "cr-none"})).status_code == 404
    await retention.send(activity(one, 2, done(on=at(9), said=at(10))))
    assert [(row["state"], row["amount_minor"]) for row in await listed(retention)] == [("rejected", 1_500)]
    assert await retention.rows(sa.select(OUTBOX)) == []


async def test_what_is_in_time_called_off_or_long_ago_is_not_proposed(retention: ServiceUnderTest) -> None:
    """R14: and a proposal is withdrawn when its work turns out to have been in time."""
    one, _ = customers(2)
    long_ago = at(-300)
    await retention.send(
        activity(
            one,
            1,
            promise("W-1", by=at(4)),
            done("W-1", on=at(4)),
            promise("W-2", by=at(0)),
            fact(orders.WorkCancelled, at=at(9), work_id="W-2"),
            promise("W-3", by=long_ago, said=long_ago),
            done("W-3", on=at(-200)),
            promise("W-4", by=at(0)),
            done("W-4", on=at(1)),
            promise("W-5", by=at(0), fee=0),
            done("W-5", on=at(9)),
            profile=here(),
        )
    )
    assert [row["cause_id"] for row in await listed(retention)] == ["W-4"]
    await retention.send(activity(one, 2, done("W-4", on=at(0), said=at(2))))
    assert [(row["state"], row["amount_minor"]) for row in await listed(retention)] == [("withdrawn", 0)]


async def test_a_promise_by_the_service_level_and_what_accrues(retention: ServiceUnderTest) -> None:
    """R14: five stars are promised an installation in three working days, no star in seven; what is not done shows what it is owed."""
    five, none = customers(2)
    await retention.send(
        activity(five, 1, promise("W-5", said=at(0), kind="installation"), profile=here(service_star=5)),
        activity(none, 1, promise("W-0", said=at(0), kind="installation"), profile=here()),
    )
    page = (await retention.http.get("/works/overdue", params={"limit": 1})).json()
    rest = (await retention.http.get("/works/overdue", params={"limit": 5, "cursor": page["next_cursor"]})).json()
    first, second = *page["items"], *rest["items"]
    assert [(row["work_id"], row["grade"], datetime.fromisoformat(row["promised_by"])) for row in (first, second)] == [
        ("W-5", 1, begins(MONDAY + timedelta(days=4), SHANGHAI)), ("W-0", 3, begins(MONDAY + timedelta(days=10), SHANGHAI)),
    ]  # fmt: skip
    assert first["amount_minor"] > second["amount_minor"] > 0 and await listed(retention) == []
    levels = (await retention.http.get("/service-levels")).json()
    assert (levels["grade_of_star"]["5"], levels["percent_a_day"]) == (1, 5)


async def test_a_new_calendar_counts_proposals_again(retention: ServiceUnderTest) -> None:
    """R14: a holiday set for the region, over the revision that was read; another region and what was decided stay."""
    one, other = customers(2)
    late = [promise(by=at(0)), done(on=at(3))]
    await retention.send(activity(one, 1, *late, profile=here()))
    await retention.send(activity(other, 1, promise("W-2", by=at(0)), done("W-2", on=at(3)), profile=here() | {"region": "ningbo"}))
    body = {"revision": 0, "rest": [6, 7], "exceptions": {(MONDAY + timedelta(days=2)).isoformat(): {"working": False, "name": "Festival"}}}
    assert (await retention.http.put("/calendars/hangzhou", json=body)).json()["code"] == "actor_missing"
    answer = await retention.http.put("/calendars/hangzhou", json=body, headers={"X-Actor": "li.na"})
    assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    assert (await retention.http.put("/calendars/hangzhou", json=body, headers={"X-Actor": "li.na"})).json()["code"] == "stale_draft"
    every_day = body | {"rest": [1, 2, 3, 4, 5, 6, 7]}
    assert (await retention.http.put("/calendars/ningbo", json=every_day, headers={"X-Actor": "li.na"})).status_code == 422

    async def counted() -> bool:
        return await works.count_again(retention.database, None) or not await retention.rows(sa.select(WORKS).where(WORKS.c.count_at.is_not(None)))

    await until(counted)
    assert {row["cause_id"]: row["amount_minor"] for row in await listed(retention)} == {"W-1": 1_000, "W-2": 1_500}
    assert [row["region"] for row in (await retention.http.get("/calendars")).json()["items"]] == ["default", "hangzhou"]


async def test_merged_parted_and_erased(retention: ServiceUnderTest) -> None:
    """R14 C4 C9: a proposal goes with its work to who carries on, and there is one; billing is told who that is; an erasure leaves what was
    decided, of nobody."""
    a, b = customers(2)
    told = [promise(by=at(0)), done(on=at(3))]
    await retention.send(activity(b, 1, *told, profile=here()), activity(a, 1, profile=here()))
    await retention.send(merged(b, 2, into=a), retold(a, 2, *told, profile=here()))
    (credit,) = await listed(retention, customer_id=b)
    assert credit["customer_id"] == a
    await retention.send(retold(a, 3, profile=here()), retold(b, 3, *told, profile=here()))
    assert [row["customer_id"] for row in await listed(retention)] == [b]
    await retention.send(merged(b, 4, into=a), retold(a, 4, *told, promise("W-2", by=at(0)), done("W-2", on=at(2)), profile=here()))
    assert (await decide(retention, credit)).status_code == 200
    (event,) = await told_to_billing(retention, 1)
    assert event["subject"] == f"customer:{a}"
    await retention.send(erased(a, 5))
    assert [(row["customer_id"], row["cause_id"], row["amount_minor"]) for row in await listed(retention)] == [(None, "", 1_500)]
    assert await retention.rows(sa.select(WORKS)) == []
    assert (await retention.http.get("/credits", params={"customer_id": a})).status_code == 410
