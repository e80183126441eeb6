"""G6: the hub of each TM Forum API: real receivers get v4 notifications of what the real worker takes in, by the machinery of /v1/hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.gateway.push.filters import TOLD
from services.gateway.tables import DELIVERIES
from shared.contracts.care import ComplaintOpened, ComplaintResolved
from shared.settings import Settings
from tests.gateway.access import bearer, guarded, key_for
from tests.gateway.published import activity, alerted, dropped, erased, fact, may_leave, profile, retold, sealed, stands
from tests.gateway.receiving import SECRET, Receiver, receiving
from tests.harness import ServiceUnderTest, until

TICKET, CUSTOMER, RISK = (f"/tmf-api/{api}/v4/hub" for api in ("troubleTicket", "customerManagement", "riskManagement"))


@pytest.fixture(autouse=True)
def _loopback_may_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_GATEWAY_LISTENER_NETWORKS", "127.0.0.0/8")


async def subscribe(gateway: ServiceUnderTest, hub: str, receiver: Receiver, query: str = "") -> str:
    answer = await gateway.http.post(hub, json={"callback": receiver.url, "query": query, "secret": SECRET})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert made == {"id": made["id"], "callback": receiver.url, "query": query}
    assert answer.headers["Location"] == f"{hub}/{made['id']}"
    return str(made["id"])


def told(receiver: Receiver) -> list[str]:
    return sorted(event["eventType"] for _, event in receiver.calls)


async def all_delivered(gateway: ServiceUnderTest, code: str = "http_201") -> None:
    async def are() -> bool:
        return all(row.code == code for row in await gateway.rows(sa.select(DELIVERIES.c.code)))

    await until(are)


async def test_from_an_event_to_a_listener_of_its_api(gateway: ServiceUnderTest) -> None:
    """G6: each hub tells of its own API, one callback may listen at several; a query chooses; who is erased is told of even so, without a word about before."""
    async with receiving(then=201) as every, receiving(then=201) as some, receiving(then=201) as plain:
        tickets = await subscribe(gateway, TICKET, every)
        await subscribe(gateway, CUSTOMER, every)
        await subscribe(gateway, RISK, every)
        chosen = "eventType=TroubleTicketResolvedEvent&customerId=C-1"
        await subscribe(gateway, TICKET, some, chosen)
        assert (await gateway.http.post("/v1/hub", json={"callback": plain.url, "secret": SECRET})).status_code == 201
        told_of = [fact("e-1", type=ComplaintOpened.type, complaint_id="K-1"), fact("e-2", type=ComplaintResolved.type, complaint_id="K-1")]
        who = profile(document="330106199001011234") | {"name": sealed("name", "Wu")}
        await gateway.send(activity(1, *told_of, profile=who), alerted("a-1"), stands("gold"), may_leave(0.4))
        await all_delivered(gateway)
        assert told(every) == [
            "CustomerAttributeValueChangeEvent",
            "CustomerAttributeValueChangeEvent",
            "PartyRoleRiskAssessmentStatusChangeEvent",
            "TroubleTicketCreateEvent",
            "TroubleTicketResolvedEvent",
        ]
        assert len(plain.calls) == 3 and all("specversion" in event for _, event in plain.calls)
        [(headers, resolved)] = some.calls
        assert headers["Content-Type"] == "application/json"
        assert set(resolved) == {"eventId", "eventTime", "timeOcurred", "eventType", "event"}
        assert (resolved["timeOcurred"], resolved["event"]["troubleTicket"]["status"]) == ("2026-10-15T12:00:00Z", "resolved")
        assert "~1." not in str(every.calls) and "3301" not in str(every.calls)
        shown = (await gateway.http.get(f"/v1/hub/{tickets}")).json()
        assert (shown["api"], shown["event_types"]) == ("tmf621", list(TOLD["tmf621"]))
        [first, *_] = (await gateway.http.get(f"/v1/hub/{tickets}/deliveries", params={"state": "delivered"})).json()["items"]
        assert first["event"]["event"]["troubleTicket"]["id"] == "K-1"

        assert (await gateway.http.delete(f"{CUSTOMER}/{tickets}")).status_code == 404
        assert (await gateway.http.delete(f"{TICKET}/{tickets}")).status_code == 204
        before = len(every.calls)
        await gateway.send(activity(2, fact("e-3", type=ComplaintOpened.type, complaint_id="K-2")), retold(3, *told_of), erased(4))
        await gateway.send(dropped("erased"))
        await all_delivered(gateway)
        assert [event["eventType"] for _, event in every.calls[before:]] == ["CustomerDeleteEvent"]
        assert len(some.calls) == 1


async def test_a_delivery_that_fails_is_seen_and_made_again(door: ServiceUnderTest) -> None:
    """G6: under /v1/hub, like all others; the erasure of a customer is still told when more comes about them."""
    async with receiving(statuses=[503, 410]) as receiver:
        listener = await subscribe(door, CUSTOMER, receiver, "eventType=CustomerDeleteEvent")
        await door.send(erased(1))
        await door.send(dropped("erased"))
        await all_delivered(door, "http_503")
        [waits] = (await door.http.get(f"/v1/hub/{listener}/deliveries", params={"state": "waiting"})).json()["items"]
        assert (waits["event_type"], waits["event"]["event"]["customer"]["id"]) == ("CustomerDeleteEvent", "C-1")
        await door.send(erased(1, "C-2"))
        await all_delivered(door, "http_410")
        assert (await door.http.get(f"/v1/hub/{listener}")).json()["state"] == "ended"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        *(("POST", f"/tmf-api/{api}/v4/hub", {"callback": "http://127.0.0.1/x"}, 405, "method_not_allowed")
          for api in ("loyalty", "recommendationManagement", "communicationManagement")),
        ("POST", TICKET, {"callback": "http://127.0.0.1/x", "query": "eventType=CustomerCreateEvent"}, 400, "invalid_request"),
        ("POST", TICKET, {"callback": "http://127.0.0.1/x", "query": "severity=major"}, 400, "invalid_request"),
        ("POST", TICKET, {"callback": "http://10.0.0.1/"}, 400, "callback_refused"),
        ("POST", TICKET, {"query": ""}, 400, "invalid_request"),
        ("GET", f"{TICKET}/l-0", None, 405, "method_not_allowed"),
        ("DELETE", f"{TICKET}/l-0", None, 404, "not_found"),
    ],
)  # fmt: skip
async def test_what_is_refused(door: ServiceUnderTest, method: str, path: str, body: Any, status: int, code: str) -> None:
    """G6: a subscription that would never be told of anything is not taken."""
    answer = await door.http.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["@type"]) == (status, code, "Error"), answer.text


async def test_the_guard_refuses_in_the_same_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """G6 X4: nobody, without the scope, and too often; the headers are those of /v1."""
    settings = Settings(data_dir=tmp_path, log_level="error")
    async with guarded(settings, monkeypatch, rate_per_second=0.01, burst=2) as gateway:
        key = await key_for(gateway, "customers:read")
        answers = [await gateway.http.delete(f"{TICKET}/l-0")] + [await gateway.http.delete(f"{TICKET}/l-0", headers=bearer(key)) for _ in range(3)]
        found = [(answer.status_code, answer.json()["status"], answer.json()["@type"]) for answer in answers]
        assert found == [(status, str(status), "Error") for status in (401, 403, 403, 429)]
        assert 'scope="cases:write"' in answers[1].headers["WWW-Authenticate"] and "WWW-Authenticate" in answers[0].headers
        assert int(answers[3].headers["Retry-After"]) > 1
