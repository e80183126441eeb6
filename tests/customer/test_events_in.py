"""E2-E6, C1, C3: what is reported is applied once, to whom it belongs, in its own month, whatever the order."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import orjson
import pytest
import sqlalchemy as sa

from services.customer.tables import FACTS, ROLLUPS
from shared.bus import Message
from shared.contracts import billing, care, network, orders, topics
from shared.contracts.decoding import decode
from shared.contracts.envelope import Event
from shared.contracts.registry import INPUTS
from tests.builders import NOON, activated, cloud_event, message, paid, registered, terminated, used
from tests.harness import ServiceUnderTest

pytestmark = pytest.mark.kafka

OLD, NEW = "C-old", "C-new"
NUMBER = "8613800138000"


async def books(customer: ServiceUnderTest) -> dict[str, int]:
    """The totals, after checking that they balance and agree with what is stored."""
    answer = (await customer.http.get("/reconciliation", params={"recount": True})).json()
    assert answer["balanced"] and answer["recount"]["agrees"], answer
    return {name: count for name, count in answer["totals"].items() if count}


async def month_of(customer: ServiceUnderTest, month: str, customer_id: str = "C-1") -> dict[str, int]:
    rows = await customer.rows(sa.select(ROLLUPS.c.measures).where(ROLLUPS.c.customer_id == customer_id, ROLLUPS.c.month == month))
    return rows[0].measures if rows else {}


async def test_events_of_every_input_type_are_applied_from_their_examples(customer: ServiceUnderTest) -> None:
    """E2 E3 E4 E5: one event of each type, as the contract's own example has it."""
    subject = {"msisdn": f"msisdn:{NUMBER}", "account": "account:A-1", "customer": "customer:C-1", "cell": "cell:460-00-17"}
    setup = [registered(accounts=("A-1",)), activated(subscription_id="S-1")]
    rest = [one for one in INPUTS if one not in {orders.CustomerRegistered, orders.SubscriptionActivated, orders.SubscriptionTerminated}]
    await customer.send(*setup, *(cloud_event(payload, subject[payload.about[0]]) for payload in rest), terminated("C-1", "S-1"))
    assert await books(customer) == {"accepted": len(INPUTS), "applied": len(INPUTS)}


async def test_a_duplicate_changes_nothing(customer: ServiceUnderTest) -> None:
    """E6: the same source and id again is a duplicate, in the same batch or later, whatever it says."""
    first = paid(amount_minor=500, id="same")
    await customer.send(registered(accounts=("A-1",)), first, first)
    await customer.send(paid(amount_minor=900, id="same"))
    assert await month_of(customer, "2026-10") == {"payments": 1, "paid_minor": 500, "payments_wallet": 1}
    assert await books(customer) == {"accepted": 4, "applied": 2, "duplicate": 2}


async def test_a_duplicate_that_names_another_customer_is_still_one(customer: ServiceUnderTest) -> None:
    """E6: in the same batch too, the first of two with one id decides whose it is."""
    await customer.send(registered("C-1", accounts=("A-1",)), registered("C-2", accounts=("A-2",)))
    both = (replace(message(paid(account, id="same")), key="one partition") for account in ("account:A-1", "account:A-2"))
    await customer.send(*both)
    assert (await month_of(customer, "2026-10", "C-1"))["payments"] == 1
    assert not await month_of(customer, "2026-10", "C-2")


