"""R13: loyalty points, from the payment that earns them to the day they are gone; every test ends with a ledger that adds up."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.retention.loyalty import RULES, Key, Ledger, Lot, lot_of, months_later
from services.retention.tables import IDEMPOTENCY_KEYS, LOYALTY_ENTRIES, LOYALTY_LOTS, LOYALTY_MEMBERS, LOYALTY_REDEMPTIONS, LOYALTY_REVERSALS
from services.retention.use_cases import loyalty
from services.retention.use_cases.taking_in import take_in
from shared import clock
from shared.bus import Message
from shared.contracts import topics
from shared.contracts.billing import PaymentReceived, PaymentReversed, PointsRedeemed, ToppedUp
from shared.contracts.decoding import decode
from shared.contracts.retention import ClubLevelChanged, RedemptionMade
from shared.database import is_transient
from shared.inbox import REPLAY_HEADER
from shared.worker import Delivery
from tests.builders import NOON, record
from tests.harness import ServiceUnderTest
from tests.retention.builders import activity, erased, fact, merged, profile, retold

TODAY = date(2026, 11, 1)
ITEM = "data pack 5 GB"
MOST_ATTEMPTS = 5


# The rules alone.

IDS = ("A", "B", "C")
GROUPS = {"A": ("A", "B"), "B": ("A", "B"), "C": ("C",)}
steps = st.one_of(
    st.tuples(st.just("earn"), st.sampled_from(IDS), st.integers(0, 90_000), st.integers(0, 800)),
    st.tuples(st.just("reverse"), st.sampled_from(IDS), st.integers(1, 90_000), st.integers(0, 12)),
    st.tuples(st.just("spend"), st.sampled_from(IDS), st.integers(1, 2_000), st.just(0)),
    st.tuples(st.just("pass"), st.sampled_from(IDS), st.integers(1, 400), st.just(0)),
    st.tuples(st.just("move"), st.sampled_from(IDS), st.integers(0, 12), st.integers(-5, 5)),
    st.tuples(st.just("close"), st.sampled_from(IDS), st.just(0), st.just(0)),
)


def lot(number: int, customer_id: str = "A", *, amount_minor: int = 10_000, days_ago: int = 1, payment_id: str | None = None) -> Lot:
    earned_at = datetime(2026, 11, 1, 9, tzinfo=UTC) - timedelta(days=days_ago)
    key = Key(f"e-{number}", "billing")
    return lot_of(RULES, key, customer_id, payment_id=payment_id or f"P-{number}", amount_minor=amount_minor, earned_at=earned_at, told_at=NOON)


def take_step(ledger: Ledger, number: int, step: tuple[str, str, int, int]) -> None:
    what, customer_id, first, second = step
    if what == "earn":
        ledger.earn(lot(number, customer_id, amount_minor=first, days_ago=second))
    elif what == "reverse":
        ledger.reverse(customer_id, f"P-{second}", first)
    elif what == "spend":
        assert ledger.spend(customer_id, first, reference="r") <= first
    elif what == "pass":
        ledger.today += timedelta(days=first)
        ledger.expire(customer_id)
    elif what == "move" and Key(f"e-{first}", "billing") in ledger.lots:
        ledger.move(Key(f"e-{first}", "billing"), customer_id, told_at=NOON + timedelta(days=second))
    elif what == "close":
        ledger.close(customer_id)


@given(st.lists(steps, max_size=25))
def test_whatever_is_booked_adds_up_and_nothing_falls_below_zero(taken: list[tuple[str, str, int, int]]) -> None:
    """R13: each transaction adds up to zero, the accounts are what the lots say, and no lot gives more than it had."""
    ledger = Ledger(RULES, GROUPS, (), today=TODAY)
    for number, step in enumerate(taken):
        take_step(ledger, number, step)
        assert ledger.available("A") >= 0 and ledger.available("C") >= 0
    assert all(sum(entry.points for entry in one.entries) == 0 for one in ledger.bookings)
    added = Counter(ledger.added())
    for one in IDS:
        assert (added["points", one], -added["owed", one]) == ledger.held(one)
    for one in ledger.lots.values():
        assert min(one.remaining, one.owed, one.expired, one.withdrawn) >= 0
        assert one.remaining + one.withdrawn + one.expired <= one.points + one.owed


@pytest.mark.parametrize(("amount_minor", "points"), [(0, 0), (99, 0), (100, 1), (12_899, 128), (10**12, 10**10)])
def test_whole_units_earn(amount_minor: int, points: int) -> None:
    """R13: a part of a unit earns nothing."""
    assert RULES.points_for(amount_minor) == points


@pytest.mark.parametrize(("day", "months", "later"), [("2026-01-31", 1, "2026-02-28"), ("2024-02-29", 24, "2026-02-28"), ("2026-11-01", -12, "2025-11-01")])
def test_a_month_later_is_the_same_day_or_the_last(day: str, months: int, later: str) -> None:
    """R13: points of the 31st are gone on a day that exists."""
    assert months_later(date.fromisoformat(day), months) == date.fromisoformat(later)


def test_first_earned_is_first_spent() -> None:
    """R13: over all ids of the person, in whichever order it was heard of."""
    ledger = Ledger(RULES, GROUPS, (), today=TODAY)
    for one in (lot(1, "A", days_ago=5), lot(2, "B", days_ago=9), lot(3, "A", days_ago=1), lot(4, "C", days_ago=20)):
        ledger.earn(one)
    assert ledger.spend("A", 150, reference="r") == 150
    assert [ledger.lots[Key(f"e-{number}", "billing")].remaining for number in (1, 2, 3, 4)] == [50, 0, 100, 100]


def test_points_are_there_on_their_last_day_and_gone_on_the_next() -> None:
    """R13: also when nobody swept yet."""
    for over, there in ((date(2028, 10, 30), 100), (date(2028, 10, 31), 0)):
        ledger = Ledger(RULES, GROUPS, (), today=TODAY)
        ledger.earn(lot(1, days_ago=1))
        ledger.today = over
        assert (ledger.available("A"), ledger.spend("A", 100, reference="r")) == (there, there)


def test_what_expired_is_not_taken_back_as_well() -> None:
    """R13: 30 of 100 were spent, 70 expired: of a payment reversed later only the 30 are owed."""
    ledger = Ledger(RULES, GROUPS, (), today=TODAY)
    ledger.earn(lot(1))
    ledger.spend("A", 30, reference="r")
    ledger.today = date(2029, 1, 1)
    assert ledger.reverse("A", "P-1", 10_000) == 0
    assert ledger.held("A") == (0, 30)


def test_a_payment_reversed_bit_by_bit_takes_back_what_it_earned_and_no_more() -> None:
    """R13: parts of a unit add up; money beyond the payment belongs to another."""
    ledger = Ledger(RULES, GROUPS, (), today=TODAY)
    ledger.earn(lot(1, amount_minor=250))
    there = []
    for _ in range(3):
        assert ledger.reverse("A", "P-1", 50) == 0
        there.append(ledger.available("A"))
    assert (there, ledger.reverse("A", "P-1", 300), ledger.available("A")) == ([2, 1, 1], 200, 0)


def test_a_reversal_takes_nothing_from_a_stranger_who_has_the_same_payment_number() -> None:
    """R13: numbers of two billing systems may be the same."""
    ledger = Ledger(RULES, GROUPS, (), today=TODAY)
    ledger.earn(lot(1, "A", payment_id="P"))
    ledger.earn(lot(2, "C", payment_id="P"))
    ledger.reverse("B", "P", 10_000)
    assert (ledger.available("A"), ledger.available("C")) == (0, 100)


# The service.


@pytest.fixture
async def points(retention: ServiceUnderTest) -> AsyncIterator[ServiceUnderTest]:
    """Retention, whose ledger is checked when the test is done."""
    yield retention
    assert (await check(retention))["sound"]


def paid(amount_minor: int = 12_800, payment_id: str = "P-1", *, days_ago: int = 10, **more: Any) -> dict[str, Any]:
    return fact(PaymentReceived, at=clock.now() - timedelta(days=days_ago), amount_minor=amount_minor, payment_id=payment_id) | more


def topped_up(amount_minor: int = 5_000, top_up_id: str = "T-1") -> dict[str, Any]:
    return fact(ToppedUp, at=clock.now(), amount_minor=amount_minor, top_up_id=top_up_id)


def reversed_(amount_minor: int = 12_800, payment_id: str = "P-1") -> dict[str, Any]:
    return fact(PaymentReversed, at=clock.now(), amount_minor=amount_minor, payment_id=payment_id)


def told_of(points: int = 300, item: str = ITEM, *, days_ago: int = 0) -> dict[str, Any]:
    return fact(PointsRedeemed, at=clock.now() - timedelta(days=days_ago), points=points, item=item)


async def check(retention: ServiceUnderTest) -> dict[str, Any]:
    found: dict[str, Any] = (await retention.http.get("/loyalty-ledger/verify")).raise_for_status().json()
    assert sum(found["accounts"].values()) == 0 or not found["sound"]
    return found


async def view(retention: ServiceUnderTest, customer_id: str = "C-1") -> dict[str, Any]:
    found: dict[str, Any] = (await retention.http.get(f"/loyalty/{customer_id}")).raise_for_status().json()
    return found


async def balance(retention: ServiceUnderTest, customer_id: str = "C-1") -> tuple[int, int]:
    found = await view(retention, customer_id)
    return found["balance"], found["owed"]


async def redeem(retention: ServiceUnderTest, points: int = 100, *, customer_id: str = "C-1", key: str = "k") -> httpx.Response:
    headers = {"Idempotency-Key": key, "X-Actor": "S-7"}
    return await retention.http.post(f"/loyalty/{customer_id}/redeem", json={"points": points, "item": ITEM}, headers=headers)


async def level_changes(retention: ServiceUnderTest, count: int) -> list[tuple[str, str | None, str | None]]:
    found = await retention.read(topics.CONTACTS, count=count, types=[ClubLevelChanged.type])
    return [(one["subject"], one["data"].get("previous_level"), one["data"].get("level")) for one in found]


async def test_payments_and_top_ups_earn_once(points: ServiceUnderTest) -> None:
    """R13 C1: told again, in a message delivered again, restated or replayed, or after a crash before the offsets were committed."""
    first, second = paid(), topped_up()
    again = activity("C-1", 1, first, profile=profile(), headers={REPLAY_HEADER: b"retention"})
    await points.send(activity("C-1", 1, first, profile=profile()), activity("C-1", 2, second), activity("C-1", 2, second), again)
    await points.send(retold("C-1", 3, first, second, profile=profile()), activity("C-1", 4, first))
    found = await view(points)
    assert (found["balance"], found["level"], found["level_points"]) == (178, "member", 178)
    assert (found["next_level"], found["points_to_next_level"]) == ("plus", 822)
    assert (found["expiring"], found["expiring_on"]) == (128, months_later((clock.now() - timedelta(days=10)).date(), 24).isoformat())
    assert [(one["kind"], one["account"], one["points"], one["reference"]) for one in found["entries"]] == [
        ("earned", "points", 50, "T-1"),
        ("earned", "points", 128, "P-1"),
    ]
    assert (await check(points))["accounts"] == {"issued": -178, "points": 178}
    await points.stop_worker()
    await points.forget_offsets()
    await points.start_worker()
    await points.send(activity("C-1", 5, topped_up(2_000, "T-2")))
    assert await balance(points) == (198, 0)


async def test_what_earns_and_what_does_not(points: ServiceUnderTest) -> None:
    """R13: source and id together name a fact; a history that is imported gives no points that would be over, nor does a part of a unit.
    Who never earned is no member, and 404 is for who was never heard of."""
    twins = paid(id="e", source="one"), paid(payment_id="P-2", id="e", source="other")
    await points.send(activity("C-1", 1, *twins, profile=profile()), activity("C-2", 1, paid(days_ago=800), paid(50, "P-2"), profile=profile()))
    assert await balance(points) == (256, 0)
    found = await view(points, "C-2")
    assert (found["balance"], found["level"], found["expiring_on"], found["entries"]) == (0, None, None, [])
    assert (await points.http.get("/loyalty/C-9")).status_code == 404
    (only,) = (await points.http.get("/loyalty")).json()["items"]
    assert (only["customer_id"], only["level"]) == ("C-1", "member")
    first = (await points.http.get("/loyalty", params={"limit": 1})).json()
    assert (await points.http.get("/loyalty", params={"limit": 1, "cursor": first["next_cursor"]})).json() == {"items": [], "next_cursor": None}


async def test_a_redemption_over_http(points: ServiceUnderTest) -> None:
    """R13: answered once per key, published, and refused with a code where it does not suffice."""
    await points.send(activity("C-1", 1, paid(50_000), profile=profile()))
    made = await redeem(points, 300)
    assert (made.status_code, made.json()["balance"]) == (200, 200)
    assert (await redeem(points, 300)).json() == made.json()
    refused = await redeem(points, 201, key="k2")
    assert (refused.status_code, refused.json()["code"], refused.json()["available"]) == (409, "not_enough_points", 200)
    (published,) = await points.read(topics.CONTACTS, count=1, types=[RedemptionMade.type])
    assert (published["subject"], published["data"]["item"], published["data"]["redemption_id"]) == ("customer:C-1", ITEM, made.json()["redemption_id"])
    assert await balance(points) == (200, 0)


REFUSED: tuple[tuple[str, dict[str, Any], dict[str, str], int, str], ...] = (
    ("C-1", {"points": 99}, {}, 422, "invalid_request"),
    ("C-1", {"points": -100}, {}, 422, "invalid_request"),
    ("C-1", {"points": 100, "item": ""}, {}, 422, "invalid_request"),
    ("C-1", {"points": 100}, {"X-Actor": "Anonymous"}, 400, "actor_missing"),
    ("C-1", {"points": 100}, {"Idempotency-Key": ""}, 400, "idempotency_key_missing"),
    ("C-1", {"points": 100}, {}, 409, "not_enough_points"),
    ("C-9", {"points": 100}, {}, 404, "not_found"),
)


async def test_a_redemption_that_is_refused_changes_nothing(points: ServiceUnderTest) -> None:
    """R13: each with a code of its own; a refusal leaves its key free."""
    await points.send(activity("C-1", 1, paid(5_000), profile=profile()))
    for customer_id, asked, headers, status, code in REFUSED:
        sent = {"X-Actor": "S-7", "Idempotency-Key": "k"} | headers
        answer = await points.http.post(f"/loyalty/{customer_id}/redeem", json={"item": ITEM} | asked, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await points.rows(sa.select(LOYALTY_REDEMPTIONS)) == []
    assert await balance(points) == (50, 0)


async def test_a_hundred_redemptions_at_once_spend_what_is_there_and_no_more(points: ServiceUnderTest) -> None:
    """R13: of 950 points nine times 100, whoever is first, under either id of the person; a payment comes between them."""
    await points.send(activity("C-1", 1, paid(50_000), profile=profile()), activity("C-2", 1, paid(45_000, "P-2"), profile=profile()))
    await points.send(merged("C-2", 2, into="C-1"))
    asked = [redeem(points, customer_id=one, key=f"k-{number}") for number, one in zip(range(100), itertools.cycle(("C-1", "C-2")), strict=False)]
    answers = await asyncio.gather(*asked, hear(points, activity("C-1", 2, paid(1_000, "P-3"))))
    statuses = Counter(one.status_code for one in answers if one is not None)
    assert statuses == {200: 9, 409: 91}
    assert await balance(points) == (60, 0)


async def test_facts_and_redemptions_of_two_who_are_being_merged_lock_nobody_out(points: ServiceUnderTest) -> None:
    """R13: the same payment told of both at once earns once, and whoever tells it later has it."""
    both = paid(30_000)
    await points.send(activity("C-1", 1, paid(20_000, "P-2"), profile=profile()), activity("C-2", 1, paid(10_000, "P-3"), profile=profile()))
    told = (merged("C-2", 2, into="C-1"), retold("C-1", 2, both, profile=profile()), activity("C-3", 1, both, profile=profile()))
    await asyncio.gather(*(hear(points, one) for one in told), *(redeem(points, customer_id=f"C-{1 + turn % 2}", key=f"k-{turn}") for turn in range(4)))
    earned = await points.rows(sa.select(sa.func.sum(LOYALTY_LOTS.c.points)))
    assert earned[0][0] == 600
    assert (await check(points))["accounts"]["issued"] == -600


async def test_a_reversal_takes_the_points_that_are_there_and_the_rest_is_owed(points: ServiceUnderTest) -> None:
    """R13: the balance is zero, not below; later earnings settle it first. The level falls with what was taken back."""
    await points.send(activity("C-1", 1, paid(120_000), profile=profile()))
    await redeem(points, 1_000)
    back = reversed_(60_000)
    await points.send(activity("C-1", 2, back), activity("C-1", 3, back))
    assert await balance(points) == (0, 400)
    await points.send(retold("C-1", 4, back, profile=profile()))
    assert await balance(points) == (0, 400)
    await points.send(activity("C-1", 5, paid(30_000, "P-2")))
    assert (await balance(points), (await redeem(points, 100, key="k2")).status_code) == ((0, 100), 409)
    await points.send(activity("C-1", 6, topped_up(25_000)))
    assert await balance(points) == (150, 0)
    assert await level_changes(points, 3) == [("customer:C-1", None, "plus"), ("customer:C-1", "plus", "member"), ("customer:C-1", "member", "plus")]


async def test_a_reversal_that_overtakes_its_payment_waits_for_it(points: ServiceUnderTest) -> None:
    """R13: in the same message or an earlier one; late facts end where those in order do."""
    early, late, other, last = reversed_(2_800), paid(), reversed_(2_800), paid()
    await points.send(activity("C-1", 1, early, late, profile=profile()), activity("C-2", 1, other, profile=profile()))
    assert (await balance(points), await balance(points, "C-2")) == ((100, 0), (0, 0))
    await points.send(activity("C-2", 2, last))
    assert await balance(points, "C-2") == (100, 0)
    assert [row.unapplied_minor for row in await points.rows(sa.select(LOYALTY_REVERSALS))] == [0, 0]


async def test_what_billing_tells_of_a_redemption_made_here_counts_once(points: ServiceUnderTest) -> None:
    """R13: the same points and item within three days are the same; each is one, told again or not."""
    await points.send(activity("C-1", 1, paid(200_000), profile=profile()))
    await redeem(points, 300)
    await redeem(points, 300, key="k2")
    told = told_of(), told_of()
    await points.send(activity("C-1", 2, *told), activity("C-1", 3, told[0]), retold("C-1", 4, *told, profile=profile()))
    assert await balance(points) == (1_400, 0)
    await points.send(activity("C-1", 5, told_of(), told_of(200), told_of(item="umbrella"), told_of(300, days_ago=9)))
    assert await balance(points) == (1_400 - 300 - 200 - 300 - 300, 0)
    await points.send(activity("C-1", 6, told_of(500, days_ago=1)))
    assert await balance(points) == (0, 0), "what was given beyond the balance is owed by nobody"
    told_rows = await points.rows(sa.select(LOYALTY_REDEMPTIONS).order_by(LOYALTY_REDEMPTIONS.c.points.desc()))
    assert [(row.points, row.covered_points) for row in told_rows] == [(500, 300), *[(300, 300)] * 5, (200, 200)]


async def test_two_who_are_merged_spend_together_and_part_with_what_is_theirs(points: ServiceUnderTest) -> None:
    """R13 C4: whichever is told first, with facts restated or long forgotten; a payment told during the merge goes to whom it was about."""
    for number, order in enumerate(itertools.permutations(range(2))):
        a, b = f"A-{number}", f"B-{number}"
        old, other = paid(30_000, "P-1", days_ago=40), paid(20_000, "P-2")
        later, forgotten = paid(10_000, "P-3", days_ago=1), paid(100_000, "P-4", days_ago=5)
        await points.send(activity(a, 1, old, profile=profile()), activity(b, 1, other, forgotten, profile=profile()))
        await one_by_one(points, order, merged(b, 2, into=a), retold(a, 2, old, other, profile=profile()))
        assert (await balance(points, a), await balance(points, b)) == ((1_500, 0), (1_500, 0))
        assert ((await view(points, b))["customer_id"], await levels(points, a, b)) == (a, {a: "plus", b: None})
        await points.send(activity(a, 3, later))
        assert (await redeem(points, 400, customer_id=b, key=b)).json()["balance"] == 1_200
        await one_by_one(points, order, retold(b, 3, other, later, profile=profile()), retold(a, 4, old, profile=profile()))
        assert (await balance(points, a), await balance(points, b)) == ((0, 0), (1_200, 0))
        assert await levels(points, a, b) == {a: "member", b: "plus"}


async def test_who_carried_on_loses_the_level_of_who_parts(points: ServiceUnderTest) -> None:
    """R13 C4: also when told before the other, and none of the other's payments is told any more."""
    mine = paid(30_000)
    await points.send(activity("C-1", 1, mine, profile=profile()), activity("C-2", 1, paid(100_000, "P-2"), profile=profile()))
    await points.send(merged("C-2", 2, into="C-1"), retold("C-1", 2, mine, profile=profile()))
    assert await levels(points, "C-1", "C-2") == {"C-1": "plus", "C-2": None}
    await one_by_one(points, (0, 1), retold("C-1", 3, mine, profile=profile()), retold("C-2", 3, profile=profile()))
    assert await levels(points, "C-1", "C-2") == {"C-1": "member", "C-2": "plus"}


