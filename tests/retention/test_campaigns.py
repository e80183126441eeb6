"""R1 R2 R6: campaigns drafted, tried on what was warned of, approved by a second person, paused and stopped; offers added and ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from services.retention.campaign import STEPS
from services.retention.tables import ASSIGNMENTS, DECISIONS, HEARD_ALERTS, TASKS
from services.retention.use_cases import messages
from shared import clock
from shared.contracts.segmentation import ChurnScored, StandingChanged
from tests.harness import ServiceUnderTest, until
from tests.retention.builders import CAMPAIGN_ID, activity, alert, customers, erased, opened, profile
from tests.retention.test_effect import told

DRAFT: dict[str, Any] = {
    "campaign_id": "keep-silent",
    "name": "Call who fell silent",
    "offers": {"silent": ["data-boost"]},
    "hold_out_share": 0.2,
    "capacity": 50,
}
OFFER = {
    "offer_id": "gift", "name": "A month for free", "cost_minor": 9_000, "currency": "CNY", "payment_types": ["postpaid"],
    "valid_from": "2020-01-01T00:00:00Z", "script": "Offer it.",
}  # fmt: skip


async def post(retention: ServiceUnderTest, path: str, actor: str = "ann", *, key: str | None = None, **body: Any) -> Any:
    headers = {"X-Actor": actor} | ({"Idempotency-Key": key} if key else {})
    return await retention.http.post(path, json=body, headers=headers)


async def drafted(retention: ServiceUnderTest, **changes: Any) -> dict[str, Any]:
    answer = await post(retention, "/campaigns", key=f"draft-{changes}", **DRAFT | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_draft_contacts_nobody_until_a_second_person_approves(retention: ServiceUnderTest) -> None:
    """R2: and who may approve is not who drafted it; each step is on record with who took it and why."""
    first, second = customers(2)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (first, second)))
    assert (await drafted(retention))["state"] == "draft"
    await retention.send(alert(first, "a-1", kind="silent"))
    assert await retention.rows(sa.select(DECISIONS)) == []
    for actor in ("ann", " ANN", "anonymous"):
        refused = await post(retention, "/campaigns/keep-silent/approve", actor, revision=1)
        assert (refused.status_code, refused.json()["code"]) == (409, "second_person_needed")
    approved = (await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1, reason="tried it")).json()
    assert (approved["state"], [(one["step"], one["actor"]) for one in approved["steps"]]) == ("running", [("draft", "ann"), ("approve", "bob")])
    await retention.send(alert(second, "a-2", kind="silent"))
    (decision,) = await retention.rows(sa.select(DECISIONS))
    assert (decision.campaign_id, decision.customer_id) == ("keep-silent", second)


async def test_what_is_approved_is_what_was_read(retention: ServiceUnderTest) -> None:
    """R2: an edit in between makes the approval stale, and an edit of an older revision too; what runs is not edited any more."""
    await drafted(retention)
    edit = {name: value for name, value in DRAFT.items() if name != "campaign_id"} | {"capacity": 10, "revision": 1}
    answer = await retention.http.put("/campaigns/keep-silent", json=edit, headers={"X-Actor": "eve"})
    assert (answer.json()["revision"], answer.json()["capacity"], answer.json()["drafted_by"]) == (2, 10, "eve")
    stale = await retention.http.put("/campaigns/keep-silent", json=edit, headers={"X-Actor": "ann"})
    assert (stale.status_code, stale.json()["code"], stale.json()["newest"]) == (409, "stale_draft", 2)
    assert (await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)).json()["code"] == "stale_draft"
    assert (await post(retention, "/campaigns/keep-silent/approve", "eve", revision=2)).json()["code"] == "second_person_needed"
    assert (await post(retention, "/campaigns/keep-silent/approve", "bob", revision=2)).json()["state"] == "running"
    late = await retention.http.put("/campaigns/keep-silent", json=edit | {"revision": 2}, headers={"X-Actor": "ann"})
    assert (late.status_code, late.json()["code"]) == (409, "already_decided")


async def test_the_life_of_a_campaign_is_a_table(retention: ServiceUnderTest) -> None:
    """R2: every step from every state, as the table says; to be there already is no error."""
    await drafted(retention)
    path = {"running": ("approve",), "paused": ("approve", "pause"), "stopped": ("approve", "stop"), "archived": ("archive",)}
    for nth, (state, steps) in enumerate(path.items()):
        name = f"c-{nth}"
        await drafted(retention, campaign_id=name)
        for step in steps:
            assert (await post(retention, f"/campaigns/{name}/{step}", "bob", revision=1)).status_code == 200
        for step, (sources, target) in STEPS.items():
            before = (await retention.http.get(f"/campaigns/{name}")).json()["state"]
            assert before == state
            if step in {"pause", "resume", "stop", "archive"} and before not in sources:
                answer = await post(retention, f"/campaigns/{name}/{step}", "bob")
                assert answer.status_code == (200 if before == target else 409), (state, step)


async def test_stopped_is_for_good_and_decides_nothing_more(retention: ServiceUnderTest) -> None:
    """R2: open tasks stay open, new warnings are not decided for it; without a name nobody stops one, but anybody pauses."""
    first, second = customers(2)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (first, second)), alert(first, "a-1"))
    assert (await post(retention, f"/campaigns/{CAMPAIGN_ID}/stop", "anonymous")).json()["code"] == "actor_missing"
    assert (await retention.http.post(f"/campaigns/{CAMPAIGN_ID}/pause")).json()["state"] == "paused"
    assert (await post(retention, f"/campaigns/{CAMPAIGN_ID}/stop", reason="over")).json()["state"] == "stopped"
    await retention.send(alert(second, "a-2"))
    assert len(await retention.rows(sa.select(DECISIONS))) == len(await retention.rows(sa.select(TASKS).where(TASKS.c.status == "open"))) == 1
    assert (await post(retention, f"/campaigns/{CAMPAIGN_ID}/resume")).status_code == 409


async def test_a_pause_holds_from_its_answer_on(retention: ServiceUnderTest) -> None:
    """R2: warnings race the pause; whatever was decided after its answer is refused."""
    ids = customers(30)
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    racing = asyncio.gather(*(retention.publish(alert(one, f"a-{one}")) for one in ids[:15]))
    await post(retention, f"/campaigns/{CAMPAIGN_ID}/pause")
    contacted = len(await retention.rows(sa.select(TASKS)))
    await racing
    await retention.send(*(alert(one, f"a-{one}") for one in ids[15:]))
    assert len(await retention.rows(sa.select(TASKS))) == contacted


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"offers": {"silent": ["no-such-offer"]}}, "invalid_request"),
        ({"offers": {"not_a_kind": ["data-boost"]}}, "invalid_request"),
        ({"offers": {}}, "invalid_request"),
        ({"hold_out_share": 0.0}, "invalid_request"),
        ({"opens": "20:00", "closes": "09:00"}, "invalid_request"),
        ({"cap_contacts": 0}, "invalid_request"),
        ({"campaign_id": CAMPAIGN_ID}, "conflict"),
    ],
)
async def test_a_draft_that_can_not_be_is_refused(retention: ServiceUnderTest, changes: dict[str, Any], code: str) -> None:
    """R2 R4 R9: no campaign without offers that are there, a hold-out, hours and a cap."""
    answer = await post(retention, "/campaigns", key="k", **DRAFT | changes)
    assert answer.json()["code"] == code, answer.text


async def test_a_dry_run_says_where_reach_is_lost_and_contacts_nobody(retention: ServiceUnderTest) -> None:
    """R2 R6: on the warnings of the last days, of which no campaign took note; each gate with what it costs, and who else contacts them."""
    good, complains, refuses, other, gone = customers(5)
    await retention.send(
        *(activity(one, 1, profile=profile()) for one in (good, other, gone)),
        activity(complains, 1, opened(), profile=profile()),
        activity(refuses, 1, profile=profile(consents=[{"channel": "call", "granted": False}])),
        told(StandingChanged, good, 1, future_value_minor=100_000),
        told(ChurnScored, good, 1, probability=0.5, sensitivity={}),
    )
    await retention.send(*(alert(one, f"s-{one}", kind="silent") for one in (good, complains, refuses, gone)), alert(other, "u-1", kind="multi_sim"))
    await retention.send(erased(gone, 2))
    await drafted(retention, hold_out_share=0.01)
    found = (await retention.http.get("/campaigns/keep-silent/dry-run", params={"days": 100})).json()
    assert (found["heard"], found["alerts"], found["customers"]) == (4, 3, 3)
    assert (found["contacts"] + found["held_out"], found["lost_at"].get("service_trouble"), found["lost_at"].get("consent")) == (1, 1, 1)
    assert found["contacts"] == 0 or found["expected_profit_minor"] == round(0.5 * 0.3 * 100_000 - 1_500 - 0.4 * 3_000)
    for table in (DECISIONS, TASKS, ASSIGNMENTS):
        assert await retention.rows(sa.select(table)) == []
    assert (await retention.http.get("/campaigns/none/dry-run")).status_code == 404


async def test_an_alert_is_kept_once(retention: ServiceUnderTest) -> None:
    (one,) = customers(1)
    await retention.send(activity(one, 1, profile=profile()), alert(one, "a-1"), alert(one, "a-1"))
    assert len(await retention.rows(sa.select(HEARD_ALERTS))) == 1


async def test_an_offer_is_added_made_and_ended(retention: ServiceUnderTest) -> None:
    """R1: under an id that nothing else had; ended, it is made to nobody any more."""
    assert (await post(retention, "/offers", key="o-1", **OFFER)).status_code == 201
    assert (await post(retention, "/offers", key="o-1", **OFFER)).status_code == 201
    taken = await post(retention, "/offers", key="o-2", **OFFER | {"cost_minor": 1})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    assert (await post(retention, "/offers", "anonymous", key="o-3", **OFFER | {"offer_id": "x"})).json()["code"] == "actor_missing"
    await drafted(retention, offers={"silent": ["gift"]})
    await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)
    first, second = customers(2)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (first, second)), alert(first, "a-1", kind="silent"))
    assert (await post(retention, "/offers/gift/end")).json()["valid_to"] is not None
    await retention.send(alert(second, "a-2", kind="silent"))
    decisions = {row.customer_id: row for row in await retention.rows(sa.select(DECISIONS))}
    assert decisions[first].verdict in {"contact", "held_out"}
    assert decisions[second].failed_gate == "offer"
    assert (await post(retention, "/offers/none/end")).status_code == 404


TEMPLATE = {"channel": "sms", "purpose": "keep-silent", "language": "zh", "body": "{{ offer.name }}"}


async def test_a_campaign_that_writes_needs_a_template_and_opens_no_task(retention: ServiceUnderTest) -> None:
    """R2 R9 R10: by the consent to its channel, in the customer's language, within the hours; it counts for the caps of all campaigns, and costs."""
    await drafted(retention, channel="sms")
    refused = await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)
    assert refused.json()["code"] == "invalid_request" and "template" in refused.json()["detail"]
    assert (await post(retention, "/message-templates", key="t", **TEMPLATE)).status_code == 201
    assert (await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)).status_code == 200
    reads, calls_only = customers(2)
    both = [{"channel": channel, "granted": True} for channel in ("call", "sms")]
    await retention.send(activity(reads, 1, profile=profile(consents=both, language="zh")), activity(calls_only, 1, profile=profile()))
    await retention.send(*(alert(one, f"s-{one}", kind="silent") for one in (reads, calls_only)))
    decisions = {row.customer_id: row for row in await retention.rows(sa.select(DECISIONS))}
    assert decisions[calls_only].failed_gate == "consent"
    if decisions[reads].verdict == "contact":
        (message,) = (await retention.http.get("/messages")).json()["items"]
        assert (message["customer_id"], message["body"], message["language"]) == (reads, "10 GB more a month, for three months", "zh")
        (month,) = (await retention.http.get("/campaigns/keep-silent/budget")).json()["months"]
        assert month["spent_minor"] == 5
        await retention.send(alert(reads, "u-1"))
        (later,) = await retention.rows(sa.select(DECISIONS.c.failed_gate).where(DECISIONS.c.alert_id == "u-1"))
        assert later.failed_gate == "frequency_cap"
    assert await retention.rows(sa.select(TASKS)) == []


async def test_a_pause_holds_messages_that_are_not_on_their_way(retention: ServiceUnderTest, tmp_path: Any) -> None:
    """R2 R10: what was decided and not sent stays until the campaign runs again."""
    await post(retention, "/message-templates", key="t", **TEMPLATE | {"language": None})
    await drafted(retention, channel="sms", hold_out_share=0.01)
    await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)
    await post(retention, "/campaigns/keep-silent/pause", "bob")
    async with retention.database.transaction() as tx:
        row = {"decision_id": "d-1", "campaign_id": "keep-silent", "customer_id": "C-1", "alert_id": "a", "alert_kind": "silent", "verdict": "contact"}
        await tx.execute(DECISIONS.insert().values(**row, decided_at=clock.now(), gates=[], weighed=[], worth={}))
        await messages.enqueue(tx, [messages.Wanted("d-1", "C-1", "sms", "keep-silent", "en", variables={"offer": {"name": "a gift"}})])
        assert not await messages.is_any_due(tx)
    await post(retention, "/campaigns/keep-silent/resume", "bob")
    await until(lambda: is_sent(retention))


async def is_sent(retention: ServiceUnderTest) -> bool:
    return bool((await retention.http.get("/messages", params={"state": "sent"})).json()["items"])
