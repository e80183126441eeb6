"""C5: who comes in as a new customer and just left is found by document, device or calling circle, and is not counted as new."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.customer.circle import CONTACTS, SHARED_CONTACTS, circle, likeness
from services.customer.reentry import OVERLAP, WITHIN, Match, Stay, is_return, stay_of, surest, watched_period
from services.customer.tables import CIRCLES
from services.customer.use_cases import reentry
from shared import clock
from shared.contracts.customer import CustomerReturned
from shared.contracts.network import DeviceChanged
from tests.builders import activated, cloud_event, registered, terminated, used
from tests.customer.comparing import compared
from tests.harness import ServiceUnderTest

NOW = clock.now()
OLD, NEW = "8613800138000", "8613700137000"
FRIENDS = [f"86139001390{number:02}" for number in range(30)]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def former(customer: str = "F", msisdn: str = OLD, *, left: float = 30, reason: str = "customer_request", **data: Any) -> list[dict[str, Any]]:
    return [
        registered(customer, at=ago(500), **({"name": f"Old {customer}", "document": f"passport:F-{customer}-1"} | data)),
        activated(customer, msisdn, at=ago(500)),
        terminated(customer, f"S-{customer}-{msisdn}", at=ago(left), reason=reason),
    ]


def newcomer(customer: str = "N", msisdn: str = NEW, *, came: float = 20, **data: Any) -> list[dict[str, Any]]:
    return [
        registered(customer, at=ago(came), **({"name": f"New {customer}", "document": f"passport:N-{customer}-2"} | data)),
        activated(customer, msisdn, at=ago(came)),
    ]


def seen_in(msisdn: str, imei: str, *, days: float) -> dict[str, Any]:
    return cloud_event(DeviceChanged, f"msisdn:{msisdn}", at=ago(days), imei=imei, tac=imei[:8])


def called(msisdn: str, contacts: list[str], *, days: float) -> dict[str, Any]:
    return used(msisdn, at=ago(days), days=2, top_contacts=contacts)


async def reentries(customer: ServiceUnderTest) -> list[tuple[str, str, str]]:
    items = (await customer.http.get("/reentries")).json()["items"]
    return [(one["customer_id"], one["former_customer_id"], one["matched_by"]) for one in items]


async def test_by_document(customer: ServiceUnderTest) -> None:
    """C5: the same document on a new contract is the customer who left; it is told downstream, once."""
    same: dict[str, Any] = {"document": "passport:E1234567"}
    await compared(customer, *former(**same), *newcomer(**same))
    assert await reentries(customer) == [("N", "F", "document")]
    activity = await customer.read("activity", count=3)
    told = [fact for one in activity for fact in one["data"].get("facts", ()) if fact["type"] == CustomerReturned.type]
    assert [(one["data"]["former_customer_id"], one["data"]["likeness"]) for one in told] == [("F", 1.0)]
    facts = (await customer.http.get("/customers/N")).json()["facts"]
    assert CustomerReturned.type in {fact["type"] for fact in facts}
    await compared(customer, seen_in(NEW, "356938035643809", days=1), seen_in(OLD, "356938035643809", days=31))
    assert await reentries(customer) == [("N", "F", "document")]


@pytest.mark.parametrize("seed", range(3))
async def test_by_device_in_any_order(customer: ServiceUnderTest, seed: int) -> None:
    """C5: whether the device, the new contract or the end of the old one becomes known last."""
    events = [[*former()], [seen_in(OLD, "356938035643809", days=100)], [*newcomer()], [seen_in(NEW, "356938035643809", days=15)]]
    random.Random(seed).shuffle(events)
    for batch in events:
        await compared(customer, *batch)
    assert await reentries(customer) == [("N", "F", "device")]


@pytest.mark.parametrize("seed", range(3))
async def test_by_calling_circle_in_any_order(customer: ServiceUnderTest, seed: int) -> None:
    """C5: whoever keeps calling the same people is the same person; hotlines everybody calls are nobody's friends."""
    hotlines = ["10086", "95588", "12306"]
    events = [
        [*former()],
        [called(OLD, [*FRIENDS[:14], *hotlines], days=40), called(OLD, FRIENDS[2:16], days=50)],
        [*newcomer()],
        [called(NEW, [*FRIENDS[4:14], *hotlines], days=10)],
        [*newcomer("O", "8613600136000"), called("8613600136000", [*FRIENDS[:4], *FRIENDS[20:], *hotlines], days=10)],
    ]
    random.Random(seed).shuffle(events)
    for batch in events:
        await compared(customer, *batch)
    assert await reentries(customer) == [("N", "F", "circle")]
    (found,) = (await customer.http.get("/reentries", params={"customer_id": "F"})).json()["items"]
    assert found["likeness"] == 1.0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"left": 120}, {}),
        ({"left": 10}, {"came": 20}),
        ({"reason": "transfer"}, {}),
        ({"reason": "death"}, {}),
        ({"document": "passport:null"}, {"document": "passport:null"}),
    ],
    ids=["left too long ago", "came before the other left", "handed on", "died", "a document that says nothing"],
)
async def test_who_is_not_back(customer: ServiceUnderTest, old: dict[str, Any], new: dict[str, Any]) -> None:
    """C5: the same document is a duplicate to review; a return it is only when one left and came back within 90 days."""
    same: dict[str, Any] = {"document": "passport:E1234567"}
    await compared(customer, *former(**(same | old)), *newcomer(**(same | new)))
    assert await reentries(customer) == []