async def test_a_telling_that_is_older_moves_nothing(points: ServiceUnderTest) -> None:
    """R13: the retelling of a merge may come after the merge was undone, as no order holds between two customers."""
    mine = paid()
    await points.send(activity("C-2", 1, mine, profile=profile()), merged("C-2", 2, into="C-1"))
    await points.send(told_at(retold("C-2", 3, mine, profile=profile()), NOON + timedelta(hours=2)))
    await points.send(told_at(retold("C-1", 1, mine, profile=profile()), NOON + timedelta(hours=1)))
    assert (await balance(points), await balance(points, "C-2")) == ((0, 0), (128, 0))


async def test_a_fact_that_turns_out_to_be_somebody_elses_takes_its_points_along(points: ServiceUnderTest) -> None:
    """R13 C3: and what is owed of it. Whose facts these never were is no member any more."""
    wrong, other, back = paid(50_000), paid(10_000, "P-2"), reversed_(40_000)
    await points.send(activity("C-1", 1, wrong, other, profile=profile()))
    await redeem(points, 400)
    await points.send(activity("C-1", 2, back))
    assert await balance(points) == (0, 200)
    await points.send(retold("C-1", 3, profile=profile()), retold("C-2", 1, wrong, back, profile=profile()))
    assert (await balance(points), await balance(points, "C-2")) == ((0, 0), (0, 200))
    await points.send(retold("C-2", 2, wrong, back, other, topped_up(25_000), profile=profile()))
    assert await balance(points, "C-2") == (50, 0)
    assert ((await view(points))["level"], (await view(points, "C-2"))["level"]) == (None, "member")


