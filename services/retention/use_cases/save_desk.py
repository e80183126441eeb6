"""The save desk: a caller wants to leave. One call gives the agent the risk, the reasons, the offers in their order within the budget and
the script, and opens the task whose outcome is posted back.

The customer called us, so consent, caps and hours of contacting them do not apply, and nobody is held out: it is no campaign whose
effect is measured. What is said to them counts as a contact for the caps of campaigns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from services.retention import desk, receipt
from services.retention.campaign import Campaign
from services.retention.contact_policy import Situation
from services.retention.contactable import Contactable
from services.retention.decision import decision_id
from services.retention.desk import CAMPAIGN_ID
from services.retention.repository import budget, stock, troubles, worths
from services.retention.repository import decisions as repository
from services.retention.repository import receipts as receipts_repository
from services.retention.settings import load
from services.retention.tables import OUTBOX
from services.retention.use_cases import people, publishing, receipts
from shared import clock, outbox
from shared.clock import zone_of
from shared.contracts.retention import DecisionMade, Gate, TaskOpened
from shared.database import Transaction
from shared.errors import Conflict, IdempotencyKeyReused

Document = dict[str, Any]

ALERT_KIND = "inbound"
PRIORITY = 100
REASON = "The customer called and wants to leave"


async def open_call(tx: Transaction, customer_id: str, *, agent: str, call_id: str) -> Document:
    """The same call again is the same task, and is answered as its receipt says. Raises NotFound, Gone, IdempotencyKeyReused, and Conflict
    for who is no customer now or while the desk is paused."""
    customer = await _caller(tx, customer_id)
    campaign = await repository.get_campaign(tx, CAMPAIGN_ID, lock=True)
    if campaign is None or campaign.state != "running":
        raise Conflict("the save desk is paused: nothing may be offered")
    name = decision_id(CAMPAIGN_ID, f"{ALERT_KIND}:{call_id}")
    known = await repository.decision(tx, name)
    if known is not None and known.customer_id != customer.customer_id:
        raise IdempotencyKeyReused(f"call {call_id} is about another customer")
    kept = known is not None and known.inputs is not None
    situation = await receipts.situation(tx, known) if kept else await _look_around(tx, customer, repository.campaign_of(campaign))
    if known is None:
        await _record(tx, name, situation, agent=agent)
    task_id = name if await repository.get_task(tx, name) is not None else None
    return _answer(situation, task_id, known.weighed if known is not None else desk.offers(situation))


def _answer(situation: Situation, task_id: str | None, offers: Sequence[Document]) -> Document:
    worth = situation.worth
    return {
        "customer_id": situation.customer.customer_id,
        "task_id": task_id,
        "risk": worth.risk if worth else None,
        "future_value_minor": worth.future_value_minor if worth else None,
        "tier": worth.tier if worth else None,
        "sensitivity": worth.sensitivity if worth else {},
        "reasons": worth.reasons if worth else [],
        "open_complaints": desk.open_complaints(situation),
        "budget_left_minor": desk.left_minor(situation),
        "offers": offers,
    }


async def _caller(tx: Transaction, customer_id: str) -> Contactable:
    survivor_id = await people.carries_on(tx, customer_id)
    held = (await repository.lock_contactables(tx, [survivor_id]))[survivor_id]
    if not held.live_subscriptions:
        raise Conflict(f"{survivor_id} has no live subscription: there is nothing to keep")
    return held


async def _look_around(tx: Transaction, customer: Contactable, campaign: Campaign) -> Situation:
    """All that the desk looks at. Nobody else takes a piece of an offer with a stock until the transaction ends."""
    now, customer_id = clock.now(), customer.customer_id
    listed = list((await repository.catalogue(tx)).values())
    pieces, records = await stock.left(tx, lock=True), await worths.records(tx)
    return Situation(
        now=now,
        customer=customer,
        campaign=campaign,
        waited=timedelta(0),
        troubles=(await troubles.of(tx, [customer_id])).get(customer_id, []),
        assigned=None,
        contacts=0,
        open_tasks=0,
        offer=None,
        zone=zone_of(customer.timezone or load().timezone),
        worth=(await worths.of(tx, [customer_id])).get(customer_id),
        budget_used_minor=(await budget.used(tx, clock.month_of(now))).get(CAMPAIGN_ID, 0),
        listed=listed,
        records={one.offer_id: records[one.offer_id] for one in listed if one.offer_id in records},
        left={one.offer_id: pieces.get(one.offer_id, 0) for one in listed if one.stock is not None},
        contact_cost_minor=load().contact_cost_minor,
    )


async def _record(tx: Transaction, name: str, situation: Situation, *, agent: str) -> None:
    """The decision with its receipt, and a task where there is something to offer."""
    made, written, now = desk.decide(situation, agent), desk.write(situation, agent), situation.now
    customer = situation.customer
    announced = DecisionMade(
        decision_id=name,
        campaign_id=CAMPAIGN_ID,
        alert_id=name,
        decided_at=now,
        verdict=made.verdict,
        offer_id=made.offer_id,
        gates=tuple(Gate(**gate) for gate in made.gates),
    )
    kept: Document = {"customer_id": customer.customer_id, "alert_kind": ALERT_KIND, "failed_gate": made.failed_gate, "weighed": made.weighed}
    kept |= {"worth": asdict(situation.worth) if situation.worth else {}, "policy": receipt.policy_version(), "inputs": written.inputs}
    best = desk.best_of(made.weighed)
    await receipts_repository.keep_contents(tx, written.contents)
    await repository.insert_decisions(tx, decisions=[announced.model_dump() | kept], assignments=[], tasks=_task_rows(announced, situation, best))
    messages = [publishing.event_message(announced, customer.customer_id, source=publishing.DECISIONS, event_id=name, at=now)]
    if best:
        await budget.book(tx, [_reserve(announced, best)])
        if best["offer_id"] in situation.left:
            await stock.take(tx, [(name, best["offer_id"])], state="reserved", at=now)
        messages.append(publishing.event_message(_task(announced, best), customer.customer_id, source=publishing.TASKS, event_id=name, at=now))
    await outbox.publish(tx, OUTBOX, messages)


def _task(announced: DecisionMade, best: Mapping[str, Any]) -> TaskOpened:
    return TaskOpened(
        task_id=announced.decision_id,
        decision_id=announced.decision_id,
        campaign_id=CAMPAIGN_ID,
        alert_id=announced.alert_id,
        offer_id=best["offer_id"],
        channel="call",
        priority=PRIORITY,
        opened_at=announced.decided_at,
        due_at=announced.decided_at,
        reason=REASON,
        script=best["script"],
    )


def _task_rows(announced: DecisionMade, situation: Situation, best: Mapping[str, Any] | None) -> list[Document]:
    if best is None:
        return []
    hours = {"opens": "00:00", "closes": "23:59", "timezone": situation.zone.key if situation.zone else "UTC"}
    return [_task(announced, best).model_dump(exclude={"decision_id"}) | hours | {"customer_id": situation.customer.customer_id, "status": "open"}]


def _reserve(announced: DecisionMade, best: Mapping[str, Any]) -> Document:
    profit = best["expected_profit_minor"]
    return {
        "task_id": announced.decision_id,
        "kind": "reserve",
        "campaign_id": CAMPAIGN_ID,
        "month": clock.month_of(announced.decided_at),
        "amount_minor": best["expected_cost_minor"],
        "expected_saved_minor": None if profit is None else profit + best["expected_cost_minor"],
        "booked_at": announced.decided_at,
    }
