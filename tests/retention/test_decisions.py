"""From a warning to a task and its events, driven by events alone, on the embedded bus and on Kafka and PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.retention.tables import ASSIGNMENTS, CAMPAIGNS, COMPLAINTS, CONTACTABLES, DECISIONS, TASKS, WAITING
from services.retention.use_cases.taking_in import take_in
from shared import clock
from shared.bus import Message
from shared.clock import zone_of
from shared.contracts import topics
from shared.contracts.customer import Activity
from shared.contracts.decoding import decode
from shared.contracts.segmentation import AlertRaised
from shared.inbox import REPLAY_HEADER
from shared.worker import Delivery
from tests.builders import cloud_event, message, record
from tests.harness import ServiceUnderTest
from tests.retention.builders import ENDED, activity, alert, customer, customers, opened, profile, resolved, zone_where_it_is

FOR_US = {REPLAY_HEADER: b"retention"}


async def verdicts(retention: ServiceUnderTest, customer_id: str) -> list[tuple[str, str | None]]:
    """(verdict, first gate that failed), oldest first."""
    found = (await retention.http.get(f"/customers/{customer_id}/decisions")).raise_for_status().json()
    return [(one["verdict"], one["failed_gate"]) for one in reversed(found["decisions"])]


async def tasks(retention: ServiceUnderTest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await retention.http.get("/tasks")).raise_for_status().json()["items"]
    return found


async def test_a_warning_becomes_a_decision_and_a_task(retention: ServiceUnderTest) -> None:
    """R3 R5 R11: within one transaction, with every gate on record, and published in that order."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()))
    await retention.send(alert(one, kind="port_out_inquiry", severity="urgent", reason="Asked for the porting code"))
    [task] = await tasks(retention)
    decision_id = "save-on-warning:a-1"
    assert task | {"opened_at": None, "due_at": None} == {
        "task_id": decision_id, "customer_id": one, "campaign_id": "save-on-warning", "alert_id": "a-1", "offer_id": "loyalty-10", "channel": "call",
        "priority": 80, "reason": "Asked for the porting code", "script": task["script"], "opened_at": None, "due_at": None,
        "opens": "09:00", "closes": "20:00", "timezone": zone_where_it_is(14), "status": "open", "outcome": None, "attempts": 0,
        "reschedules": 0,
    }  # fmt: skip
    decided, opened_task = await retention.read(topics.CONTACTS, count=2)
    assert (decided["type"], decided["subject"], decided["data"]["verdict"]) == ("retention.decision_made.v1", f"customer:{one}", "contact")
    assert (decided["data"]["arm"], decided["data"]["offer_id"], len(decided["data"]["gates"])) == ("treatment", "loyalty-10", 22)
    assert (opened_task["type"], opened_task["data"]["task_id"]) == ("retention.task_opened.v1", decision_id)
    assert (decided["source"], decided["id"]) != (opened_task["source"], opened_task["id"])
    assert await verdicts(retention, one) == [("contact", None)]