async def test_an_erased_customer_is_named_nowhere_and_the_sums_stay(points: ServiceUnderTest) -> None:
    """R13 C9: entries stay, without a name or a payment; what was left is gone, and nothing late brings it back."""
    late = paid(20_000, "P-2")
    await points.send(activity("C-1", 1, paid(50_000), profile=profile()), activity("C-2", 1, paid(), profile=profile()))
    await redeem(points, 200)
    await points.send(activity("C-1", 2, reversed_(1_000, "P-9")), erased("C-1", 3), activity("C-1", 4, late))
    assert (await points.http.get("/loyalty/C-1")).status_code == 410
    assert (await redeem(points, key="k2")).status_code == 410
    entries = await points.rows(sa.select(LOYALTY_ENTRIES))
    assert {row.customer_id for row in entries} == {None, "C-2"}
    assert {row.reference for row in entries} == {"", "P-1"}
    for table in (LOYALTY_LOTS, LOYALTY_REVERSALS, LOYALTY_REDEMPTIONS, LOYALTY_MEMBERS):
        assert {row.customer_id for row in await points.rows(sa.select(table))} <= {"C-2"}
    assert "C-1" not in str(await points.rows(sa.select(IDEMPOTENCY_KEYS)))
    assert (await check(points))["accounts"] == {"expired": 300, "issued": -628, "points": 128, "redeemed": 200}
    assert (await level_changes(points, 3))[-1] == ("customer:C-1", "member", None)