async def test_a_late_event_lands_in_its_own_month(customer: ServiceUnderTest) -> None:
    """E6: an event that comes months late is added to the month it happened in; summaries to the month their period starts in."""
    await customer.send(registered(accounts=("A-1",)), activated(), paid())
    await customer.send(paid(at=NOON - timedelta(days=92)), used(at=datetime.fromisoformat("2026-10-03T00:00:00+00:00"), days=7))
    assert (await month_of(customer, "2026-07"))["payments"] == 1
    assert (await month_of(customer, "2026-10"))["payments"] == 1
    assert (await month_of(customer, "2026-09"))["usage_days"] == 7


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
async def test_order_of_arrival_does_not_matter(customer: ServiceUnderTest, order: tuple[int, ...]) -> None:
    """E6 C1: each batch on its own, in any order, ends in the state of the right order."""
    events = [
        registered(accounts=("A-1",)),
        activated(subscription_id="S-1"),
        cloud_event(orders.PlanChanged, f"msisdn:{NUMBER}", subscription_id="S-1", plan="later", at=NOON),
        used(),
    ]
    for index in order:
        await customer.send(events[index])
    view = (await customer.http.get("/customers/C-1")).json()
    assert view["profile"]["subscriptions"][0]["plan"] == "later"
    assert view["months"]["2026-10"]["usage_days"] == 7
    assert await books(customer) == {"accepted": 4, "applied": 4}


async def test_an_event_for_an_unknown_customer_waits_for_it(customer: ServiceUnderTest) -> None:
    """E6: parked with a reason, listed over HTTP, applied when the customer appears."""
    await customer.send(used(), paid(subject="account:A-1"))
    assert await books(customer) == {"accepted": 2, "parked": 2}
    listed = (await customer.http.get("/parked")).json()["items"]
    assert {one["type"] for one in listed} == {network.UsageSummarised.type, billing.PaymentReceived.type}
    assert NUMBER not in orjson.dumps(listed).decode()
    (by_number,) = (await customer.http.get("/parked", params={"subject": f"msisdn:{NUMBER}"})).json()["items"]
    assert by_number["type"] == network.UsageSummarised.type and by_number["reason"] == "nobody is known by it"
    await customer.send(registered(accounts=("A-1",)), activated())
    assert await books(customer) == {"accepted": 4, "applied": 4}
    assert (await month_of(customer, "2026-10"))["paid_minor"] == 1000


async def test_a_recycled_number_belongs_to_its_owner_at_event_time(customer: ServiceUnderTest) -> None:
    """E6: MSISDN ownership is effective-dated; a late event of the old owner does not reach the new one."""
    await customer.send(
        registered(OLD), registered(NEW),
        activated(OLD, NUMBER, subscription_id="S-old", at=NOON - timedelta(days=300)),
        terminated(OLD, "S-old", at=NOON - timedelta(days=100)),
        activated(NEW, NUMBER, subscription_id="S-new", at=NOON - timedelta(days=60)),
    )  # fmt: skip
    await customer.send(used(NUMBER, at=NOON - timedelta(days=150)), used(NUMBER), used(NUMBER, at=NOON - timedelta(days=75)))
    owners = await customer.rows(sa.select(FACTS.c.customer_id).where(FACTS.c.type == network.UsageSummarised.type).order_by(FACTS.c.occurred_at))
    assert [row.customer_id for row in owners] == [OLD, None, NEW]
    assert (await books(customer))["parked"] == 1
    assert (await customer.http.get("/owner", params={"identifier": f"msisdn:{NUMBER}"})).json()["customer_id"] == NEW


async def test_activity_is_a_sequence_per_customer(customer: ServiceUnderTest) -> None:
    """C3: `activity` carries each fact once, whole months, and +1 per message and customer; it is valid by its own contract."""
    await customer.send(registered(accounts=("A-1",)), paid(), registered("C-2", accounts=("A-2",)))
    await customer.send(paid(), paid(subject="account:A-2"))
    messages = await customer.read(topics.ACTIVITY, count=4)
    decoded: list[Event] = [decode(orjson.dumps(one), topic=topics.ACTIVITY) for one in messages]  # type: ignore[type-arg]
    for customer_id in ("C-1", "C-2"):
        mine = [event for event in decoded if event.subject == f"customer:{customer_id}"]
        assert [event.sequence for event in mine] == list(range(1, len(mine) + 1))
        assert mine[-1].data.months["2026-10"]["payments"] == (2 if customer_id == "C-1" else 1)
    facts = [fact.id for event in decoded for fact in event.data.facts]
    assert len(facts) == len(set(facts)) == 5


