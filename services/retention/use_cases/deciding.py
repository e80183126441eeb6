"""A decision for each warning and each campaign it triggers, stored with its gates, and what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from services.retention import occasion, receipt
from services.retention.campaign import Campaign
from services.retention.contact_policy import Situation
from services.retention.contactable import Contactable
from services.retention.decision import Contact, Decision, decide, decision_id, priority_of
from services.retention.occasion import Alert
from services.retention.repository import budget, objections, reachability, receipts, runs, stock, troubles, worths
from services.retention.repository import decisions as repository
from services.retention.settings import load
from services.retention.strata import stratum_of
from services.retention.surroundings import Surroundings
from services.retention.tables import OUTBOX
from services.retention.use_cases import messages, publishing
from shared import clock, outbox
from shared.bus import Message
from shared.contracts.retention import DecisionMade, TaskOpened
from shared.database import Transaction

Document = dict[str, Any]

SETTINGS = load()
CONTACT_COSTS = {"call": SETTINGS.contact_cost_minor, **dict.fromkeys(("sms", "email", "push"), SETTINGS.message_cost_minor)}
WARNED_WITHIN = timedelta(days=30)
MESSAGE_DAYS = timedelta(days=3)
"""A message that could not be sent until then is not sent any more."""


@dataclass(frozen=True, slots=True)
class Made:
    """A decision, and what is published about it."""

    alert: Alert
    situation: Situation
    decision: Decision
    announced: DecisionMade
    opened: TaskOpened | None
    receipt: receipt.Written


async def decide_about(tx: Transaction, alerts: Sequence[Alert], customers: Mapping[str, Contactable], *, default_zone: str, only: str | None = None) -> None:
    """Each alert once per campaign it triggers, under the locks of the campaigns; the customers are locked already. `only`: by this campaign."""
    if not alerts:
        return
    campaigns = [one for one in await repository.lock_campaigns(tx) if only in (None, one.campaign_id)]
    undecided = {decision_id(one.campaign_id, alert.raised.alert_id): (alert, one) for alert in alerts for one in campaigns if alert.raised.kind in one.offers}
    for known in await repository.decided(tx, undecided.keys()):
        del undecided[known]
    if not undecided:
        return
    around = await look_around(tx, {alert.customer_id for alert, _ in undecided.values()}, campaigns, default_zone=default_zone)
    made = [_make(around, name, alert, one, customers[alert.customer_id]) for name, (alert, one) in undecided.items()]
    await receipts.keep_contents(tx, {version: content for one in made for version, content in one.receipt.contents.items()})
    await repository.insert_decisions(
        tx,
        decisions=[_decision_row(one) for one in made],
        assignments=list({(row["campaign_id"], row["customer_id"]): row for row in map(_assignment_row, made) if row["arm"]}.values()),
        tasks=[_task_row(one, one.opened, one.decision.contact) for one in made if one.opened and one.decision.contact],
    )
    written = [one for one in made if one.decision.contact and one.opened is None]
    await messages.enqueue(tx, [_wanted(one) for one in written])
    await budget.book(tx, [*(_reserve(one) for one in made if one.opened), *(_spent(one) for one in written)])
    await _take_pieces(tx, made)
    await outbox.publish(tx, OUTBOX, [message for one in made for message in _messages(one)])


async def look_around(tx: Transaction, customer_ids: set[str], campaigns: Sequence[Campaign], *, default_zone: str, only_to_try: bool = False) -> Surroundings:
    """Nobody else takes a piece of an offer with a stock until the transaction ends, unless it is only to try."""
    now = clock.now()
    longest_cap = timedelta(days=max(one.cap_days for one in campaigns))
    members = await repository.members(tx, customer_ids)
    everybody = customer_ids.union(*members.values())
    return Surroundings(
        now=now,
        default_zone=default_zone,
        catalogue=await repository.catalogue(tx),
        troubles=await troubles.of(tx, customer_ids),
        quiet_after_fix=timedelta(days=SETTINGS.quiet_days_after_fix),
        arms=await repository.arms(tx, everybody),
        contacts=await repository.contacts(tx, everybody, since=now - longest_cap, now=now),
        open_tasks=Counter(await repository.open_tasks(tx)),
        members=members,
        worths=await worths.of(tx, customer_ids),
        records=await worths.records(tx),
        contact_costs=CONTACT_COSTS,
        budget_used=Counter(await budget.used(tx, clock.month_of(now))),
        objections=await objections.in_force(tx, everybody),
        variants=await repository.variants(tx, everybody),
        left=Counter(await stock.left(tx, lock=not only_to_try)),
        reaches=await reachability.of(tx, everybody),
        warnings=await _warned_of(tx, customer_ids, campaigns, since=now - WARNED_WITHIN),
        members_of_club=await runs.club(tx, customer_ids) if any(one.audience for one in campaigns) else {},
        exposed=await runs.exposed(tx, [one.campaign_id for one in campaigns if one.again_after_days is not None], everybody),
    )


async def _warned_of(tx: Transaction, customer_ids: set[str], campaigns: Sequence[Campaign], *, since: datetime) -> Mapping[str, Sequence[str]]:
    if not any(one.audience for one in campaigns):
        return {}
    heard = await runs.warned_of(tx, customer_ids, since=since)
    return {one: sorted({occasion.from_json(text).kind for text in texts}) for one, texts in heard.items()}


async def _take_pieces(tx: Transaction, made: Sequence[Made]) -> None:
    """A task reserves a piece of its offer; whether a message is taken up is never told, so that spends one."""
    contacts = [(one.announced.decision_id, one.decision.contact.offer, one.opened) for one in made if one.decision.contact]
    limited = [(name, offer.offer_id, opened) for name, offer, opened in contacts if offer.stock is not None]
    now = clock.now()
    await stock.take(tx, [(name, offer_id) for name, offer_id, opened in limited if opened], state="reserved", at=now)
    await stock.take(tx, [(name, offer_id) for name, offer_id, opened in limited if not opened], state="spent", at=now)


def _make(around: Surroundings, name: str, alert: Alert, campaign: Campaign, customer: Contactable) -> Made:
    situation = around.situation(alert, campaign, customer)
    decision = decide(situation)
    around.note(situation, decision)
    announced = DecisionMade(
        decision_id=name,
        campaign_id=campaign.campaign_id,
        alert_id=alert.raised.alert_id,
        decided_at=around.now,
        verdict=decision.verdict,
        arm=decision.arm,
        variant=decision.variant,
        offer_id=decision.contact.offer.offer_id if decision.contact else None,
        gates=decision.gates,
    )
    opened = _task_opened(announced, alert, situation, decision.contact) if decision.contact and situation.channel == "call" else None
    return Made(alert, situation, decision, announced, opened, receipt.write(situation))


def _task_opened(announced: DecisionMade, alert: Alert, situation: Situation, contact: Contact) -> TaskOpened:
    return TaskOpened(
        task_id=announced.decision_id,
        decision_id=announced.decision_id,
        campaign_id=announced.campaign_id,
        alert_id=announced.alert_id,
        offer_id=contact.offer.offer_id,
        channel="call",
        priority=priority_of(alert.raised.severity, situation.worth.tier if situation.worth else None),
        opened_at=announced.decided_at,
        due_at=contact.due_at,
        reason=alert.raised.reason,
        script=contact.offer.script,
    )


def _decision_row(made: Made) -> Document:
    more: Document = {"customer_id": made.alert.customer_id, "alert_kind": made.alert.raised.kind, "failed_gate": made.decision.failed_gate}
    more |= {"weighed": [one._asdict() for one in made.situation.weighed], "worth": asdict(made.situation.worth) if made.situation.worth else {}}
    more |= {"policy": receipt.policy_version(), "inputs": made.receipt.inputs}
    return made.announced.model_dump() | more


def _assignment_row(made: Made) -> Document:
    announced, worth = made.announced, made.situation.worth
    known: Document = {"future_value_minor": worth.future_value_minor if worth else None, "risk": worth.risk if worth else None}
    known |= {"variant": announced.variant, "stratum": stratum_of(worth)}
    return {"campaign_id": announced.campaign_id, "customer_id": made.alert.customer_id, "arm": announced.arm, "assigned_at": announced.decided_at} | known


def _task_row(made: Made, opened: TaskOpened, contact: Contact) -> Document:
    hours = {name: at.isoformat("minutes") for name, at in made.situation.campaign.hours._asdict().items()}
    more = {"customer_id": made.alert.customer_id, "timezone": contact.zone.key, "status": "open"}
    return opened.model_dump(exclude={"decision_id"}) | hours | more


def _reserve(made: Made) -> Document:
    announced, weighed = made.announced, made.situation.weighed
    return {
        "task_id": announced.decision_id,
        "kind": "reserve",
        "campaign_id": announced.campaign_id,
        "month": clock.month_of(announced.decided_at),
        "amount_minor": made.situation.cost_minor,
        "expected_saved_minor": round(weighed[0].reduction * max(0, weighed[0].future_value_minor)) if weighed else None,
        "booked_at": announced.decided_at,
    }


def _spent(made: Made) -> Document:
    """Nothing ends a message but its being sent: what it costs is booked when it is decided."""
    amount = CONTACT_COSTS[made.situation.channel]
    return _reserve(made) | {"kind": "spend", "amount_minor": amount}


def _wanted(made: Made) -> messages.Wanted:
    """By the templates of the campaign, in the hours that hold for calls too."""
    contact, situation = made.decision.contact, made.situation
    assert contact and situation.channel != "call"
    return messages.Wanted(
        decision_id=made.announced.decision_id,
        customer_id=made.alert.customer_id,
        channel=situation.channel,
        purpose=(situation.variant.purpose if situation.variant else None) or situation.campaign.campaign_id,
        language=situation.customer.language or SETTINGS.language,
        segment=(situation.worth.tier if situation.worth else None) or "",
        variables={"offer": {"name": contact.offer.name}, **(made.alert.about or {})},
        not_before=contact.due_at,
        expires_at=contact.due_at + MESSAGE_DAYS,
    )


def _messages(made: Made) -> list[Message]:
    customer_id, at = made.alert.customer_id, made.announced.decided_at
    announced = publishing.event_message(made.announced, customer_id, source=publishing.DECISIONS, event_id=made.announced.decision_id, at=at)
    if made.opened is None:
        return [announced]
    return [announced, publishing.event_message(made.opened, customer_id, source=publishing.TASKS, event_id=made.opened.task_id, at=at)]