async def test_a_blocked_device_tells_nobody(customer: ServiceUnderTest) -> None:
    """C5: the shop's demo phone has had every SIM in it."""
    await customer.http.post("/block-list", json={"kind": "imei", "value": "356938035643809", "note": "demo phone"})
    await compared(customer, *former(), seen_in(OLD, "356938035643809", days=100), *newcomer(), seen_in(NEW, "356938035643809", days=15))
    assert await reentries(customer) == []


async def test_who_returned_is_no_new_customer(customer: ServiceUnderTest) -> None:
    """C5: registered, of them returned, net new, by acquisition channel; a merged one is not counted twice."""
    same: dict[str, Any] = {"document": "passport:E1234567"}
    month = clock.month_of(ago(20))
    inside = (NOW - clock.bounds_of(month)[0]).total_seconds() / 86_400 - 1  # days ago, all in one month
    await compared(
        customer,
        *former(left=inside + 10, **same),
        *newcomer("N", came=inside, acquisition_channel="shop", **same),
        *newcomer("M", "8613600136000", came=inside, acquisition_channel="shop"),
        *newcomer("W", "8613500135000", came=inside, acquisition_channel="web"),
        *newcomer("X", "8613400134000", came=inside, acquisition_channel="web"),
    )
    await customer.http.post("/merges", json={"customers": ["W", "X"], "reason": "one person"})
    await compared(customer)
    answer = (await customer.http.get("/kpi/new-customers", params={"month": month})).json()
    counts = {one["channel"]: (one["registered"], one["returned"], one["net_new"]) for one in answer["items"]}
    assert counts == {"shop": (2, 1, 1), "web": (1, 0, 1)}
    assert (await customer.http.get("/kpi/new-customers", params={"month": "2020-13"})).status_code == 422


async def test_old_circles_are_deleted(customer: ServiceUnderTest) -> None:
    """C5: whom a customer called is kept only while it can tell a return."""
    await compared(customer, *former(), called(OLD, FRIENDS[:10], days=40))
    assert len(await customer.rows(sa.select(CIRCLES))) == 10
    await reentry.purge(customer.database, None)
    assert len(await customer.rows(sa.select(CIRCLES))) == 10
    async with customer.database.transaction() as tx:
        await tx.execute(CIRCLES.update().values(until=ago(1)))
    await reentry.purge(customer.database, None)
    assert await customer.rows(sa.select(CIRCLES)) == []


