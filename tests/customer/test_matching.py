"""C4: duplicates are found, reviewed, merged or not, whatever the order in which they became known."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.customer.matching import is_evidence, likeness, match_keys, pairs, parts, unblocked
from services.customer.repository import matching as repository
from services.customer.tables import MATCH_KEYS, REVIEW_EVIDENCE
from shared.contracts import orders
from shared.database import insert_rows
from tests.builders import NOON, activated, cloud_event, registered, terminated
from tests.customer.comparing import compared, sealed
from tests.harness import ServiceUnderTest

INDEXES = st.sampled_from(["", "a", "b", "c"])


def person(customer: str, *, days: int = 400, **data: Any) -> dict[str, Any]:
    """Registered, unlike anybody else unless `data` says otherwise."""
    unlike = {"name": f"Name Of {customer}", "document": f"passport:{customer}-12", "contact_points": []}
    return registered(customer, at=NOON - timedelta(days=days), **(unlike | data))


def updated(customer: str, *, at: Any = NOON, **data: Any) -> dict[str, Any]:
    return cloud_event(orders.CustomerUpdated, f"customer:{customer}", at=at, **data) | {"data": data}


def email(value: str, *, verified: bool = False) -> dict[str, Any]:
    return {"kind": "email", "value": value, "verified": verified}


def phone(value: str) -> dict[str, Any]:
    return {"kind": "phone", "value": value}


async def reviews(customer: ServiceUnderTest, state: str | None = None) -> dict[tuple[str, str], dict[str, Any]]:
    answer = (await customer.http.get("/reviews", params={"state": state, "limit": 200} if state else {"limit": 200})).json()
    return {(one["customers"][0], one["customers"][1]): one for one in answer["items"]}


async def decided(customer: ServiceUnderTest, pair: tuple[str, str], decision: str) -> dict[str, Any]:
    review = (await reviews(customer))[pair]
    answer = await customer.http.post(f"/reviews/{review['review_id']}", json={"decision": decision, "note": "asked"}, headers={"X-Actor": "ana"})
    assert answer.status_code == 200, answer.text
    await compared(customer)
    found: dict[str, Any] = answer.json()
    return found


async def test_same_document_and_name_are_merged_by_review(customer: ServiceUnderTest) -> None:
    """C4: one person registered twice is found, and merging keeps the older id."""
    await compared(customer, person("C-2", days=10, name="Li Wei", document="passport:E1234567"), person("C-1", name="li wei", document="passport:e123-4567"))
    assert [(one["state"], one["likeness"]) for one in (await reviews(customer)).values()] == [("open", 1.0)]
    merged = await decided(customer, ("C-1", "C-2"), "merge")
    assert (merged["state"], merged["decided_by"]) == ("merged", "ana")
    assert (await customer.http.get("/customers/C-2")).json()["customer_id"] == "C-1"
    again = await customer.http.post(f"/reviews/{merged['review_id']}", json={"decision": "different"})
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    assert await customer.rows(sa.select(MATCH_KEYS).where(MATCH_KEYS.c.customer_id == "C-2")) == []


async def test_name_and_contact_point_are_evidence(customer: ServiceUnderTest) -> None:
    """C4: the same name with the same address of any kind; a number held counts as one, a number given up does not."""
    wei: dict[str, Any] = {"name": "Li Wei"}
    await compared(
        customer,
        person("A", **wei, contact_points=[email("wei@example.org")]),
        person("B", **wei, contact_points=[email("Wei@Example.org"), phone("8613800138000")]),
        person("C", **wei),
        activated("C", "8613800138000"),
        person("D", **wei),
        activated("D", "8613700137000"),
        terminated("D", "S-D-8613700137000"),
        person("E", **wei, contact_points=[phone("8613700137000")]),
        person("F", contact_points=[email("wei@example.org")]),
    )
    found = await reviews(customer, "open")
    assert found.keys() == {("A", "B"), ("B", "C")}
    assert {one["likeness"] for one in found.values()} == {0.3}, "their documents differ"


async def test_what_says_nothing_is_no_evidence(customer: ServiceUnderTest) -> None:
    """C4: `null` and zeros are in every system; nobody is alike by them."""
    for value in ("null", "id_card:000000", "unknown"):
        await compared(customer, person(f"A {value[:2]}", document=value), person(f"B {value[:2]}", document=value))
    assert await reviews(customer) == {}


async def test_what_too_many_share_is_no_evidence_until_few_enough_do(customer: ServiceUnderTest) -> None:
    """C4: an office's licence number says of nobody who they are."""
    everybody = [f"C-{number}" for number in range(6)]
    await compared(customer, *(person(one, document="licence:913301") for one in everybody[:5]))
    assert len(await reviews(customer, "open")) == 10
    (key,) = (await customer.http.get("/customers/C-0/matches")).json()["items"]
    assert key["shared_by_many"] is False and key["others"] == 4
    await compared(customer, person(everybody[5], document="licence:913301"))
    assert await reviews(customer) == {}
    (key,) = (await customer.http.get("/customers/C-0/matches")).json()["items"]
    assert key["shared_by_many"] is True and key["others"] == 5
    await compared(customer, updated("C-3", document="licence:555555"))
    assert {one for pair in await reviews(customer, "open") for one in pair} == set(everybody) - {"C-3"}


