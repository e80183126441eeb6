"""C4, C10: two who are one person, made one and made two again, and the customer as known at a past moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from services.customer.tables import CUSTOMERS
from shared import clock
from shared.contracts import topics
from tests.builders import NOON, activated, paid, registered, terminated, used
from tests.harness import ServiceUnderTest

OLD, NEW = "C-old", "C-new"
NUMBER, OTHER = "8613800138000", "8613800138001"


@pytest.fixture
async def two(customer: ServiceUnderTest) -> ServiceUnderTest:
    """The same person, registered twice: a payment and usage with each."""
    await customer.send(
        registered(OLD, accounts=("A-old",), at=NOON - timedelta(days=400), consents=[{"channel": "call", "granted": True}]),
        registered(NEW, accounts=("A-new",), at=NOON - timedelta(days=100), consents=[{"channel": "call", "granted": False}]),
        activated(OLD, NUMBER), activated(NEW, OTHER), paid("account:A-old", 100), paid("account:A-new", 20), used(NUMBER), used(OTHER),
    )  # fmt: skip
    return customer


async def merge(customer: ServiceUnderTest, one: str = NEW, other: str = OLD) -> dict[str, Any]:
    answer = await customer.http.post("/merges", json={"customers": [one, other], "reason": "same document"}, headers={"X-Actor": "ann"})
    assert answer.status_code == 201, answer.text
    await customer.settle()
    document: dict[str, Any] = answer.json()
    return document


async def view(customer: ServiceUnderTest, customer_id: str, **asked: Any) -> dict[str, Any]:
    answer = await customer.http.get(f"/customers/{customer_id}", params=asked)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def activity_of(customer: ServiceUnderTest, customer_id: str) -> list[dict[str, Any]]:
    """All that was published about one customer."""
    published = sum(row.activity_sequence for row in await customer.rows(sa.select(CUSTOMERS.c.activity_sequence)))
    return [one for one in await customer.read(topics.ACTIVITY, count=published) if one["subject"] == f"customer:{customer_id}"]


async def test_the_older_id_carries_on_and_the_other_is_an_alias(two: ServiceUnderTest) -> None:
    """C4: whoever was registered first carries on for both; the other id resolves for ever, and so do both numbers."""
    merged = await merge(two)
    assert (merged["survivor_id"], merged["merged_id"], merged["merged_by"]) == (OLD, NEW, "ann")
    seen = await view(two, NEW)
    assert (seen["customer_id"], seen["aliases"]) == (OLD, [NEW])
    assert seen["months"]["2026-10"]["paid_minor"] == 120
    assert len(seen["profile"]["subscriptions"]) == 2 and seen["profile"]["accounts"] == ["A-old", "A-new"]
    for identifier in (f"msisdn:{OTHER}", "account:A-new", f"customer:{NEW}"):
        assert (await two.http.get("/owner", params={"identifier": identifier})).json()["customer_id"] == OLD


async def test_consent_after_a_merge_is_the_most_restrictive(two: ServiceUnderTest) -> None:
    """C4: one of them said no."""
    await merge(two)
    assert [consent["granted"] for consent in (await view(two, OLD))["profile"]["consents"]] == [False]


async def test_what_comes_after_the_merge_counts_once_for_the_survivor(two: ServiceUnderTest) -> None:
    """C4: by the alias, by the merged one's account and number; told on in the survivor's sequence."""
    await merge(two)
    await two.send(paid("account:A-new", 7), paid(f"customer:{NEW}", 3), paid("account:A-old", 1))
    assert (await view(two, OLD))["months"]["2026-10"]["paid_minor"] == 131
    messages = await activity_of(two, OLD)
    assert [one["sequence"] for one in messages] == list(range(1, len(messages) + 1))
    assert messages[-1]["data"]["months"]["2026-10"]["paid_minor"] == 131


async def test_unmerging_gives_back_both(two: ServiceUnderTest) -> None:
    """C4: each has what was reported of it, what came since the merge too; the lineage says who undid it and why."""
    before = {one: await view(two, one) for one in (OLD, NEW)}
    merged = await merge(two)
    await two.send(paid("account:A-new", 7))
    answer = await two.http.post(f"/merges/{merged['merge_id']}/undo", json={"reason": "twins"}, headers={"X-Actor": "bob"})
    assert answer.status_code == 200, answer.text
    await two.settle()
    for one, paid_minor in ((OLD, 100), (NEW, 27)):
        seen = await view(two, one)
        assert seen["profile"] == before[one]["profile"]
        assert seen["months"]["2026-10"]["paid_minor"] == paid_minor
    (line,) = (await two.http.get("/merges", params={"customer_id": NEW})).json()["items"]
    assert (line["undone_by"], line["undo_reason"]) == ("bob", "twins")
    again = await two.http.post(f"/merges/{merged['merge_id']}/undo", json={"reason": "twins"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_merging_again_or_with_nobody_is_refused(two: ServiceUnderTest) -> None:
    """C4: codes of the catalogue."""
    await merge(two)
    again = await two.http.post("/merges", json={"customers": [OLD, NEW], "reason": "again"})
    assert (again.status_code, again.json()["code"]) == (409, "already_merged")
    nobody = await two.http.post("/merges", json={"customers": [OLD, "C-none"], "reason": "x"})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")


async def test_a_merged_survivor_can_be_merged_and_an_inner_merge_undone(two: ServiceUnderTest) -> None:
    """C4: aliases of aliases resolve; taking the inner merge back leaves the outer one."""
    inner = await merge(two)
    await two.send(registered("C-first", at=NOON - timedelta(days=900)))
    await merge(two, OLD, "C-first")
    assert (await view(two, NEW))["customer_id"] == "C-first"
    await two.http.post(f"/merges/{inner['merge_id']}/undo", json={"reason": "no"})
    await two.settle()
    assert (await view(two, NEW))["customer_id"] == NEW
    assert (await view(two, OLD))["aliases"] == [OLD] and (await view(two, OLD))["customer_id"] == "C-first"


async def test_a_late_hand_over_moves_the_facts_to_whom_they_belong(customer: ServiceUnderTest) -> None:
    """C4: usage taken for the old owner's turns out to be the new owner's; months of both follow, the reader is told anew."""
    await customer.send(registered(OLD), registered(NEW), activated(OLD, NUMBER, subscription_id="S-old"), used(NUMBER))
    assert (await view(customer, OLD))["months"]["2026-10"]["usage_days"] == 7
    handed = NOON - timedelta(days=30)
    await customer.send(terminated(OLD, "S-old", at=handed), activated(NEW, NUMBER, subscription_id="S-new", at=handed))
    assert "usage_days" not in (await view(customer, OLD))["months"].get("2026-10", {})
    assert (await view(customer, NEW))["months"]["2026-10"]["usage_days"] == 7
    told = [one["data"] for one in await activity_of(customer, OLD)]
    (reset,) = (number for number, data in enumerate(told) if data.get("resets"))
    assert not any(fact["type"].startswith("network.") for data in told[reset:] for fact in data["facts"])


async def test_a_fact_whose_owner_turns_out_to_be_nobody_waits_again(customer: ServiceUnderTest) -> None:
    """C4 E6: the number was given back before it was used; the books still balance."""
    await customer.send(registered(OLD), activated(OLD, NUMBER, subscription_id="S-old"), used(NUMBER))
    await customer.send(terminated(OLD, "S-old", at=NOON - timedelta(days=60)))
    books = (await customer.http.get("/reconciliation", params={"recount": True})).json()
    assert books["balanced"] and books["recount"]["agrees"] and books["totals"]["parked"] == 1


async def test_the_customer_as_known_at_a_past_moment(two: ServiceUnderTest) -> None:
    """C10: event time and recorded time apart: what had happened by then, what was known by then, merges included."""
    then = clock.now()
    await two.send(paid("account:A-old", 5, at=NOON - timedelta(days=40)))
    await merge(two)
    late = await view(two, OLD, as_of=(NOON - timedelta(days=30)).isoformat())
    assert late["months"]["2026-09"]["paid_minor"] == 5 and "2026-10" not in late["months"]
    assert late["aliases"] == [NEW]
    known = await view(two, OLD, known_at=then.isoformat())
    assert known["aliases"] == [] and known["months"]["2026-10"]["paid_minor"] == 100 and "2026-09" not in known["months"]
    before = await two.http.get(f"/customers/{NEW}", params={"as_of": (NOON - timedelta(days=200)).isoformat()})
    assert before.status_code in {200, 404}


async def test_what_was_known_before_facts_were_handed_on(customer: ServiceUnderTest) -> None:
    """C10: what training saw then, it sees again: usage that was the old owner's, as far as anybody knew."""
    await customer.send(registered(OLD), registered(NEW), activated(OLD, NUMBER, subscription_id="S-old"), used(NUMBER))
    then = clock.now()
    await customer.send(activated(NEW, NUMBER, subscription_id="S-new", at=NOON - timedelta(days=30)))
    assert "usage_days" not in (await view(customer, OLD))["months"].get("2026-10", {})
    assert (await view(customer, OLD, known_at=then.isoformat()))["months"]["2026-10"]["usage_days"] == 7
    assert "2026-10" not in (await view(customer, NEW, known_at=then.isoformat()))["months"]