async def test_a_redelivered_batch_is_dropped_by_the_watermark(customer: ServiceUnderTest) -> None:
    """E6: a crash between the database's commit and the bus's delivers again; nothing is applied twice."""
    await customer.send(registered(accounts=("A-1",)), paid())
    before = await books(customer)
    await customer.stop_worker()
    await customer.forget_offsets()
    await customer.start_worker()
    await customer.send(paid())
    assert await books(customer) == {"accepted": before["accepted"] + 1, "applied": before["applied"] + 1}


async def test_malformed_events_are_dead_letters_and_disturb_nobody(customer: ServiceUnderTest) -> None:
    """E6: a flood of poison with good events in it: each good one applied, each bad one kept with its reason."""
    poison = [Message(topics.BILLING, "account:A-1", b"{no json %d" % number) for number in range(300)]
    good = [message(paid()) for _ in range(20)]
    mixed = [one for pair in zip(poison[:20], good, strict=True) for one in pair] + poison[20:]
    await customer.send(registered(accounts=("A-1",)), *mixed)
    assert await books(customer) == {"accepted": 321, "applied": 21, "dead": 300}
    assert (await month_of(customer, "2026-10"))["payments"] == 20
    first = (await customer.http.get("/dead-letters", params={"limit": 1})).json()
    assert first["items"][0]["code"] == "malformed_json" and first["next_cursor"]


async def test_a_dead_letter_is_fixed_and_replayed(customer: ServiceUnderTest) -> None:
    """E6: list, fix, replay over HTTP; replaying a second time is refused."""
    broken = paid()
    broken["data"] = broken["data"] | {"amount_minor": -5}
    await customer.send(registered(accounts=("A-1",)), broken)
    (dead,) = (await customer.http.get("/dead-letters")).json()["items"]
    assert (dead["code"], orjson.loads(dead["value"])) == ("invalid_event", broken)

    unfixed = await customer.http.post(f"/dead-letters/{dead['id']}/replay", json={})
    assert (unfixed.status_code, unfixed.json()["code"]) == (422, "invalid_event")

    broken["data"]["amount_minor"] = 700
    answer = await customer.http.post(f"/dead-letters/{dead['id']}/replay", json={"event": broken})
    assert answer.status_code == 202, answer.text
    await customer.expect(topics.BILLING, 1)
    assert (await month_of(customer, "2026-10"))["paid_minor"] == 700
    again = await customer.http.post(f"/dead-letters/{dead['id']}/replay", json={"event": broken})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_a_complaint_is_counted_by_kind_and_severity(customer: ServiceUnderTest) -> None:
    """C3 E4."""
    complaint = cloud_event(care.ComplaintOpened, "account:A-1", kind="network", severity="major")
    await customer.send(registered(accounts=("A-1",)), complaint, cloud_event(billing.AccountSuspended, "account:A-1"))
    month = await month_of(customer, "2026-10")
    month.pop("complaints_overdue", None)  # it is due by now, and the worker may have found that already
    assert month == {"complaints_network": 1, "complaints_major": 1, "suspensions": 1}


async def test_the_longest_customer_id_is_one_that_every_reader_takes(customer: ServiceUnderTest) -> None:
    """E6: ids of our own events are made of it; a longer one is refused at the door, not by everybody downstream."""
    longest = "C" * 100
    await customer.send(registered(longest), registered(longest + "C"))
    assert await books(customer) == {"accepted": 2, "applied": 1, "dead": 1}
    (message,) = await customer.read(topics.ACTIVITY, count=1)
    assert decode(orjson.dumps(message), topic=topics.ACTIVITY).subject == f"customer:{longest}"
