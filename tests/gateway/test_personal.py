"""G2 C9: who a customer is comes with the view while the customer service answers, and the view does not wait for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from services.gateway import personal
from services.gateway.forwarding import open_client
from tests.gateway.published import CUSTOMER, NUMBER, activity, alerted, profile, subscribed
from tests.gateway.test_forwarding import Neighbour, between
from tests.harness import ServiceUnderTest, listening

WHO = {
    "customer_id": CUSTOMER, "name": "L*", "document": "id_card:33****11", "birth_date": "****-**-**", "contact_points": None,
    "subscriptions": [{"subscription_id": "S-1", "msisdn": "86138****8000", "imsi": None, "imei": None}],
}  # fmt: skip
PATH = f"/v1/customers/{CUSTOMER}"


@pytest.fixture
async def neighbour() -> Neighbour:
    found = Neighbour()
    found.answer = JSONResponse(WHO)
    return found


@pytest.fixture
async def gateway(tmp_path: Any, neighbour: Neighbour) -> AsyncIterator[ServiceUnderTest]:
    async with between(tmp_path, neighbour) as running:
        await running.send(activity(1, profile=profile(subscribed())))
        yield running


@asynccontextmanager
async def personal_data(url: str) -> AsyncIterator[personal.PersonalData]:
    async with open_client() as client:
        yield personal.PersonalData(client, url)


async def view(gateway: ServiceUnderTest, **params: str) -> dict[str, Any]:
    answer = await gateway.http.get(PATH, params=params, headers={"x-actor": "agent-7"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_view_says_who_the_customer_is(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """C2 C9: masked, asked in the name of who asks; by id and by number."""
    told = await view(gateway)
    assert told["personal"] == WHO
    assert told["freshness"]["personal"]["updated_at"]
    assert told["freshness"]["personal"]["reason"] is None
    assert (neighbour.asked[0]["path"], neighbour.asked[0]["query"]) == ("/customers/C-1/personal", "")
    assert neighbour.asked[0]["actor"] == "agent-7"
    assert (await gateway.http.get("/v1/customers", params={"msisdn": NUMBER})).json()["personal"] == WHO


async def test_the_answer_is_kept_until_the_view_changes(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """G2: a screen-pop that is opened twice asks once; an update of the customer is seen at once."""
    await view(gateway)
    await view(gateway)
    assert len(neighbour.asked) == 1
    neighbour.answer = JSONResponse(WHO | {"name": "W*"})
    await gateway.send(activity(2, profile=profile(subscribed())))
    assert (await view(gateway))["personal"]["name"] == "W*"
    assert len(neighbour.asked) == 2


async def test_it_is_asked_for_only_when_chosen(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """G1: `fields`."""
    told = await view(gateway, fields="segment,profile")
    assert set(told) == {"customer_id", "sequence", "profile", "segment", "freshness"}
    assert set(told["freshness"]) == {"profile", "segment"}
    assert neighbour.asked == []
    assert set(await view(gateway, fields="personal")) == {"customer_id", "sequence", "personal", "freshness"}
    answer = await gateway.http.get(PATH, params={"fields": "profile,shoe_size"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_a_silent_service_is_waited_for_once(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """G2: the view is there, says why a block is missing, and those after it do not wait at all."""
    neighbour.silent.clear()
    for _ in range(5):
        told = await view(gateway)
        assert (told["personal"], told["freshness"]["personal"]["reason"]) == (None, "the customer service does not answer")
        assert told["profile"]
    assert len(neighbour.asked) == 1
    neighbour.silent.set()


async def test_it_is_asked_again_after_a_pause(gateway: ServiceUnderTest, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """G2"""
    monkeypatch.setattr(personal, "PAUSE_SECONDS", 0.0)
    neighbour.silent.clear()
    assert (await view(gateway))["personal"] is None
    neighbour.silent.set()
    assert (await view(gateway))["personal"] == WHO


@pytest.mark.parametrize("status", [404, 410, 500, 503])
async def test_a_service_that_refuses_leaves_the_view_up(gateway: ServiceUnderTest, neighbour: Neighbour, status: int) -> None:
    """G2: and the refusal is not kept."""
    neighbour.answer = Response(status_code=status)
    assert (await view(gateway))["freshness"]["personal"]["reason"] == f"the customer service answers {status}"
    neighbour.answer = JSONResponse(WHO)
    assert (await view(gateway))["personal"] == WHO


async def test_the_etag_tells_a_view_without_it_from_one_with(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """G1: and chosen blocks from the whole, and one customer behind a number from the next."""
    neighbour.answer = Response(status_code=503)
    without = (await gateway.http.get(PATH)).headers["etag"]
    neighbour.answer = JSONResponse(WHO)
    whole = await gateway.http.get(PATH, headers={"if-none-match": without})
    assert whole.status_code == 200
    chosen = await gateway.http.get(PATH, params={"fields": "profile"}, headers={"if-none-match": whole.headers["etag"]})
    assert chosen.status_code == 200
    assert (await gateway.http.get(PATH, headers={"if-none-match": whole.headers["etag"]})).status_code == 304
    await gateway.send(activity(1, customer="C-2", profile=profile(accounts=("A-9",))))
    other = await gateway.http.get("/v1/customers/C-2", headers={"if-none-match": whole.headers["etag"]})
    assert other.status_code == 200
    await gateway.send(alerted())
    assert (await gateway.http.get(PATH, headers={"if-none-match": whole.headers["etag"]})).status_code == 200


async def test_no_more_answers_are_kept_than_fit(neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """G2: the oldest goes first."""
    monkeypatch.setattr(personal, "KEPT_ANSWERS", 2)
    async with listening(neighbour) as url, personal_data(url) as asking:
        for number in (1, 2, 3, 3, 2, 1):
            await asking.of(personal.Key(f"C-{number}", 1), dict)
    assert [one["path"] for one in neighbour.asked] == [f"/customers/C-{number}/personal" for number in (1, 2, 3, 1)]


async def test_an_answer_is_not_kept_for_ever(neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """G2"""
    monkeypatch.setattr(personal, "KEPT_SECONDS", 0.0)
    async with listening(neighbour) as url, personal_data(url) as asking:
        await asking.of(personal.Key("C-1", 1), dict)
        await asking.of(personal.Key("C-1", 1), dict)
    assert len(neighbour.asked) == 2


async def test_a_past_moment_is_answered_by_the_customer_service(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """C10"""
    for params in ({"as_of": "2026-10-01T00:00:00Z"}, {"known_at": "2026-10-01T00:00:00Z"}):
        assert (await gateway.http.get(PATH, params=params)).json() == WHO
        assert neighbour.asked[-1]["path"] == "/customers/C-1"
        assert neighbour.asked[-1]["query"].startswith(next(iter(params)))
    answer = await gateway.http.get(PATH, params={"as_of": "yesterday"})
    assert answer.status_code == 422