async def test_blocking_a_value_closes_what_lived_on_it_at_once(customer: ServiceUnderTest) -> None:
    """C4: the block list is obeyed before the answer is out, and taking a value off it brings the reviews back."""
    shop = [email("shop@example.org")]
    await compared(customer, *(person(one, name="Li Wei", contact_points=shop) for one in "AB"))
    assert (await reviews(customer, "open")).keys() == {("A", "B")}
    request = {"kind": "contact", "value": "SHOP@example.org", "note": "the shop's own"}
    blocked = await customer.http.post("/block-list", json=request, headers={"X-Actor": "ana"})
    assert (blocked.status_code, blocked.json()["blocked_by"]) == (201, "ana")
    assert "shop@" not in blocked.text
    assert (await reviews(customer, "blocked")).keys() == {("A", "B")}
    await compared(customer, person("C", name="Li Wei", contact_points=shop))
    assert await reviews(customer, "open") == {}
    listed = (await customer.http.get("/block-list")).json()["items"]
    assert [one["note"] for one in listed] == ["the shop's own"]
    assert (await customer.http.delete(f"/block-list/{listed[0]['part']}")).status_code == 204
    assert (await reviews(customer, "open")).keys() == {("A", "B"), ("A", "C"), ("B", "C")}
    assert (await customer.http.delete(f"/block-list/{listed[0]['part']}")).status_code == 404


async def test_a_blocked_value_among_others_only_weakens(customer: ServiceUnderTest) -> None:
    """C4: a review that lives on something else too stays open."""
    both: dict[str, Any] = {"name": "Li Wei", "document": "passport:E1234567", "contact_points": [email("shop@example.org")]}
    await compared(customer, person("A", **both), person("B", **both))
    await customer.http.post("/block-list", json={"kind": "contact", "value": "shop@example.org", "note": "shop"})
    assert [one["state"] for one in (await reviews(customer)).values()] == ["open"]
    await customer.http.post("/block-list", json={"kind": "document", "value": "passport:E1234567", "note": "a specimen"})
    assert [one["state"] for one in (await reviews(customer)).values()] == ["blocked"]


async def test_a_placeholder_need_not_be_blocked(customer: ServiceUnderTest) -> None:
    """C4: what is no evidence anyway is refused, so that the list shows what it does."""
    answer = await customer.http.post("/block-list", json={"kind": "name", "value": "unknown", "note": "n"})
    assert (answer.status_code, answer.json()["code"]) == (422, "tells_nothing")