async def test_personal_texts_are_masked_until_they_are_revealed(customer: ServiceUnderTest) -> None:
    """C9 C2: a view, an event and a table show nobody's name; revealing says who asked."""
    await customer.send(
        registered(OLD, name="Li Wei", contact_points=[{"kind": "email", "value": "li@example.com"}]), activated(OLD, NUMBER, subscription_id="S-1")
    )
    masked = (await customer.http.get(f"/customers/{OLD}/personal")).json()
    assert masked["name"] == "L*****" and masked["subscriptions"][0]["msisdn"] == "86138****8000"
    assert masked["contact_points"][0]["value"] == "l***@example.com"
    plain = (await customer.http.get(f"/customers/{OLD}/personal", params={"reveal": True}, headers={"X-Actor": "ann"})).json()
    assert plain["name"] == "Li Wei" and plain["subscriptions"][0]["msisdn"] == NUMBER
    published = orjson.dumps(await activity_of(customer, OLD)).decode()
    assert "Li Wei" not in published and NUMBER not in published
    assert "Li Wei" not in orjson.dumps(await view(customer, OLD)).decode()
    (entry,) = (await customer.http.get("/audit", params={"customer_id": OLD, "action": "reveal"})).json()["items"]
    assert entry["actor"] == "ann"


async def test_the_screen_pop_is_one_call_by_any_identifier(customer: ServiceUnderTest) -> None:
    """C2: by number, SIM, document, account, id or alias; with the blocks that are asked for."""
    await customer.send(registered(OLD, accounts=("A-1",), document="id_card:330106198001010011"), activated(OLD, NUMBER, imsi="460001234567890"), used(NUMBER))
    for identifier in (f"msisdn:{NUMBER}", "imsi:460001234567890", "document:id_card:330106198001010011", "account:A-1", f"customer:{OLD}"):
        answer = await customer.http.get("/customers", params={"identifier": identifier, "fields": "profile,months"})
        assert answer.status_code == 200, identifier
        seen = answer.json()
        assert seen["customer_id"] == OLD and seen["months"]["2026-10"]["usage_days"] == 7 and "facts" not in seen and "windows" not in seen
    assert (await customer.http.get("/customers", params={"identifier": "msisdn:8613999999999"})).json()["code"] == "not_found"
    kindless = await customer.http.get("/customers", params={"identifier": NUMBER})
    assert (kindless.status_code, kindless.json()["code"]) == (422, "invalid_request")
    wrong = await customer.http.get(f"/customers/{OLD}", params={"fields": "profile,shoe_size"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")