async def test_points_expire_page_by_page_and_levels_follow(points: ServiceUnderTest) -> None:
    """R13: a year on the level falls, two years on the points are gone; each page leaves less to do."""
    ids = [f"C-{number}" for number in range(5)]
    await points.send(*(activity(one, 1, paid(450_000, days_ago=3), profile=profile()) for one in ids))
    assert (await view(points))["level"] == "premier"
    assert await sweep(points, clock.now().date(), page=2) == [False]
    assert await sweep(points, clock.now().date() + timedelta(days=366), page=2) == [True, True, False]
    assert (await view(points))["level"] == "member"
    assert await sweep(points, clock.now().date() + timedelta(days=735), page=2) == [True, True, False]
    assert await sweep(points, clock.now().date() + timedelta(days=735), page=2) == [False]
    assert await balance(points) == (0, 0)
    assert (await check(points))["accounts"] == {"expired": 22_500, "issued": -22_500, "points": 0}
    await points.send(activity("C-9", 1, paid(), profile=profile()))
    assert not await loyalty.expire(points.database, None)
    async with points.database.transaction() as tx:
        await tx.execute(sa.update(LOYALTY_LOTS).values(expires_on=clock.now().date()))
        await tx.execute(sa.update(LOYALTY_MEMBERS).values(due_on=clock.now().date()))
    assert not await loyalty.expire(points.database, None)
    assert (await check(points))["accounts"]["points"] == 0
    assert any(sweep.step is loyalty.expire for sweep in points.spec.sweeps)