@pytest.mark.kafka
async def test_a_warning_that_comes_again_changes_nothing(retention: ServiceUnderTest) -> None:
    """R5: in the same batch, later, and after everything was delivered again."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()), alert(one), alert(one))
    await retention.send(alert(one), alert(one, "a-2"))
    assert await verdicts(retention, one) == [("contact", None), ("refused", "frequency_cap")]
    await retention.stop_worker()
    await retention.forget_offsets()
    await retention.start_worker()
    await retention.send(alert(one))
    assert await verdicts(retention, one) == [("contact", None), ("refused", "frequency_cap")]
    assert len(await tasks(retention)) == 1
    assert len(await retention.read(topics.CONTACTS, count=3)) == 3


async def test_who_is_held_out_never_gets_a_task(retention: ServiceUnderTest) -> None:
    """R4: the arm is stored at the first exposure, and published; the global hold-out has none."""
    held, globally = customer("hold_out"), customer(None)
    for one in (held, globally):
        await retention.send(activity(one, 1, profile=profile()), *(alert(one, f"{one}-{number}") for number in range(5)))
    assert await verdicts(retention, held) == [("held_out", "hold_out")] * 5
    assert await verdicts(retention, globally) == [("held_out", "global_hold_out")] * 5
    assert await tasks(retention) == []
    assert [(row.customer_id, row.arm) for row in await retention.rows(sa.select(ASSIGNMENTS))] == [(held, "hold_out")]
    counts = (await retention.http.get("/campaigns/save-on-warning")).json()["counts"]
    assert counts == {"customers": {"hold_out": 1}, "decisions": {"held_out": 10}, "refused_by": {}, "tasks": {}, "outcomes": {}}


async def test_an_arm_once_assigned_stays(retention: ServiceUnderTest) -> None:
    """R4: whatever becomes of the campaign's share."""
    one, other = customer("hold_out"), customer("treatment")
    for each in (one, other):
        await retention.send(activity(each, 1, profile=profile()), alert(each, f"{each}-1"))
    await change(retention, sa.update(CAMPAIGNS).values(hold_out_share=0.0))
    await retention.send(alert(one, f"{one}-2"))
    assert await verdicts(retention, one) == [("held_out", "hold_out")] * 2
    await change(retention, sa.update(CAMPAIGNS).values(hold_out_share=1.0), sa.update(TASKS).values(status="done", done_at=clock.now() - timedelta(days=31)))
    await retention.send(alert(other, f"{other}-2"))
    assert await verdicts(retention, other) == [("contact", None)] * 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no consent": ({"consents": [{"channel": "call", "granted": False}]}, "consent"),
    "unknown consent": ({"consents": None}, "consent"),
    "consent for another channel": ({"consents": [{"channel": "sms", "granted": True}]}, "consent"),
    "consent for another purpose": ({"consents": [{"channel": "call", "granted": True, "purpose": "survey"}]}, "consent"),
    "given by contract, refused as consent": (
        {"consents": [{"channel": "call", "granted": False}, {"channel": "call", "granted": True, "legal_basis": "contract"}]},
        "consent",
    ),
    "do not contact": ({"do_not_contact": True}, "do_not_contact"),
    "visitor": ({"visitor": True}, "not_visitor_or_employer_paid"),
    "employer paid": ({"employer_paid": True}, "not_visitor_or_employer_paid"),
    "terminated": ({"subscriptions": [ENDED]}, "live_subscription"),
    "no subscription yet": ({"subscriptions": []}, "live_subscription"),
    "zone that is none": ({"timezone": "Mars/Phobos"}, "timezone"),
}


@pytest.mark.parametrize("reason", REFUSED)
async def test_who_may_not_be_called_is_not(retention: ServiceUnderTest, reason: str) -> None:
    """R9: and the reason is on record, and published."""
    changes, gate = REFUSED[reason]
    one = customer()
    await retention.send(activity(one, 1, profile=profile(**changes)), alert(one))
    assert await verdicts(retention, one) == [("refused", gate)]
    assert await tasks(retention) == []
    [decided] = await retention.read(topics.CONTACTS, count=1)
    assert next(each["gate"] for each in decided["data"]["gates"] if not each["passed"]) == gate


async def test_what_changes_about_a_customer_counts_from_then_on(retention: ServiceUnderTest) -> None:
    """R9: a termination, and consent that is withdrawn and given again."""
    one = customer()
    withdrawn = profile(consents=[{"channel": "call", "granted": False}])
    await retention.send(activity(one, 1, profile=profile()), activity(one, 2, profile=profile(subscriptions=[ENDED])), alert(one, "a-1"))
    await retention.send(activity(one, 3, profile=withdrawn), alert(one, "a-2"))
    await retention.send(activity(one, 4, profile=profile()), alert(one, "a-3"))
    assert await verdicts(retention, one) == [("refused", "live_subscription"), ("refused", "consent"), ("contact", None)]


async def test_an_open_complaint_holds_contacts_back(retention: ServiceUnderTest) -> None:
    """R9: until it is resolved; another customer's complaint of the same name does not count."""
    one, other = customers(2)
    await retention.send(activity(one, 1, opened("K-1"), opened("K-2"), profile=profile()), activity(other, 1, resolved("K-1"), profile=profile()))
    await retention.send(activity(one, 2, resolved("K-2")), alert(one, "a-1"))
    await retention.send(activity(one, 3, resolved("K-1")), alert(one, "a-2"))
    assert await verdicts(retention, one) == [("refused", "service_trouble"), ("contact", None)]