async def test_reentries_come_in_pages(customer: ServiceUnderTest) -> None:
    """C5: with a cursor."""
    for number in range(3):
        same: dict[str, Any] = {"document": f"passport:E{number}-7777"}
        await compared(customer, *former(f"F{number}", f"861380013800{number}", **same), *newcomer(f"N{number}", f"861370013700{number}", **same))
    first = (await customer.http.get("/reentries", params={"limit": 2})).json()
    rest = (await customer.http.get("/reentries", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["customer_id"] for one in (*first["items"], *rest["items"])] == ["N0", "N1", "N2"]


@given(st.integers(-20, 110), st.integers(-30, 30))
def test_the_times_of_a_return(gone_days: int, registered_days: int) -> None:
    """C5: from a week before the end of the old contract to 90 days after it, and never by one registered long before."""
    left = Stay("F", came_at=ago(500), left_at=ago(200))
    came = ago(200) + timedelta(days=gone_days)
    back = Stay("N", registered_at=came - timedelta(days=registered_days), came_at=came)
    fits = -OVERLAP <= timedelta(days=gone_days) <= WITHIN and timedelta(days=gone_days - registered_days) >= -OVERLAP
    assert is_return(back, left) is fits
    assert not is_return(left, back)


@given(st.permutations(["document", "device", "circle"]), st.lists(st.floats(0.4, 1), min_size=3, max_size=3))
def test_the_surest_match_is_told(kinds: list[Any], likenesses: list[float]) -> None:
    """C5: a document before a device before a circle, whatever else is alike."""
    matches = [Match(Stay(kind, left_at=ago(1)), kind, like) for kind, like in zip(kinds, likenesses, strict=True)]
    assert surest(matches).matched_by == "document"


def test_a_stay_ends_with_the_last_subscription() -> None:
    """C5: who keeps one subscription has not left; who comes back to an old one has not either."""
    first = {"subscription_id": "1", "activated_at": ago(90).isoformat(), "terminated_at": ago(50).isoformat(), "termination_reason": "other"}
    second = {"subscription_id": "2", "activated_at": ago(80).isoformat()}
    assert stay_of("C", {"subscriptions": [first, second]}).left_at is None
    gone = stay_of("C", {"subscriptions": [first, second | {"terminated_at": ago(40).isoformat(), "termination_reason": "port_out"}]})
    assert (gone.came_at, gone.left_at) == (ago(90), ago(40))
    assert watched_period(gone, NOW) == (ago(40) - WITHIN, ago(40))
    assert watched_period(gone._replace(left_at=ago(300)), NOW) is None


@given(st.lists(st.lists(st.sampled_from([*"abcdefghijklmnopqrstuvwxyz", ""]), max_size=15), max_size=10), st.randoms())
def test_a_circle_is_bounded_and_has_no_order(summaries: list[list[str]], shuffle: random.Random) -> None:
    """C5: the same summaries in any order are the same circle of named contacts."""
    found = circle(summaries)
    shuffle.shuffle(summaries)
    assert circle(summaries) == found
    assert len(found) <= CONTACTS and "" not in found


class Town(NamedTuple):
    """Whom each inhabitant calls how often a week, and who lives and works with whom."""

    ties: list[dict[str, float]]
    near: set[tuple[int, int]]


def town(rng: random.Random, inhabitants: int) -> Town:
    """Households of four who share their kin, teams of ten, and shops that everybody calls now and then."""
    order = rng.sample(range(inhabitants), inhabitants)
    team = {person: number // 10 for number, person in enumerate(order)}
    kin = [[f"kin{rng.randrange(inhabitants)}" for _ in range(4)] for _ in range(inhabitants // 4 + 1)]
    ties: list[dict[str, float]] = []
    near = {(one, other) for one, other in itertools.permutations(range(inhabitants), 2) if one // 4 == other // 4 or team[one] == team[other]}
    for one in range(inhabitants):
        around = [other for other in range(inhabitants) if (one, other) in near]
        calls = {f"p{other}": rng.uniform(3, 10) if one // 4 == other // 4 else rng.expovariate(1 / 1.5) for other in around}
        calls |= {relative: rng.uniform(0.5, 3) for relative in kin[one // 4]}
        calls |= {f"p{rng.randrange(50 * inhabitants)}": rng.paretovariate(1.2) * 0.3 for _ in range(30)}
        calls |= {f"shop{min(int(rng.paretovariate(0.8)), 60)}": rng.uniform(0.05, 0.4) for _ in range(6)}
        ties.append(calls)
    return Town(ties, near)


def week(rng: random.Random, ties: dict[str, float]) -> list[str]:
    """The twenty called most in a week."""
    calls = {contact: int(rng.gammavariate(rate, 1) + rng.random()) for contact, rate in ties.items()}
    return sorted((contact for contact, count in calls.items() if count), key=lambda contact: -calls[contact])[:20]


def after_a_break(rng: random.Random, ties: dict[str, float], *, lost: float) -> dict[str, float]:
    kept = {contact: rate * rng.uniform(0.5, 1.6) for contact, rate in ties.items() if rng.random() > lost}
    return kept | {f"new{rng.random()}": rng.paretovariate(1.2) * 0.3 for _ in range(round(lost * len(ties)))}


def is_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return likeness(len(one & other), len(one), len(other)) is not None


def test_a_circle_tells_people_apart() -> None:
    """C5: of those who come back with a fifth of their ties changed at least 95 % are known by four weeks of calls, and of a
    town's other pairs next to none: families and teams under 1 %, anybody else never."""
    rng = random.Random(7)
    inhabitants = 240
    ties, near = town(rng, inhabitants)
    before = [circle(week(rng, one) for _ in range(13)) for one in ties]
    after = [circle(week(rng, changed) for _ in range(4)) for changed in (after_a_break(rng, one, lost=0.2) for one in ties)]
    known = sum(is_same(old, new) for old, new in zip(before, after, strict=True))
    mistaken = {(one, other) for one, other in itertools.permutations(range(inhabitants), 2) if is_same(before[one], after[other])}
    assert known / inhabitants >= 0.95
    assert len(mistaken & near) / len(near) < 0.01
    assert mistaken <= near


def test_too_few_shared_contacts_say_nothing() -> None:
    """C5: a small circle that is the same in full is still a small one."""
    assert likeness(SHARED_CONTACTS - 1, SHARED_CONTACTS - 1, 20) is None
    assert likeness(SHARED_CONTACTS, SHARED_CONTACTS, 20) == 1.0
    assert likeness(SHARED_CONTACTS, 2 * SHARED_CONTACTS + 8, 30) is None