async def test_different_is_never_asked_again(customer: ServiceUnderTest) -> None:
    """C4: a decision outlives new evidence, and holds for whoever carries on for one of the two."""
    await compared(customer, person("A", document="passport:E1"), person("A", document="passport:E1234567"), person("B", document="passport:E1234567"))
    await decided(customer, ("A", "B"), "different")
    wei: dict[str, Any] = {"name": "Li Wei", "contact_points": [email("w@example.org")]}
    await compared(customer, updated("B", **wei), person("0", days=900, **wei))
    await decided(customer, ("0", "B"), "merge")
    assert (await reviews(customer, "open")) == {}, "0 carries on for B, of whom A was found to be another"


async def test_an_undone_merge_is_not_proposed_again(customer: ServiceUnderTest) -> None:
    """C4: whoever undoes a merge has said that they are two."""
    await compared(customer, person("A", document="passport:E1234567"), person("B", document="passport:E1234567"))
    await decided(customer, ("A", "B"), "merge")
    (merge,) = (await customer.http.get("/merges")).json()["items"]
    assert (await customer.http.post(f"/merges/{merge['merge_id']}/undo", json={"reason": "twins"})).status_code == 200
    await compared(customer)
    assert [(pair, one["state"]) for pair, one in (await reviews(customer)).items()] == [(("A", "B"), "different")]


async def test_a_merge_by_another_way_answers_the_review(customer: ServiceUnderTest) -> None:
    """C4: no open review is about a customer who is somebody else's alias by now."""
    same: dict[str, Any] = {"document": "passport:E1234567"}
    await compared(customer, person("A", **same), person("B", **same), person("C", **same))
    assert (await customer.http.post("/merges", json={"customers": ["A", "B"], "reason": "phoned"})).status_code == 201
    await compared(customer)
    assert {pair: one["state"] for pair, one in (await reviews(customer)).items()} == {("A", "B"): "merged", ("A", "C"): "open"}


