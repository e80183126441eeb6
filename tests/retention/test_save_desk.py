"""R8: a caller wants to leave: one call gives the agent the risk, the reasons, the offers in their order within the budget, and the script."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.retention.tables import ASSIGNMENTS, CAMPAIGNS, DECISIONS, TASKS
from shared.contracts import topics
from shared.contracts.segmentation import ChurnScored, StandingChanged
from tests.harness import ServiceUnderTest
from tests.retention.builders import ENDED, activity, alert, customer, customers, erased, merged, opened, profile, resolved
from tests.retention.test_effect import told


async def calls(retention: ServiceUnderTest, customer_id: str, *, call: str = "call-1") -> Any:
    return await retention.http.post(f"/save-desk/{customer_id}", headers={"X-Actor": "A-7", "Idempotency-Key": call})


async def known(retention: ServiceUnderTest, customer_id: str, **about: Any) -> None:
    await retention.send(
        activity(customer_id, 1, opened("K-9"), profile=profile(**about)),
        told(StandingChanged, customer_id, 1, future_value_minor=300_000, tier="gold"),
        told(ChurnScored, customer_id, 1, probability=0.4, sensitivity={}),
    )


async def test_one_call_has_all_the_agent_needs(retention: ServiceUnderTest) -> None:
    """R8: the best offer first, with script and what it is expected to bring; who refuses marketing may be answered all the same."""
    one = customer()
    await known(retention, one, do_not_contact=True, consents=[])
    answer = await calls(retention, one)
    assert answer.status_code == 201, answer.text
    desk = answer.json()
    assert (desk["risk"], desk["tier"], desk["open_complaints"]) == (0.4, "gold", ["K-9"])
    assert desk["reasons"][0]["text"] and desk["reasons"][0]["if_remedied"] is not None
    profits = [offer["expected_profit_minor"] for offer in desk["offers"]]
    assert profits == sorted(profits, reverse=True) and all(offer["script"] and offer["allowed"] for offer in desk["offers"])
    (task,) = await retention.rows(sa.select(TASKS))
    assert (task.task_id, task.offer_id, task.priority) == (desk["task_id"], desk["offers"][0]["offer_id"], 100)
    assert await retention.rows(sa.select(ASSIGNMENTS)) == []
    (event,) = await retention.read(topics.CONTACTS, count=1, types=("retention.task_opened.v1",))
    assert event["data"]["task_id"] == desk["task_id"]


async def test_the_same_call_is_the_same_task(retention: ServiceUnderTest) -> None:
    """R8: asked again, also when more is known; the call of one customer is not that of another."""
    one, other = customers(2)
    await retention.send(*(activity(each, 1, profile=profile()) for each in (one, other)))
    first = (await calls(retention, one)).json()
    await known(retention, one)
    assert (await calls(retention, one)).json()["task_id"] == first["task_id"]
    assert len(await retention.rows(sa.select(DECISIONS))) == len(await retention.rows(sa.select(TASKS))) == 1
    reused = await calls(retention, other)
    assert reused.json()["code"] == "idempotency_key_reused"


async def test_a_call_is_made_again_from_its_receipt(retention: ServiceUnderTest) -> None:
    """R5 R8: after the best offer has ended, budget and records have moved, and more is known: the same offers by the same words; and the same
    call is answered as before. Another call is answered by what is known by then."""
    one = customer()
    await known(retention, one)
    first = (await calls(retention, one)).json()
    best, second = (offer["offer_id"] for offer in first["offers"])
    body = {"result": "saved", "offer_accepted": True, "agent": "A-7", "offer_id": second}
    assert (await retention.http.post(f"/tasks/{first['task_id']}/outcome", json=body, headers={"Idempotency-Key": "o"})).status_code == 200
    assert (await retention.http.post(f"/offers/{best}/end", headers={"X-Actor": "ann"})).status_code == 200
    await retention.send(told(ChurnScored, one, 2, probability=0.9, sensitivity={}), activity(one, 2, resolved("K-9")))
    found = (await retention.http.get(f"/decisions/{first['task_id']}/recomputed")).json()
    assert found["agrees"] and "is the same" in found["explanation"], found
    assert (found["answer"]["weighed"], found["answer"]["offer_id"]) == (first["offers"], best)
    shown = (await retention.http.get(f"/decisions/{first['task_id']}")).json()
    assert {shown["contents"][version]["offer_id"] for version in shown["inputs"]["listed"]} >= {best, second}
    assert (await calls(retention, one)).json() == first
    later = (await calls(retention, one, call="call-2")).json()
    assert ([offer["offer_id"] for offer in later["offers"]], later["risk"], later["open_complaints"]) == ([second], 0.9, [])
    async with retention.database.transaction() as tx:
        (row,) = await tx.execute(sa.select(DECISIONS.c.inputs).where(DECISIONS.c.decision_id == first["task_id"]))
        changed = {"inputs": row.inputs.replace('"A-7"', '"A-8"')}
        await tx.execute(sa.update(DECISIONS).where(DECISIONS.c.decision_id == first["task_id"]).values(changed))
    found = (await retention.http.get(f"/decisions/{first['task_id']}/recomputed")).json()
    assert (found["agrees"], found["differs_in"]) == (False, ["gate inbound"])
    await retention.send(erased(one, 3))
    assert (await retention.http.get(f"/decisions/{first['task_id']}/recomputed")).status_code == 410


async def test_another_offer_may_be_taken(retention: ServiceUnderTest) -> None:
    """R8 R6 R15: the outcome names it: its cost is spent, and its record moves; one that is not in the catalogue is refused."""
    one = customer()
    await known(retention, one)
    desk = (await calls(retention, one)).json()
    second = desk["offers"][1]["offer_id"]
    body = {"result": "saved", "offer_accepted": True, "agent": "A-7", "offer_id": "none"}
    url, headers = f"/tasks/{desk['task_id']}/outcome", {"Idempotency-Key": "o-1"}
    assert (await retention.http.post(url, json=body, headers=headers)).json()["code"] == "invalid_request"
    answer = await retention.http.post(url, json=body | {"offer_id": second}, headers={"Idempotency-Key": "o-2"})
    assert answer.status_code == 200, answer.text
    again = await retention.http.post(url, json=body | {"offer_id": second}, headers={"Idempotency-Key": "o-3"})
    assert again.status_code == 200
    assert [record["offer_id"] for record in (await retention.http.get("/offers/records")).json()["items"]] == [second]
    (event,) = await retention.read(topics.OUTCOMES, count=1)
    assert event["data"]["offer_id"] == second
    costs = {row["offer_id"]: row["cost_minor"] for row in (await retention.http.get("/offers")).json()["items"]}
    (month,) = (await retention.http.get("/campaigns/save-desk/budget")).json()["months"]
    assert month["spent_minor"] == 1_500 + costs[second]


async def test_what_the_budget_does_not_hold_is_shown_and_not_allowed(retention: ServiceUnderTest) -> None:
    """R8 R6: with the reason; where nothing is allowed there is no task, and the decision says so."""
    one = customer()
    await known(retention, one)
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).where(CAMPAIGNS.c.campaign_id == "save-desk").values(budget_minor=3_000))
    desk = (await calls(retention, one)).json()
    allowed = {offer["offer_id"]: offer["allowed"] for offer in desk["offers"]}
    assert allowed == {"data-boost": True, "loyalty-10": False}
    assert "is left of the budget" in next(offer["reason"] for offer in desk["offers"] if not offer["allowed"])
    nothing = (await calls(retention, one, call="call-2")).json()
    assert (nothing["task_id"], nothing["budget_left_minor"]) == (None, 3_000 - 2_700)
    refused = await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.verdict == "refused"))
    assert [row.failed_gate for row in refused] == ["offer"]


async def test_who_is_no_customer_or_is_another_by_now(retention: ServiceUnderTest) -> None:
    """R8: the one who carries on is answered for; of who left there is nothing to keep; a paused desk offers nothing."""
    one, into, left, gone = customers(4)
    await retention.send(*(activity(each, 1, profile=profile()) for each in (one, into, gone)), activity(left, 1, profile=profile(subscriptions=[ENDED])))
    await retention.send(merged(one, 2, into=into), erased(gone, 2))
    assert (await calls(retention, one)).json()["customer_id"] == into
    assert [(await calls(retention, each, call=each)).status_code for each in (left, gone, "nobody")] == [409, 410, 404]
    await retention.http.post("/campaigns/save-desk/pause", headers={"X-Actor": "bob"})
    assert (await calls(retention, into, call="call-9")).status_code == 409


async def test_a_talk_at_the_desk_counts_as_a_contact(retention: ServiceUnderTest) -> None:
    """R9: no campaign calls the one who was just spoken to."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()))
    await calls(retention, one)
    await retention.send(alert(one, "a-1"))
    (decision,) = await retention.rows(sa.select(DECISIONS.c.failed_gate).where(DECISIONS.c.alert_id == "a-1"))
    assert decision.failed_gate == "frequency_cap"
