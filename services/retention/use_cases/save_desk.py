"""The save desk: a caller wants to leave. One call gives the agent the risk, the reasons, the offers in their order within the budget and
the script, and opens the task whose outcome is posted back.

The customer called us, so consent, caps and hours of contacting them do not apply, and nobody is held out: it is no campaign whose
effect is measured. What is said to them counts as a contact for the caps of campaigns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.retention.arbitration import Weighed, cost_of, weigh
from services.retention.campaign import Offer, eligible_offers
from services.retention.contactable import Contactable
from services.retention.decision import Verdict, decision_id
from services.retention.repository import budget, stock, troubles, worths
from services.retention.repository import decisions as repository
from services.retention.settings import load
from services.retention.tables import OUTBOX
from services.retention.use_cases import people, publishing
from services.retention.worth import Worth
from shared import clock, outbox
from shared.clock import zone_of
from shared.contracts.retention import DecisionMade, Gate, TaskOpened
from shared.database import Transaction
from shared.errors import Conflict, IdempotencyKeyReused

Document = dict[str, Any]

CAMPAIGN_ID = "save-desk"
ALERT_KIND = "inbound"
PRIORITY = 100
REASON = "The customer called and wants to leave"


async def open_call(tx: Transaction, customer_id: str, *, agent: str, call_id: str) -> Document:
    """The same call again is the same task. Raises NotFound, Gone, IdempotencyKeyReused, and Conflict for who is no customer now or while
    the desk is paused."""
    customer = await _caller(tx, customer_id)
    campaign = await repository.get_campaign(tx, CAMPAIGN_ID, lock=True)
    if campaign is None or campaign.state != "running":
        raise Conflict("the save desk is paused: nothing may be offered")
    now = clock.now()
    worth = (await worths.of(tx, [customer.customer_id])).get(customer.customer_id)
    left = await _left_minor(tx, campaign, now)
    offers = await _offers(tx, customer, worth, left, now)
    name = decision_id(CAMPAIGN_ID, f"{ALERT_KIND}:{call_id}")
    known = await repository.decision(tx, name)
    if known is not None and known.customer_id != customer.customer_id:
        raise IdempotencyKeyReused(f"call {call_id} is about another customer")
    if known is None:
        await _record(tx, name, customer, worth, offers, agent=agent, now=now)
    held = (await troubles.of(tx, [customer.customer_id])).get(customer.customer_id, [])
    return {
        "customer_id": customer.customer_id,
        "task_id": name if await repository.get_task(tx, name) is not None else None,
        "risk": worth.risk if worth else None,
        "future_value_minor": worth.future_value_minor if worth else None,
        "tier": worth.tier if worth else None,
        "sensitivity": worth.sensitivity if worth else {},
        "reasons": worth.reasons if worth else [],
        "open_complaints": [one.key.trouble_id for one in held if one.key.family == "complaint" and one.began_at and one.is_open(now)],
        "budget_left_minor": left,
        "offers": offers,
    }


async def _caller(tx: Transaction, customer_id: str) -> Contactable:
    survivor_id = await people.carries_on(tx, customer_id)
    held = (await repository.lock_contactables(tx, [survivor_id]))[survivor_id]
    if not held.live_subscriptions:
        raise Conflict(f"{survivor_id} has no live subscription: there is nothing to keep")
    return held


async def _left_minor(tx: Transaction, campaign: Any, now: datetime) -> int | None:
    """Of the desk's budget of this month; None: none is set."""
    if campaign.budget_minor is None:
        return None
    used = (await budget.used(tx, clock.month_of(now))).get(CAMPAIGN_ID, 0)
    left: int = campaign.budget_minor - used
    return left


async def _offers(tx: Transaction, customer: Contactable, worth: Worth | None, left_minor: int | None, now: datetime) -> list[Document]:
    """All that the customer may have, the best first; what the budget does not hold is shown, and not allowed."""
    catalogue, records = await repository.catalogue(tx), await worths.records(tx)
    contact_cost = load().contact_cost_minor
    pieces = await stock.left(tx, lock=True)
    eligible = eligible_offers(list(catalogue.values()), payment_types=customer.payment_types, at=now, channel="call", left=pieces)
    costs = {offer.offer_id: cost_of(offer, records, contact_cost_minor=contact_cost) for offer in eligible}
    weighed = {one.offer_id: one for one in weigh(eligible, worth, records, contact_cost_minor=contact_cost)}
    ranked = [catalogue[offer_id] for offer_id in weighed] or sorted(eligible, key=lambda offer: costs[offer.offer_id])
    return [_offer(offer, weighed.get(offer.offer_id), costs[offer.offer_id], left_minor) for offer in ranked]


def _offer(offer: Offer, weighed: Weighed | None, cost_minor: int, left_minor: int | None) -> Document:
    fits = left_minor is None or cost_minor <= left_minor
    return {
        "offer_id": offer.offer_id,
        "name": offer.name,
        "script": offer.script,
        "expected_cost_minor": cost_minor,
        "expected_profit_minor": weighed.expected_profit_minor if weighed else None,
        "basis": weighed.basis if weighed else None,
        "allowed": fits,
        "reason": "" if fits else f"it is expected to cost {cost_minor}, and {left_minor} is left of the budget",
    }


async def _record(tx: Transaction, name: str, customer: Contactable, worth: Worth | None, offers: Sequence[Document], *, agent: str, now: datetime) -> None:
    """The decision with what it was weighed by, and a task where there is something to offer."""
    best = next((one for one in offers if one["allowed"]), None)
    gates = (Gate(gate="inbound", passed=True, detail=f"the customer called, {agent} answered"), _offer_gate(offers, best))
    verdict: Verdict = "contact" if best else "refused"
    announced = DecisionMade(
        decision_id=name, campaign_id=CAMPAIGN_ID, alert_id=name, decided_at=now, verdict=verdict, offer_id=best["offer_id"] if best else None, gates=gates
    )
    kept = {"customer_id": customer.customer_id, "alert_kind": ALERT_KIND, "failed_gate": None if best else "offer"}
    weighed: Document = {"weighed": offers, "worth": asdict(worth) if worth else {}}
    await repository.insert_decisions(tx, decisions=[announced.model_dump() | kept | weighed], assignments=[], tasks=_task_rows(announced, customer, best))
    messages = [publishing.event_message(announced, customer.customer_id, source=publishing.DECISIONS, event_id=name, at=now)]
    if best:
        await budget.book(tx, [_reserve(announced, best)])
        if (await repository.catalogue(tx))[best["offer_id"]].stock is not None:
            await stock.take(tx, [(name, best["offer_id"])], state="reserved", at=now)
        messages.append(publishing.event_message(_task(announced, best), customer.customer_id, source=publishing.TASKS, event_id=name, at=now))
    await outbox.publish(tx, OUTBOX, messages)


def _offer_gate(offers: Sequence[Document], best: Mapping[str, Any] | None) -> Gate:
    detail = best["offer_id"] if best else f"none of {len(offers)} is allowed"
    return Gate(gate="offer", passed=best is not None, detail=detail)


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


def _task_rows(announced: DecisionMade, customer: Contactable, best: Mapping[str, Any] | None) -> list[Document]:
    if best is None:
        return []
    zone = zone_of(customer.timezone or load().timezone)
    hours = {"opens": "00:00", "closes": "23:59", "timezone": zone.key if zone else "UTC"}
    return [_task(announced, best).model_dump(exclude={"decision_id"}) | hours | {"customer_id": customer.customer_id, "status": "open"}]


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