async def test_a_complaint_resolved_before_it_was_opened_does_not_stay_open(retention: ServiceUnderTest) -> None:
    """R9 E6: care's events come in any order."""
    one = customer()
    await retention.send(activity(one, 1, resolved("K-1"), profile=profile()))
    await retention.send(activity(one, 2, opened("K-1")), alert(one))
    assert await verdicts(retention, one) == [("contact", None)]


async def test_an_activity_counts_once(retention: ServiceUnderTest) -> None:
    """R9 E6: a sequence that was passed is dropped; published again from the dead letters its facts count, its profile does not."""
    one = customer()
    await retention.send(activity(one, 2, profile=profile()))
    stale = profile(do_not_contact=True)
    await retention.send(activity(one, 2, opened("K-1"), profile=stale), activity(one, 1, opened("K-2"), profile=stale))
    assert await retention.rows(sa.select(COMPLAINTS)) == []
    await retention.send(activity(one, 1, opened("K-2"), profile=stale, headers=FOR_US))
    [row] = await retention.rows(sa.select(CONTACTABLES))
    assert (row.last_sequence, row.profile_sequence, row.do_not_contact) == (2, 2, None)
    assert [each.complaint_id for each in await retention.rows(sa.select(COMPLAINTS))] == ["K-2"]


async def test_a_warning_ahead_of_its_customer_waits(retention: ServiceUnderTest) -> None:
    """R3: topics are independent. It shows as waiting, and is decided when the customer becomes known."""
    one = customer()
    await retention.send(alert(one), alert(one))
    found = (await retention.http.get(f"/customers/{one}/decisions")).json()
    assert ([each["alert_id"] for each in found["waiting"]], found["decisions"]) == (["a-1"], [])
    await retention.send(activity(one, 2))
    assert await verdicts(retention, one) == []
    await retention.send(activity(one, 3, profile=profile()))
    assert await verdicts(retention, one) == [("contact", None)]
    assert await retention.rows(sa.select(WAITING)) == []


async def test_a_warning_that_waited_more_than_a_day_is_refused(retention: ServiceUnderTest) -> None:
    """R3"""
    one = customer()
    await retention.send(alert(one))
    await change(retention, sa.update(WAITING).values(waits_since=clock.wall() - timedelta(days=1, seconds=1)))
    await retention.send(activity(one, 1, profile=profile()))
    assert await verdicts(retention, one) == [("refused", "known_customer")]


async def test_the_cap_counts_open_tasks_and_those_done_lately(retention: ServiceUnderTest) -> None:
    """R9: a task may be worked at any moment, so however old it is, it counts while it is open."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()), alert(one, "a-1"))
    ages = {"open, old": ("open", None), "done lately": ("done", timedelta(days=29)), "done long ago": ("done", timedelta(days=31))}
    for name, (status, age) in ages.items():
        done_at = clock.now() - age if age else None
        await change(retention, sa.update(TASKS).values(status=status, done_at=done_at, opened_at=clock.now() - timedelta(days=90)))
        await retention.send(alert(one, name))
    assert await verdicts(retention, one) == [("contact", None), ("refused", "frequency_cap"), ("refused", "frequency_cap"), ("contact", None)]


async def test_a_paused_campaign_contacts_nobody(retention: ServiceUnderTest) -> None:
    """R2: what was refused meanwhile stays refused."""
    first, second = customers(2)
    for one in (first, second):
        await retention.send(activity(one, 1, profile=profile()))
    assert (await retention.http.post("/campaigns/save-on-warning/pause")).json()["state"] == "paused"
    await retention.send(alert(first, "a-1"))
    assert (await retention.http.post("/campaigns/save-on-warning/resume")).json()["state"] == "running"
    await retention.send(alert(first, "a-1"), alert(second, "a-2"))
    assert await verdicts(retention, first) == [("refused", "campaign_running")]
    assert await verdicts(retention, second) == [("contact", None)]


async def test_no_more_tasks_are_opened_than_agents_can_work(retention: ServiceUnderTest) -> None:
    """R2: within one batch too."""
    ids = customers(4)
    await change(retention, sa.update(CAMPAIGNS).values(capacity=3))
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await retention.send(*(alert(one, f"a-{one}") for one in ids))
    assert len(await tasks(retention)) == 3
    counts = (await retention.http.get("/campaigns/save-on-warning")).json()["counts"]
    assert (counts["decisions"], counts["refused_by"], counts["tasks"]) == ({"contact": 3, "refused": 1}, {"capacity": 1}, {"open": 3})


@pytest.mark.parametrize(("hour", "waits"), [(14, False), (3, True), (22, True)])
async def test_a_task_is_due_when_calls_are_allowed_where_the_customer_is(retention: ServiceUnderTest, hour: int, waits: bool) -> None:
    """R9: quiet hours refuse nobody, they put the call off to the morning of the recipient's clock."""
    one, zone = customer(), zone_where_it_is(hour)
    await retention.send(activity(one, 1, profile=profile(timezone=zone)), alert(one))
    [task] = await tasks(retention)
    opened_at, due_at = (datetime.fromisoformat(task[name]) for name in ("opened_at", "due_at"))
    assert (due_at > opened_at) == waits
    local = due_at.astimezone(zone_of(zone))
    assert (local.hour, local.minute, local.second) == (9, 0, 0) if waits else local.hour == hour
    assert due_at - opened_at < timedelta(hours=12)


