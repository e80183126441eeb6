"""R7, R14: a customer is told of a credit that a person approved: once, through the gates, by a campaign that another person approved."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from services.retention.contact_policy import check
from services.retention.decision import decide as decide_situation
from services.retention.tables import DECISIONS
from services.retention.worth import Worth
from shared.contracts.segmentation import StandingChanged
from tests.harness import ServiceUnderTest, until
from tests.retention.builders import activity, campaign, contactable, customers, erased, profile, situation
from tests.retention.test_campaigns import is_sent, post
from tests.retention.test_credits import decide, listed
from tests.retention.test_effect import told
from tests.retention.test_service import ago, complaint, fixed

CAMPAIGN = "credit-approved"
REFUSES = [{"channel": channel, "granted": False} for channel in ("call", "sms")]


async def switched_on(retention: ServiceUnderTest) -> None:
    answer = await post(retention, f"/campaigns/{CAMPAIGN}/approve", "bob", revision=1)
    assert answer.json()["state"] == "running", answer.text


def made_good(customer_id: str, **about: Any) -> Any:
    """A complaint that was fixed, and another one that is open."""
    facts = (complaint(f"K-{customer_id}", at=ago(days=5)), fixed(f"K-{customer_id}", at=ago(days=1)), complaint(f"L-{customer_id}", at=ago(hours=1)))
    return activity(customer_id, 1, *facts, profile=profile(**about))


async def messages(retention: ServiceUnderTest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await retention.http.get("/messages")).json()["items"]
    return found


def test_a_notice_is_owed_whatever_was_agreed_to_be_sold() -> None:
    """R7 R9: neither consent, objection, trouble, hold-outs nor sensitivity hold it back; what holds for every contact does."""
    notice = campaign(purpose="notice", channel="sms", hold_out_share=0.0)
    held_out = customers(1, None)[0]
    refuses = contactable(held_out, consents={"sms": False})
    worth = Worth(held_out, 1, sensitivity={"kind": "do_not_disturb"}, risk=0.5, future_value_minor=1)
    against: dict[str, Any] = {"objections": ["automated_decisions"], "worth": worth}
    assert decide_situation(situation(refuses, campaign=notice, **against)).verdict == "contact"
    failing = {gate.gate for gate in check(situation(refuses, campaign=campaign(channel="sms"), **against)) if not gate.passed}
    assert failing == {"consent", "objection", "not_to_be_disturbed", "global_hold_out"}
    for changes, gate in (({"do_not_contact": True}, "do_not_contact"), ({"live_subscriptions": 0}, "live_subscription"), ({"erased": True}, None)):
        found = decide_situation(situation(contactable(held_out, **changes), campaign=notice))
        assert found.verdict == "refused" and gate in {None, found.failed_gate}
    assert decide_situation(situation(refuses, campaign=notice, objections=None)).failed_gate == "objection"
    assert decide_situation(situation(refuses, campaign=notice, contacts=1)).failed_gate == "frequency_cap"


async def test_a_customer_is_told_once_of_an_approved_credit(retention: ServiceUnderTest) -> None:
    """R7 R14 R10: the amount, in the customer's language and for their segment, also who refuses marketing; approved twice at once and again, and
    the cause told again, there is one message; who is not to be contacted is not. Each decision is made again from its receipt."""
    english, chinese, golden, silent = customers(4)
    await switched_on(retention)
    template = {
        "channel": "sms",
        "purpose": CAMPAIGN,
        "language": "en",
        "segment": "gold",
        "body": "Gold: {{ credit.amount_minor|money }} {{ credit.currency }}",
    }
    assert (await post(retention, "/message-templates", key="t", **template)).status_code == 201
    await retention.send(
        made_good(english, consents=REFUSES), made_good(chinese, language="zh"), made_good(golden), made_good(silent, do_not_contact=True),
        told(StandingChanged, golden, 1, tier="gold", future_value_minor=500_000),
    )  # fmt: skip
    for credit in await listed(retention):
        answers = await asyncio.gather(*(decide(retention, credit) for _ in range(2)))
        assert {answer.status_code for answer in answers} == {200}
        assert (await decide(retention, credit)).status_code == 200
    await retention.send(activity(english, 2, fixed(f"K-{english}", at=ago(days=1))), activity(english, 2, fixed(f"K-{english}", at=ago(days=1))))
    bodies = {one["customer_id"]: one["body"] for one in await messages(retention)}
    assert bodies == {
        english: "You had reason to complain. We are sorry, and credit 10.00 CNY to your account.",
        chinese: "我们的服务未能令您满意,对此我们深表歉意。补偿金额 10.00 CNY 将计入您的账户。",
        golden: "Gold: 10.00 CNY",
    }
    assert len(await messages(retention)) == 3
    await until(lambda: is_sent(retention))
    rows = await retention.rows(sa.select(DECISIONS))
    assert {row.customer_id: (row.campaign_id, row.failed_gate) for row in rows} == {
        one: (CAMPAIGN, "do_not_contact" if one == silent else None) for one in (english, chinese, golden, silent)
    }
    for row in rows:
        assert (await retention.http.get(f"/decisions/{row.decision_id}/recomputed")).json()["agrees"]
    (why,) = [row.decision_id for row in rows if row.customer_id == chinese]
    assert "补偿已获批准" in (await retention.http.get(f"/customers/{chinese}/decisions/{why}/explanation", params={"language": "zh"})).json()["why"]
    await retention.send(erased(english, 3))
    assert {one["body"] for one in await messages(retention) if one["customer_id"] == english} == {""}


async def test_nobody_is_told_while_it_is_switched_off(retention: ServiceUnderTest) -> None:
    """R2 R7: a draft until a second person approves it, paused, stopped; what was approved meanwhile is not told later. A dry run shows what
    would have been told."""
    ids = customers(4)
    await retention.send(*map(made_good, ids))
    proposed = {credit["customer_id"]: credit for credit in await listed(retention)}
    assert (await decide(retention, proposed[ids[0]])).json()["state"] == "approved"
    assert await retention.rows(sa.select(DECISIONS)) == []
    tried = (await retention.http.get(f"/campaigns/{CAMPAIGN}/dry-run", params={"days": 1})).json()
    assert (tried["alerts"], tried["contacts"], tried["lost_at"]) == (1, 1, {})
    await switched_on(retention)
    await post(retention, f"/campaigns/{CAMPAIGN}/pause")
    assert (await decide(retention, proposed[ids[1]])).json()["state"] == "approved"
    (paused,) = await retention.rows(sa.select(DECISIONS))
    assert (paused.customer_id, paused.failed_gate) == (ids[1], "campaign_running")
    second = NOTICE | {"campaign_id": "a-notice-of-ours"}
    assert (await post(retention, "/campaigns", "ann", key="d", **second)).status_code == 201
    assert (await post(retention, "/message-templates", key="t", channel="email", purpose="a-notice-of-ours", body="{{ credit.cause }}")).status_code == 201
    assert (await post(retention, "/campaigns/a-notice-of-ours/approve", "ann", revision=1)).json()["code"] == "second_person_needed"
    assert (await post(retention, "/campaigns/a-notice-of-ours/approve", "bob", revision=1)).json()["state"] == "running"
    await decide(retention, proposed[ids[2]])
    await post(retention, f"/campaigns/{CAMPAIGN}/resume")
    await decide(retention, proposed[ids[3]])
    assert {one["customer_id"]: (one["channel"], one["body"]) for one in await messages(retention)} == {
        ids[2]: ("email", "complaint"), ids[3]: ("email", "complaint")
    }  # fmt: skip
    for name in (CAMPAIGN, "a-notice-of-ours"):
        assert (await post(retention, f"/campaigns/{name}/stop")).json()["state"] == "stopped"
    assert len(await messages(retention)) == 2


NOTICE: dict[str, Any] = {
    "name": "Credits by e-mail", "purpose": "notice", "channel": "email", "offers": {"credit_approved": [CAMPAIGN]}, "hold_out_share": 0,
    "cap_contacts": 9, "cap_days": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "service"},
        {"offers": {"silent": [CAMPAIGN]}},
        {"offers": {"silent": [CAMPAIGN], "credit_approved": [CAMPAIGN]}},
        {"hold_out_share": 0.1},
        {"channel": "call"},
        {"fallback_channels": ["call"]},
        {"audience": {"field": "tier", "is": "gold"}},
    ],
)
async def test_a_notice_that_sells_or_leaves_somebody_out_is_refused(retention: ServiceUnderTest, changes: dict[str, Any]) -> None:
    """R2 R9: nothing but an approved credit may pass by a purpose that asks for no consent."""
    answer = await post(retention, "/campaigns", key="k", campaign_id="sells", **NOTICE | changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