async def test_a_ledger_that_does_not_add_up_says_where(retention: ServiceUnderTest) -> None:
    """R13: an entry too few, a balance that was changed, a lot that was changed. A balance below zero the database refuses."""
    ids = ["C-1", "C-2", "C-3", "C-4"]
    await retention.send(*(activity(one, 1, paid(), profile=profile()) for one in ids))
    assert (await check(retention))["sound"]
    with pytest.raises(IntegrityError):
        async with retention.database.transaction() as tx:
            await tx.execute(sa.update(LOYALTY_MEMBERS).values(points=LOYALTY_MEMBERS.c.points - 129))
    async with retention.database.transaction() as tx:
        entries, members, lots = LOYALTY_ENTRIES, LOYALTY_MEMBERS, LOYALTY_LOTS
        await tx.execute(entries.delete().where(entries.c.customer_id == "C-1"))
        await tx.execute(sa.update(members).where(members.c.customer_id == "C-2").values(points=129))
        await tx.execute(sa.update(lots).where(lots.c.customer_id == "C-3").values(remaining=127))
    found = await check(retention)
    assert (found["sound"], list(found["unbalanced_transactions"].values())) == (False, [-128])
    differing = {one["customer_id"]: (one["entry_points"], one["kept_points"], one["lot_points"]) for one in found["differing_customers"]}
    assert differing == {"C-1": (0, 128, 128), "C-2": (128, 129, 128), "C-3": (128, 128, 127)}