async def test_certain_ones_are_merged_without_asking_where_that_is_set(customer: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: off by default; on, it merges the same document and name, and nothing less."""
    monkeypatch.setenv("HOLDFAST_CUSTOMER_MERGE_CERTAIN", "true")
    same: dict[str, Any] = {"document": "passport:E1234567", "name": "Li Wei"}
    await compared(customer, person("A", **same), person("B", **same), person("C", **same), person("D", document="passport:E1234567"))
    assert {(await customer.http.get(f"/customers/{one}")).json()["customer_id"] for one in "ABC"} == {"A"}
    assert (await reviews(customer, "open")).keys() == {("A", "D")}


@pytest.mark.parametrize("seed", range(4))
async def test_open_reviews_do_not_depend_on_the_order(customer: ServiceUnderTest, seed: int) -> None:
    """C4: whatever became known first, the same customers are under review for the same."""
    events = [
        person("A", document="passport:E1234567", contact_points=[email("a@example.org")]),
        person("B", name="Name Of A", document="passport:E7654321", contact_points=[email("b@example.org")]),
        person("C", document="passport:E1111111"),
        updated("B", contact_points=[email("a@example.org")], at=NOON - timedelta(days=20)),
        updated("C", document="passport:E1234567", at=NOON - timedelta(days=20)),
        updated("C", document="passport:E2222222", at=NOON - timedelta(days=30)),
        updated("A", document="passport:E7654321", at=NOON - timedelta(days=5)),
        updated("A", contact_points=[email("a@example.org"), email("b@example.org")], at=NOON - timedelta(days=300)),
    ]
    random.Random(seed).shuffle(events)
    for event in events:
        await compared(customer, event)
    found = await reviews(customer)
    assert {pair: (one["state"], one["likeness"], len(one["evidence"])) for pair, one in found.items()} == {("A", "B"): ("open", 1.0, 2)}
    assert len(await customer.rows(sa.select(REVIEW_EVIDENCE.c.key).distinct())) == 2


async def test_an_erased_customer_is_compared_with_nobody(customer: ServiceUnderTest) -> None:
    """C4, C9: and what a comparison under way at that moment put back is taken away again."""
    await compared(customer, person("A", document="passport:E1234567"), person("B", document="passport:E1234567"))
    kept = await customer.rows(sa.select(MATCH_KEYS).where(MATCH_KEYS.c.customer_id == "A"))
    await customer.stop_worker()
    assert (await customer.http.post("/customers/A/erasure", json={"reason": "asked"})).is_success
    async with customer.database.transaction() as tx:
        await insert_rows(tx, MATCH_KEYS, [row._asdict() for row in kept])
    await customer.start_worker()
    await compared(customer)
    assert {row.customer_id for row in await customer.rows(sa.select(MATCH_KEYS))} == {"B"}
    assert await reviews(customer) == {}


async def test_one_at_a_time_compares(customer: ServiceUnderTest) -> None:
    """C4: two who compare at once would each miss what the other has not committed."""
    if customer.database.file:
        return  # SQLite has one writer
    async with customer.database.transaction() as first, customer.database.transaction() as second:
        assert await repository.lock(first, wait=False)
        assert not await repository.lock(second, wait=False)


async def test_reviews_come_in_pages(customer: ServiceUnderTest) -> None:
    """C4: the queue is read with a cursor; one that is not ours is refused."""
    await compared(customer, *(person(one, document="licence:913301") for one in "ABC"))
    first = (await customer.http.get("/reviews", params={"limit": 2})).json()
    rest = (await customer.http.get("/reviews", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert (await customer.http.get("/reviews", params={"cursor": "x"})).json()["code"] == "bad_cursor"
    (last,) = rest["items"]
    assert (await customer.http.get(f"/reviews/{last['review_id']}")).json() == last
    assert (await customer.http.get("/reviews/4711")).status_code == 404


@given(name=INDEXES, document=INDEXES, contacts=st.lists(INDEXES, max_size=3), imei=INDEXES)
def test_every_match_key_is_made_of_values_that_tell(name: str, document: str, contacts: list[str], imei: str) -> None:
    """C4: no key has an empty part, and each can be blocked by any of its parts."""
    points = [{"kind": "email", "value": sealed("contact", one)} for one in contacts]
    subscription = {"subscription_id": "S", "imei": sealed("imei", imei), "terminated_at": "2026-01-01T00:00:00+00:00"}
    profile = {"name": sealed("name", name), "document": sealed("document", document), "contact_points": points, "subscriptions": [subscription]}
    keys = match_keys(profile)
    assert all(part.partition(":")[2] for key in keys for part in parts(key))
    assert all(not unblocked([key], {part}) for key in keys for part in parts(key))
    assert (bool(document), bool(imei)) == (any(key.startswith("document:") for key in keys), any(key.startswith("device:") for key in keys))


@given(st.lists(st.sampled_from(["document:d", "name+email:n+e", "name+phone:n+p", "name+address:n+a"]), min_size=1, unique=True))
def test_more_evidence_is_never_less_sure(keys: list[str]) -> None:
    """C4: likeness is between 0 and 1, and grows with what two share."""
    one, other = {"name": sealed("name", "n")}, {"name": sealed("name", "m")}
    sure = [likeness(keys[: count + 1], one, other) for count in range(len(keys))]
    assert sure == sorted(sure) and 0 < sure[0] <= sure[-1] < 1
    assert all(map(is_evidence, keys)) and not is_evidence("device:i")


def test_a_pair_is_one_pair_from_both_sides() -> None:
    """C4: what A shares with B is what B shares with A."""
    assert pairs([("k", "B", "A"), ("l", "A", "B"), ("k", "A", "B")]) == {("A", "B"): {"k", "l"}}
