"""R5: a decision is explained to its customer, who may refuse, and have a person look at it again (PIPL article 24)."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import sqlalchemy as sa

from services.retention.decision import decide
from services.retention.explaining import Facts, explain
from services.retention.offering import with_offer
from services.retention.tables import CAMPAIGNS, DECISION_REVIEWS, DECISIONS, OBJECTIONS, TASKS
from services.retention.worth import Worth
from shared.contracts.segmentation import AlertKind, ChurnScored, StandingChanged
from tests.builders import NOON
from tests.harness import ServiceUnderTest
from tests.retention.builders import activity, alert, campaign, customers, erased, merged, offer, profile, retold, situation
from tests.retention.test_campaigns import post
from tests.retention.test_effect import told

INSIDE = ("profit", "uplift", "probability", "future value", "budget", "sensitivity", "利润", "概率", "预算")


async def objects(retention: ServiceUnderTest, customer_id: str, scope: str, **more: Any) -> Any:
    return await post(retention, f"/customers/{customer_id}/objections", **more, scope=scope)


async def last(retention: ServiceUnderTest, alert_id: str) -> Any:
    (row,) = await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.alert_id == alert_id))
    return row


def test_an_objection_refuses_or_leaves_what_looks_at_no_profile() -> None:
    """R5: unknown objections and unheard-of ones refuse; without a profile the first offer of the list is made, however much the other would bring."""
    dear, cheap = offer(offer_id="dear", cost_minor=9_000_000), offer(offer_id="cheap", cost_minor=0)
    weighing = {"listed": [dear, cheap], "worth": Worth("C-1", 1, "gold", 900_000, 1, 0.9)}
    assert decide(with_offer(situation(**weighing))).contact.offer is cheap  # type: ignore[union-attr]
    plain = with_offer(situation(**weighing, objections=["personalised_marketing"]))
    assert decide(plain).contact.offer is dear and (plain.weighed, plain.worth) == ([], None)  # type: ignore[union-attr]
    for refused in (None, ["automated_decisions"], ["unheard_of"], ["automated_decisions", "personalised_marketing"]):
        assert decide(situation(objections=refused)).failed_gate == "objection"
    by_profile = situation(campaign=campaign(least_profit_minor=-1), objections=["personalised_marketing"])
    assert decide(by_profile).failed_gate == "objection"


async def test_an_objection_holds_at_once_and_for_all_ids(retention: ServiceUnderTest) -> None:
    """R5: the open task is cancelled and no warning leads to a contact; on record with who and when; withdrawn it is over. Of two who are merged the
    objection of either counts, and no task of the other stays; erased, it goes."""
    one, other = customers(2)
    await retention.send(*(activity(each, 1, profile=profile()) for each in (one, other)), alert(one, "a-1"))
    assert (await objects(retention, one, "automated_decisions", actor="anonymous")).json()["code"] == "actor_missing"
    assert (await objects(retention, one, "everything")).status_code == 422
    assert (await objects(retention, "nobody", "automated_decisions")).status_code == 404
    (made,) = (await objects(retention, one, "automated_decisions")).json()["objections"]
    assert (made["scope"], made["actor"], made["withdrawn_at"]) == ("automated_decisions", "ann", None)
    assert len((await objects(retention, one, "automated_decisions")).json()["objections"]) == 1
    assert [row.status for row in await retention.rows(sa.select(TASKS))] == ["cancelled"]
    await retention.send(alert(one, "a-2"))
    assert (await last(retention, "a-2")).failed_gate == "objection"
    ended = (await post(retention, f"/customers/{one}/objections/withdraw", "eve", scope="automated_decisions")).json()["objections"]
    assert [each["withdrawn_by"] for each in ended] == ["eve"]
    await retention.send(alert(one, "a-3"))
    assert (await last(retention, "a-3")).verdict == "contact"

    await objects(retention, other, "automated_decisions")
    await retention.send(merged(other, 2, into=one), retold(one, 2, profile=profile()), alert(one, "a-4"))
    assert (await last(retention, "a-4")).failed_gate == "objection"
    assert {row.status for row in await retention.rows(sa.select(TASKS))} == {"cancelled"}
    assert [each["customer_id"] for each in (await retention.http.get(f"/customers/{one}/objections")).json()["objections"]] == [one, other]
    await retention.send(erased(one, 3), erased(other, 3))
    assert await retention.rows(sa.select(OBJECTIONS)) == []
    assert (await retention.http.get(f"/customers/{one}/objections")).status_code == 410


async def test_who_objects_to_a_profile_gets_the_first_of_the_list(retention: ServiceUnderTest) -> None:
    """R5: nothing is weighed, nothing of the tier moves the task, and the receipt says so and is made again; who asks for a profit is refused."""
    one, other = customers(2)
    for each in (one, other):
        await retention.send(
            activity(each, 1, profile=profile()),
            told(StandingChanged, each, 1, tier="platinum", future_value_minor=900_000),
            told(ChurnScored, each, 1, probability=0.9, sensitivity={}),
        )
    assert (await objects(retention, one, "personalised_marketing")).status_code == 201
    await retention.send(alert(one, "a-1", severity="warning"), alert(other, "a-2", severity="warning"))
    plain, weighed = await last(retention, "a-1"), await last(retention, "a-2")
    assert (plain.verdict, plain.weighed, plain.worth, weighed.verdict, bool(weighed.weighed)) == ("contact", [], {}, "contact", True)
    said = {gate["gate"]: gate["detail"] for gate in plain.gates}
    assert "none is weighed" in said["objection"]
    priorities = {row.customer_id: row.priority for row in await retention.rows(sa.select(TASKS))}
    assert priorities == {one: 50, other: 65}
    assert (await retention.http.get(f"/decisions/{plain.decision_id}/recomputed")).json()["agrees"]
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(least_profit_minor=-(10**9), cap_contacts=9))
    await retention.send(alert(one, "a-3"))
    assert (await last(retention, "a-3")).failed_gate == "objection"


async def test_a_person_looks_at_it_again(retention: ServiceUnderTest) -> None:
    """R5: requested once, listed, closed by a named person with a reason; a contact that is overturned is called off; erased, the words go."""
    one, other = customers(2)
    await retention.send(*(activity(each, 1, profile=profile()) for each in (one, other)), alert(one, "a-1"))
    name = "save-on-warning:a-1"
    assert (await post(retention, f"/decisions/{name}/review", "anonymous")).json()["code"] == "actor_missing"
    first = await post(retention, f"/decisions/{name}/review")
    assert (first.status_code, first.json()["result"]) == (201, None)
    assert (await post(retention, f"/decisions/{name}/review")).json() == first.json()
    (waiting,) = (await retention.http.get("/decision-reviews")).json()["items"]
    assert (waiting["decision_id"], waiting["customer_id"], waiting["verdict"]) == (name, one, "contact")
    close = f"/decision-reviews/{name}/close"
    assert (await post(retention, close, "bob", result="overturned", reason="")).status_code == 422
    closed = (await post(retention, close, "bob", result="overturned", reason="was told otherwise")).json()
    assert (closed["closed_by"], closed["result"], closed["reason"]) == ("bob", "overturned", "was told otherwise")
    assert [row.status for row in await retention.rows(sa.select(TASKS))] == ["cancelled"]
    assert (await post(retention, close, "bob", result="upheld", reason="x")).json()["code"] == "already_decided"
    assert (await retention.http.get("/decision-reviews")).json()["items"] == []
    assert len((await retention.http.get("/decision-reviews", params={"state": "closed"})).json()["items"]) == 1
    assert (await post(retention, f"/decisions/{name}/review")).json()["nth"] == 2
    await retention.send(erased(one, 2))
    assert {row.reason for row in await retention.rows(sa.select(DECISION_REVIEWS))} == {""}

    await retention.send(alert(other, "a-2"))
    url = f"/customers/{other}/decisions/save-on-warning:a-2/explanation"
    english, chinese = [(await retention.http.get(url, params={"language": each})).json() for each in ("en", "zh")]
    assert "it was decided to contact you by a phone call" in english["why"] and "Offer" not in english["why"]
    assert "电话联系您" in chinese["why"] and "人工复核" in chinese["refuse"]
    assert (await retention.http.get(url.replace("a-2", "a-1"))).status_code == 410
    assert (await retention.http.get(url, params={"language": "xx"})).status_code == 422


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_decision_can_be_explained_without_the_inside(language: Any) -> None:
    """R5: for every kind of warning and every verdict, whatever gate refused; in words of the customer."""
    for kind in (*get_args(AlertKind), "inbound", "unheard_of"):
        for verdict, gate in (("contact", None), ("held_out", "hold_out"), *(("refused", one.gate) for one in decide(situation()).gates)):
            for by_profile in (True, False):
                text = " ".join(explain(Facts(verdict, gate, kind, "sms", NOON, "10 GB" if verdict == "contact" else None, by_profile), language))
                assert not any(word in text for word in INSIDE) and "None" not in text and "_" not in text
                assert ("10 GB" in text) == (verdict == "contact")
