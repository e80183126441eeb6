"""G6: TM Forum v4 over what the services know. What the public conformance kits assert of every list, resource and failure, on running services."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway import personal
from services.retention.use_cases import messages
from services.retention.use_cases.messages import Wanted
from shared import clock
from shared.contracts.billing import PaymentReceived
from shared.contracts.care import ComplaintOpened, ComplaintProgressed
from shared.contracts.retention import TaskOpened
from shared.settings import Settings
from tests.builders import activated, cloud_event, registered
from tests.gateway.published import activity, erased, may_leave, merged, not_scored, opened, profile
from tests.harness import ServiceUnderTest, listening, until

NUMBER = "8613800138000"
CUSTOMERS = "/tmf-api/customerManagement/v4/customer"
MESSAGES = "/tmf-api/communicationManagement/v4/communicationMessage"
RECOMMENDATIONS = "/tmf-api/recommendationManagement/v4/queryProductRecommendation"
MEMBERS, BALANCES = "/tmf-api/loyalty/v4/loyaltyProgramMember", "/tmf-api/loyalty/v4/loyaltyBalance"
TICKETS = "/tmf-api/troubleTicket/v4/troubleTicket"
RISKS = "/tmf-api/riskManagement/v4/partyRoleRiskAssessment"

READ = ("activity", "segments", "alerts", "contacts")
# By the v4.0.0 documents: what each resource has to have, beside id and href.
MANDATORY = {
    CUSTOMERS: {"name", "engagedParty"},
    MESSAGES: {"content", "messageType", "receiver", "sender"},
    MEMBERS: {"status"},
    BALANCES: {"loyaltyProgramMember", "quantity"},
    TICKETS: {"description", "severity", "ticketType", "status"},
    RISKS: {"partyRole", "riskAssessmentResult", "status"},
}


@dataclass
class Stack:
    customer: ServiceUnderTest
    retention: ServiceUnderTest
    segmentation: ServiceUnderTest
    gateway: ServiceUnderTest

    @property
    def http(self) -> httpx.AsyncClient:
        return self.gateway.http


@pytest.fixture
async def all_four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """All four services on one bus. Names are waited for: a busy machine answers late, and a name that is not there is another row."""
    monkeypatch.setattr(personal, "ANSWER_SECONDS", 30.0)
    settings = Settings(data_dir=tmp_path, log_level="error")
    async with AsyncExitStack() as opened_here:
        found = {name: await opened_here.enter_async_context(ServiceUnderTest(name, settings)) for name in ("customer", "retention", "segmentation")}
        urls = {f"{name}_url": await opened_here.enter_async_context(listening(one.app)) for name, one in found.items()}
        gateway = await opened_here.enter_async_context(ServiceUnderTest("gateway", settings.model_copy(update=urls)))
        running = Stack(**found, gateway=gateway)
        await _live(running)
        yield running


async def _live(stack: Stack) -> None:
    """Three customers who pay; one complains, and two are written to."""
    ago = clock.now() - timedelta(days=2)
    phone = {"kind": "email", "value": "li.wei@example.org"}
    people = [registered(f"C-{number}", accounts=(f"A-{number}",), contact_points=[phone], account_manager="M-1") for number in (1, 2, 3)]
    paid = [cloud_event(PaymentReceived, f"account:A-{number}", at=ago, payment_id=f"P-{number}", amount_minor=50_000) for number in (1, 2, 3)]
    complaints = [cloud_event(ComplaintOpened, "customer:C-1", at=ago, complaint_id=f"K-{number}") for number in (1, 2)]
    further = cloud_event(ComplaintProgressed, "customer:C-1", at=ago + timedelta(hours=1), complaint_id="K-1", stage="analysis")
    await stack.customer.send(*people, activated("C-1", NUMBER), *paid, *complaints, further)
    await stack.gateway.bus.publish([opened(at=clock.now())])
    for service in (stack.segmentation, stack.retention):
        await service.expect("activity", await _on(stack, "activity"))
    # It goes on by itself: who stands where is to be the same in every check.
    await stack.segmentation.stop_worker()
    for topic in READ:
        await stack.gateway.expect(topic, await _on(stack, topic))
    await stack.retention.http.post(
        "/message-templates", json={"channel": "sms", "purpose": "save", "body": "Dear {{ name }}"}, headers={"idempotency-key": "t", "x-actor": "anna"}
    )
    async with stack.retention.database.transaction() as tx:
        tomorrow = clock.now() + timedelta(days=1)
        wanted = [
            Wanted(f"d-{number}", f"C-{number}", channel="sms", purpose="save", language="en", variables={"name": "Li"}, not_before=tomorrow)
            for number in (1, 2)
        ]
        await messages.enqueue(tx, wanted)


async def _on(stack: Stack, topic: str) -> int:
    """How many messages there are."""
    consumer, count = await stack.gateway.bus.consumer(f"counts-{uuid.uuid4().hex}", [topic]), 0
    while records := await consumer.poll(max_records=500, timeout_seconds=0.5):
        count += len(records)
        consumer.done()
    await consumer.close()
    return count


async def _tells(stack: Stack, path: str, attribute: str) -> bool:
    answer = await stack.http.get(path)
    return answer.status_code == 200 and attribute in answer.json()


async def the_list(stack: Stack, path: str, params: dict[str, Any] | None = None, *, answered: int = 200) -> list[dict[str, Any]]:
    answer = await stack.http.get(path, params=params)
    assert answer.status_code == answered, answer.text
    found: list[dict[str, Any]] = answer.json()
    assert answer.headers["x-result-count"] == str(len(found))
    return found


async def the_one(stack: Stack, path: str, **params: Any) -> dict[str, Any]:
    answer = await stack.http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(stack: Stack, method: str, path: str, **sent: Any) -> tuple[int, str]:
    """What was refused, in the shape of TM Forum."""
    answer = await stack.http.request(method, path, **sent)
    body = answer.json()
    assert {"code", "reason", "message", "status"} <= set(body), body
    assert (body["status"], answer.headers["content-type"]) == (str(answer.status_code), "application/json")
    return answer.status_code, body["code"]


async def lists_are_as_the_kits_assert(stack: Stack) -> None:
    """G6: mandatory attributes on every row, `href` that leads to the same resource, `fields`, filters, 200 unpaged and 206 for a part."""
    for path, mandatory in MANDATORY.items():
        rows = await the_list(stack, path)
        assert len(rows) >= 2, path
        for row in rows:
            assert mandatory | {"id", "href", "@type"} <= set(row), path
            assert row["href"] == f"{path}/{row['id']}"
            assert row.items() <= (await the_one(stack, row["href"])).items(), path
        first, second = rows[:2]
        part = await stack.http.get(path, params={"offset": 1, "limit": 1})
        assert (part.status_code, part.json()) == (206, [second]), path
        assert (part.headers["x-total-count"], part.headers["x-result-count"]) == (str(len(rows)), "1")
        assert await the_list(stack, path, {"offset": 0, "limit": len(rows)}) == rows
        assert await the_list(stack, path, {"offset": len(rows)}, answered=206) == []
        assert await the_list(stack, path, {"id": second["id"]}) == [second]
        assert await the_list(stack, path, {"id": "nobody"}) == []
        name = min(mandatory)
        assert [set(row) for row in await the_list(stack, path, {"fields": name})] == [{"id", "href", name}] * len(rows)
        assert await the_one(stack, first["href"], fields=name) == {attribute: first[attribute] for attribute in ("id", "href", name)}
        assert await refused(stack, "GET", f"{path}/nobody") == (404, "not_found")
        assert await refused(stack, "GET", path, params={"limit": -1}) == (400, "invalid_request")
        assert await refused(stack, "GET", path, params={"sort": "id"}) == (400, "invalid_request")
        assert (await refused(stack, "DELETE", first["href"]))[0] == 405
    assert await refused(stack, "GET", "/tmf-api/productCatalog/v4/category") == (404, "not_found")


async def customers_are_shown(stack: Stack) -> None:
    """G6 TMF629: masked unless revealed, found by number, and where they stand as characteristics."""
    (found,) = await the_list(stack, CUSTOMERS, {"contactMedium.characteristic.phoneNumber": NUMBER})
    assert found["name"] == found["engagedParty"]["name"] == "L*****"
    assert found["engagedParty"]["@referredType"] == "Individual"
    assert [(one["mediumType"], *one["characteristic"]) for one in found["contactMedium"]] == [("email", "emailAddress"), ("mobile", "phoneNumber")]
    assert NUMBER not in str(found)
    assert (found["status"], found["account"][0]["id"], found["relatedParty"][0]["id"]) == ("active", "A-1", "M-1")
    known = {one["name"]: one["value"] for one in found["characteristic"]}
    standing = (await the_one(stack, "/v1/customers/C-1"))["standing"]
    assert (known["valueTier"], known["lifecycleStage"], known["region"]) == (standing["tier"], standing["lifecycle"], "hangzhou")
    plain = await the_one(stack, found["href"], reveal=True)
    assert (plain["name"], plain["contactMedium"][1]["characteristic"]["phoneNumber"]) == ("Li Wei", NUMBER)
    audit = (await stack.customer.http.get("/audit", params={"customer_id": "C-1"})).json()["items"]
    assert "reveal" in str([one["action"] for one in audit])
    assert [one["id"] for one in await the_list(stack, CUSTOMERS, {"status": "registered"})] == ["C-2", "C-3"]
    assert await the_list(stack, CUSTOMERS, {"contactMedium.characteristic.phoneNumber": "8613899999999"}) == []
    assert await refused(stack, "GET", CUSTOMERS, params={"name": "Li Wei"}) == (400, "invalid_request")
    for method, path in (("POST", CUSTOMERS), ("PATCH", found["href"])):
        assert await refused(stack, method, path, json={}) == (405, "method_not_allowed")


async def a_ticket_goes_from_its_report_to_its_resolution(stack: Stack) -> None:
    """G6 TMF621 C8: reported like any complaint, durable and once; taken further as the case is."""
    assert {one["id"]: one["status"] for one in await the_list(stack, TICKETS)} == {"K-1": "inProgress", "K-2": "acknowledged"}
    new: dict[str, Any] = {
        "description": "No signal",
        "severity": "Major",
        "ticketType": "Bills",
        "externalId": "EXT-1",
        "relatedParty": [{"id": "C-2", "role": "customer"}],
    }
    for _ in range(2):
        made = await stack.http.post(TICKETS, json=new)
        assert (made.status_code, made.headers["location"], made.json()["status"]) == (201, f"{TICKETS}/EXT-1", "acknowledged")
    await until(lambda: _tells(stack, f"{TICKETS}/EXT-1", "status"))
    (listed_now,) = await the_list(stack, TICKETS, {"relatedParty.id": "C-2"})
    stored = made.json() | {"creationDate": listed_now["creationDate"]}
    assert listed_now == stored
    assert (listed_now["ticketType"], listed_now["severity"], listed_now["description"]) == ("other", "major", "Complaint about other")
    assert (await the_one(stack, f"{TICKETS}/EXT-1", reveal=True))["description"] == "Bills: No signal"
    for body in ({"severity": "minor"}, {"status": "closed"}, {"status": "held"}):
        assert await refused(stack, "PATCH", f"{TICKETS}/EXT-1", json=body) == (400, "invalid_request")
    agent = [{"id": "A-88", "role": "agent", "@referredType": "Individual"}]
    for status in ("inProgress", "resolved"):
        changed = await stack.http.patch(f"{TICKETS}/EXT-1", json={"status": status, "statusChangeReason": "antenna", "relatedParty": agent})
        assert (changed.status_code, changed.json()["status"]) == (200, status), changed.text
    assert [one["status"] for one in changed.json()["statusChange"]] == ["acknowledged", "inProgress", "resolved"]
    assert changed.json()["resolutionDate"] == changed.json()["statusChangeDate"]
    assert await refused(stack, "PATCH", f"{TICKETS}/EXT-1", json={"status": "inProgress", "relatedParty": agent}) == (409, "conflict")
    assert await refused(stack, "PATCH", f"{TICKETS}/none", json={"status": "resolved", "relatedParty": agent}) == (404, "not_found")
    for missing in ("description", "severity", "ticketType", "relatedParty"):
        body = {name: value for name, value in new.items() if name != missing}
        assert await refused(stack, "POST", TICKETS, json=body) == (400, "invalid_request")
    assert await refused(stack, "POST", TICKETS, content=b"{") == (400, "malformed_json")
    nobody = new | {"relatedParty": [{"id": "C-9", "role": "customer"}]}
    assert await refused(stack, "POST", TICKETS, json=nobody) == (404, "not_found")
    assert await refused(stack, "POST", TICKETS, json=new | {"description": "x" * 2001}) == (400, "invalid_request")
    assert len(await the_list(stack, TICKETS)) == 3
    assert (await stack.http.post(TICKETS, json=new | {"relatedParty": [{"id": "C-3", "role": "customer"}]})).status_code == 201
    await until(lambda: _tells(stack, f"{TICKETS}/EXT-1?relatedParty.id=C-3", "status"))
    assert await refused(stack, "GET", f"{TICKETS}/EXT-1") == (409, "conflict")
    assert (await the_one(stack, f"{TICKETS}/EXT-1", **{"relatedParty.id": "C-2"}))["status"] == "resolved"


async def risks_points_messages_and_recommendations_are_shown(stack: Stack) -> None:
    """G6 TMF696 TMF658 TMF681 TMF680"""
    risk = (await stack.http.post(RISKS, json={"partyRole": {"id": "C-1", "@referredType": "Customer"}})).json()
    assert risk == await the_one(stack, f"{RISKS}/C-1")
    by_churn = {one["customer_id"]: one["probability"] for one in (await the_one(stack, "/v1/churn/scores"))["items"]}
    assert risk["riskAssessmentResult"]["overallScore"] == pytest.approx(by_churn["C-1"])
    assert [one["id"] for one in await the_list(stack, RISKS, {"partyRole.id": "C-2,C-9"})] == ["C-2"]
    assert await refused(stack, "POST", RISKS, json={}) == (400, "invalid_request")

    assert [one["quantity"] for one in await the_list(stack, BALANCES)] == [{"unit": "points", "value": 500}] * 3
    assert await the_list(stack, BALANCES, {"loyaltyProgramMember.id": "C-2,C-9"}) == [await the_one(stack, f"{BALANCES}/C-2")]
    assert await refused(stack, "GET", BALANCES, params={"quantity.value": "500"}) == (400, "invalid_request")
    assert [one["status"] for one in await the_list(stack, MEMBERS)] == ["member"] * 3

    (message,) = await the_list(stack, MESSAGES, {"receiver.party.id": "C-1"})
    assert (message["content"], message["messageType"], message["receiver"][0]["party"]["id"]) == ("Dear Li", "SMS", "C-1")
    assert message["state"] == "initial"
    assert await refused(stack, "POST", MESSAGES, json={"content": "Buy!", "messageType": "SMS"}) == (405, "method_not_allowed")

    asked = await stack.http.post(RECOMMENDATIONS, json={"relatedParty": {"id": "C-1", "@referredType": "Customer"}})
    assert (asked.status_code, asked.json()["state"]) == (201, "done")
    assert asked.json()["recommendationItem"][0]["productOffering"]["id"] == TaskOpened.example["offer_id"]
    assert await the_one(stack, asked.headers["location"]) == asked.json()
    assert await the_list(stack, RECOMMENDATIONS, {"relatedParty.id": "C-1"}) == [asked.json()]
    assert await the_list(stack, RECOMMENDATIONS, {"relatedParty.id": "C-1,C-2", "limit": 1}, answered=206) == [asked.json()]
    assert await the_list(stack, RECOMMENDATIONS) == []
    body = {"relatedParty": {"id": "C-1", "role": "customer"}, "recommendationType": "upsell"}
    assert await refused(stack, "POST", RECOMMENDATIONS, json=body) == (400, "invalid_request")
    assert await refused(stack, "GET", f"{RECOMMENDATIONS}/upsell:C-1") == (404, "not_found")


async def test_on_running_services(all_four: Stack) -> None:
    """G6: one after the other, as four services take their time to start."""
    for check in (
        lists_are_as_the_kits_assert,
        customers_are_shown,
        a_ticket_goes_from_its_report_to_its_resolution,
        risks_points_messages_and_recommendations_are_shown,
    ):
        await check(all_four)


async def test_who_is_away_is_said_in_the_same_shape(gateway: ServiceUnderTest) -> None:
    """G6 G2: customers and risks are answered from the read model, on both databases; what others own is 503."""
    people = [activity(1, customer=f"C-{number}", profile=profile(accounts=(f"A-{number}",))) for number in range(1, 6)]
    churn = [may_leave(0.4), may_leave(customer="C-2"), not_scored(customer="C-2")]
    await gateway.send(*people, merged(2, "C-4", into="C-1"), erased(2, "C-5"), *churn)
    for path, ids in ((CUSTOMERS, ["C-1", "C-2", "C-3"]), (RISKS, ["C-1"])):
        answer = await gateway.http.get(path)
        assert ([one["id"] for one in answer.json()], answer.headers["x-total-count"]) == (ids, str(len(ids)))
    result = answer.json()[0]["riskAssessmentResult"]
    assert result["overallScore"] == 0.4
    assert {one["riskName"] for one in result["score"]} == {"ChurnRisk", "BrandDowngradeRisk", "RevenueDeclineRisk"}
    assert any(one["name"] == "reason:usage_fall" and "38 %" in one["value"]["text"] for one in answer.json()[0]["characteristic"])
    assert (await gateway.http.get(f"{RISKS}/C-3")).status_code == 404
    part = await gateway.http.get(CUSTOMERS, params={"offset": 1, "limit": 1})
    assert ([one["name"] for one in part.json()], part.headers["x-total-count"]) == (["C-2"], "3")
    found = await gateway.http.get(CUSTOMERS, params={"account.id": "A-2,A-3", "limit": 1})
    assert ([one["id"] for one in found.json()], found.status_code, found.headers["x-total-count"]) == (["C-2"], 206, "2")
    assert (await gateway.http.get(f"{CUSTOMERS}/C-4")).json()["id"] == "C-1"
    assert (await gateway.http.get(f"{CUSTOMERS}/C-5")).status_code == 404
    for path in (TICKETS, MESSAGES, BALANCES, f"{RECOMMENDATIONS}/all:C-1"):
        answer = await gateway.http.get(path)
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
