"""C7: prospects with source and stage, recognised and converted when they become customers; sealed like everything personal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.customer.prospects import SAME_VISIT, STAGES, became_customer_at, keys_of
from services.customer.tables import DATA_KEYS, IDEMPOTENCY_KEYS, PROSPECT_KEYS, PROSPECTS
from shared import clock
from tests.builders import activated, registered, terminated
from tests.harness import ServiceUnderTest

START = datetime(2026, 10, 1, tzinfo=UTC)
NAME, DOCUMENT, PHONE = "Wang Fang", "id_card:330106199002022244", "8613911112222"
LI = {"document": "id_card:330106198001010011"}


# The rules


@given(st.lists(st.integers(-100, 100), max_size=5))
def test_an_older_subscription_converts_nobody(days: list[int]) -> None:
    """C7: the first activation since they were a prospect, or on the very visit."""
    profile = {"subscriptions": [{"activated_at": (START + timedelta(days=day)).isoformat()} for day in days]}
    since = [day for day in days if timedelta(days=day) >= -SAME_VISIT]
    assert became_customer_at(profile, START, named=False) == (START + timedelta(days=min(since)) if since else None)
    assert became_customer_at(profile, START, named=True) == (START + timedelta(days=min(days)) if days else None)


def test_only_what_says_who_somebody_is_recognises_them() -> None:
    """C7 C4: the indexes of document, contact points and numbers; `null` has none."""
    points = [{"kind": "phone", "value": "~1.contact.k.P.AAAA"}, {"kind": "email", "value": "~1.contact.k..AAAA"}]
    profile = {
        "name": "~1.name.k.N.AAAA",
        "document": "~1.document.k.D.AAAA",
        "contact_points": points,
        "subscriptions": [{"msisdn": "~1.msisdn.k.M.AAAA"}, {}],
    }
    assert keys_of(profile) == {"P", "D", "M"}
    assert keys_of({}) == set()


# The service


async def put_down(customer: ServiceUnderTest, *, key: str = "one", **body: Any) -> Any:
    headers = {"Idempotency-Key": key, "X-Actor": "A-7"}
    return await customer.http.post("/prospects", json={"source": "website"} | body, headers=headers)


async def prospect(customer: ServiceUnderTest, **body: Any) -> str:
    answer = await put_down(customer, key=str(body), **body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["prospect_id"])


async def one(customer: ServiceUnderTest, prospect_id: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await customer.http.get(f"/prospects/{prospect_id}", params=params)).json()
    return found


async def test_a_prospect_is_sealed_and_masked(customer: ServiceUnderTest) -> None:
    """C7 C9 C11: masked unless revealed, and a revealed one is in the audit log; no table holds what is personal."""
    point = {"kind": "phone", "value": PHONE}
    answer = await put_down(customer, name=NAME, document=DOCUMENT, contact_point=point, interest="gotone-128", agent="A-7")
    made = answer.json()
    assert (answer.status_code, made["stage"], made["interest"]) == (201, "new", "gotone-128")
    assert (made["name"], made["contact_point"]["value"]) == ("W********", "86139****2222")
    revealed = await one(customer, made["prospect_id"], reveal=True)
    assert (revealed["name"], revealed["document"], revealed["contact_point"]) == (NAME, DOCUMENT, point)
    (noted,) = (await customer.http.get("/audit", params={"action": "reveal_prospect"})).json()["items"]
    assert noted["details"] == {"prospect_id": made["prospect_id"]}
    held = [await customer.rows(sa.select(table)) for table in (PROSPECTS, PROSPECT_KEYS, IDEMPOTENCY_KEYS)]
    assert not [secret for secret in (NAME, DOCUMENT, PHONE) if secret in str(held)]
    owners = await customer.rows(sa.select(DATA_KEYS.c.customer_id))
    assert f"prospect:{made['prospect_id']}" in {row.customer_id for row in owners}


async def test_the_same_request_again_is_one_prospect(customer: ServiceUnderTest) -> None:
    """C7 G1: by its Idempotency-Key; with another body it is refused."""
    first, again = [await put_down(customer, name=NAME) for _ in range(2)]
    assert first.json() == again.json()
    assert (await put_down(customer, name="Zhao Min")).json()["code"] == "idempotency_key_reused"
    assert len((await customer.http.get("/prospects")).json()["items"]) == 1


@pytest.mark.parametrize("body", [{}, {"contact_point": {"kind": "phone", "value": "138-0013"}}, {"name": NAME, "source": ""}, {"name": "a\x00b"}])
async def test_a_prospect_who_is_nobody_is_refused(customer: ServiceUnderTest, body: dict[str, Any]) -> None:
    """C7: a name, a document or a contact point, each as it is compared later."""
    assert (await put_down(customer, **body)).json()["code"] == "invalid_request"


async def test_stages_and_the_funnel(customer: ServiceUnderTest) -> None:
    """C7: where each stands, counted by source and stage."""
    ids = [await prospect(customer, name=f"N-{number}", source=source) for number, source in enumerate(["website", "website", "shop"])]
    changed = await customer.http.patch(f"/prospects/{ids[0]}", json={"stage": "contacted", "agent": "A-9"})
    assert (changed.json()["stage"], changed.json()["agent"]) == ("contacted", "A-9")
    assert (await customer.http.patch(f"/prospects/{ids[0]}", json={"stage": "converted"})).status_code == 422
    assert (await customer.http.patch("/prospects/P-0", json={"stage": "lost"})).status_code == 404
    funnel = (await customer.http.get("/prospects/funnel")).json()["sources"]
    none = dict.fromkeys(STAGES, 0)
    assert funnel == [
        {"source": "shop", "stages": none | {"new": 1}, "total": 1, "converted_share": 0.0},
        {"source": "website", "stages": none | {"new": 1, "contacted": 1}, "total": 2, "converted_share": 0.0},
    ]


async def test_the_list_is_paged_newest_first(customer: ServiceUnderTest) -> None:
    """C7 G1: by source and stage, with an opaque cursor."""
    ids = [await prospect(customer, name=f"N-{number}", source="shop" if number == 1 else "website") for number in range(4)]
    first = (await customer.http.get("/prospects", params={"limit": 2, "source": "website"})).json()
    rest = (await customer.http.get("/prospects", params={"limit": 2, "source": "website", "cursor": first["next_cursor"]})).json()
    assert [found["prospect_id"] for found in (*first["items"], *rest["items"])] == [ids[3], ids[2], ids[0]]
    assert (await customer.http.get("/prospects", params={"stage": "lost"})).json()["items"] == []


@pytest.mark.parametrize(
    ("known", "registration", "number"),
    [
        ({"document": DOCUMENT}, {"document": DOCUMENT.upper()}, "8613800138000"),
        (
            {"contact_point": {"kind": "email", "value": "Wang@example.com"}},
            {"contact_points": [{"kind": "email", "value": "wang@example.com"}]},
            "8613800138000",
        ),
        ({"contact_point": {"kind": "phone", "value": PHONE}}, {}, PHONE),
    ],
)
async def test_an_activation_converts_who_is_recognised(customer: ServiceUnderTest, known: Any, registration: Any, number: str) -> None:
    """C7: by document, contact point, or the number they ported in; registered alone they are none yet."""
    prospect_id, other = await prospect(customer, **known), await prospect(customer, name=NAME)
    at = clock.now()
    await customer.send(registered(at=at, **(LI | registration)))
    assert (await one(customer, prospect_id))["stage"] == "new"
    await customer.send(activated(msisdn=number, at=at))
    found = await one(customer, prospect_id)
    assert (found["stage"], found["customer_id"], datetime.fromisoformat(found["converted_at"])) == ("converted", "C-1", at)
    assert (await one(customer, other))["stage"] == "new"
    assert (await customer.http.patch(f"/prospects/{prospect_id}", json={"stage": "lost"})).json()["code"] == "conflict"
    (funnel,) = (await customer.http.get("/prospects/funnel")).json()["sources"]
    assert funnel["converted_share"] == 0.5


@pytest.mark.parametrize("activation_first", [True, False])
async def test_a_registration_may_name_the_prospect(customer: ServiceUnderTest, activation_first: bool) -> None:
    """C7 E6: whoever they are by then, in any order of arrival; a prospect nobody put down is none."""
    prospect_id = await prospect(customer, name=NAME)
    at = clock.now() - timedelta(days=3)
    events = [registered(at=at, prospect_id=prospect_id), activated(at=at)]
    for event in reversed(events) if activation_first else events:
        await customer.send(event)
    await customer.send(registered("C-2", accounts=("A-2",), at=at, prospect_id="P-0"))
    found = await one(customer, prospect_id)
    assert (found["stage"], found["customer_id"]) == ("converted", "C-1")


async def test_who_was_a_customer_before_is_no_conversion(customer: ServiceUnderTest) -> None:
    """C7: until they take another subscription."""
    await customer.send(registered(document=DOCUMENT), activated())
    prospect_id = await prospect(customer, document=DOCUMENT)
    await customer.send(terminated("C-1", "S-C-1-8613800138000", at=clock.now()))
    assert (await one(customer, prospect_id))["stage"] == "new"
    await customer.send(activated(msisdn="8613800138111", at=clock.now()))
    assert (await one(customer, prospect_id))["stage"] == "converted"


async def test_a_document_that_says_nothing_recognises_nobody(customer: ServiceUnderTest) -> None:
    """C7 C4: two who gave `null` are not one person."""
    prospect_id = await prospect(customer, document="null")
    await customer.send(registered(document="null", at=clock.now()), activated(at=clock.now()))
    assert (await one(customer, prospect_id))["stage"] == "new"