async def levels(retention: ServiceUnderTest, *customer_ids: str) -> dict[str, str | None]:
    """As kept, by id."""
    return {one.customer_id: one.level for one in await retention.rows(sa.select(LOYALTY_MEMBERS)) if one.customer_id in customer_ids}


async def one_by_one(retention: ServiceUnderTest, order: tuple[int, ...], *told: Message) -> None:
    for place in order:
        await retention.send(told[place])


async def sweep(retention: ServiceUnderTest, today: date, *, page: int) -> list[bool]:
    """Whether there may be more, page by page."""
    found = [True]
    while found[-1]:
        async with retention.database.transaction() as tx:
            found.append(await loyalty.expire_page(tx, today, page=page))
    return found[1:]


async def hear(retention: ServiceUnderTest, sent: Message) -> None:
    """In a transaction of its own, beside the worker. A deadlock is rolled back and tried again, as the worker does."""
    delivery = Delivery(decode(sent.value), record(sent.value, topic=sent.topic), replayed=False)
    for attempt in range(MOST_ATTEMPTS):
        try:
            async with retention.database.transaction() as tx:
                await take_in(tx, [delivery], default_zone="UTC")
            return
        except DBAPIError as error:
            if not is_transient(error) or attempt == MOST_ATTEMPTS - 1:
                raise


def told_at(sent: Message, at: datetime) -> Message:
    return Message(sent.topic, sent.key, sent.value.replace(NOON.isoformat().encode(), at.isoformat().encode()))