async def test_without_a_zone_of_their_own_the_default_one_counts(retention: ServiceUnderTest) -> None:
    """R9"""
    one, default = customer(), zone_where_it_is(22)
    arrived = [delivered(activity(one, 1, profile=profile(timezone=None))), delivered(alert(one))]
    async with retention.database.transaction() as tx:
        await take_in(tx, arrived, default_zone=default)
    [task] = await tasks(retention)
    assert task["timezone"] == default
    assert datetime.fromisoformat(task["due_at"]).astimezone(zone_of(default)).hour == 9


async def test_the_offer_fits_the_way_the_customer_pays(retention: ServiceUnderTest) -> None:
    """R1"""
    ids = customers(2)
    for one, payment_type in zip(ids, ("prepaid", "postpaid"), strict=True):
        live = [{"subscription_id": "S", "payment_type": payment_type, "activated_at": "2026-01-01T00:00:00Z"}]
        await retention.send(activity(one, 1, profile=profile(subscriptions=live)), alert(one, f"a-{one}", kind="forwarding_off_net"))
    assert {task["customer_id"]: task["offer_id"] for task in await tasks(retention)} == dict(zip(ids, ("topup-bonus", "loyalty-10"), strict=True))


async def test_a_batch_with_poison_in_it_loses_nothing_else(retention: ServiceUnderTest) -> None:
    """R5 E6: an activity without a sequence can not be told from its duplicate: it dies alone."""
    one = customer()
    whole = activity(one, 1, profile=profile())
    cut = Message(whole.topic, whole.key, whole.value.replace(b'"sequence":1', b'"sequence":null'))
    assert cut.value != whole.value
    await retention.send(cut, whole, alert(one))
    dead = (await retention.http.get("/dead-letters")).json()["items"]
    assert [each["code"] for each in dead] == ["handler_failed"]
    assert await verdicts(retention, one) == [("contact", None)]


async def test_the_contracts_own_examples_run_through(retention: ServiceUnderTest) -> None:
    """R3 E7"""
    await retention.send(message(cloud_event(Activity, "customer:C-1") | {"sequence": 1}, topic=Activity.topic))
    await retention.send(message(cloud_event(AlertRaised, "customer:C-1"), topic=AlertRaised.topic))
    assert await verdicts(retention, "C-1") == [("refused", "consent")]
    assert len(await retention.rows(sa.select(DECISIONS))) == 1


def delivered(sent: Message) -> Delivery:
    return Delivery(decode(sent.value), record(sent.value, topic=sent.topic), replayed=False)


async def change(retention: ServiceUnderTest, *statements: Any) -> None:
    """What only time, or an API of a later release, can change."""
    async with retention.database.transaction() as tx:
        for statement in statements:
            await tx.execute(statement)
