"""What the retention service can do: one function, one transaction's worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.retention import repository
from services.retention.campaign import Campaign, Offer, State
from services.retention.contactable import Contactable, hear
from services.retention.decision import PRIORITIES, Contact, Decision, decide, decision_id
from services.retention.surroundings import Alert, Surroundings
from services.retention.tables import OUTBOX
from shared import clock, outbox
from shared.bus import Message
from shared.contracts import care
from shared.contracts.customer import Activity
from shared.contracts.envelope import Event, Payload
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskOpened
from shared.contracts.segmentation import AlertRaised
from shared.database import Transaction
from shared.errors import Conflict, InvalidEvent, NotFound
from shared.worker import Delivery

# A source each: a task has the id of its decision and an outcome that of its task, and source + id name one event.
DECISIONS_SOURCE = "holdfast/retention/decisions"
TASKS_SOURCE = "holdfast/retention/tasks"
OUTCOMES_SOURCE = "holdfast/retention/outcomes"
LISTED_DECISIONS = 100

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """A decision, and what is published about it."""

    alert: Alert
    campaign: Campaign
    decision: Decision
    announced: DecisionMade
    opened: TaskOpened | None


async def take_in(tx: Transaction, deliveries: Sequence[Delivery], *, default_zone: str) -> None:
    """Take in what is new about customers, then decide about the alerts raised about them.

    1. Lock every customer concerned: two workers never decide about one customer at once.
    2. Apply the activities, each once.
    3. An alert about a customer who is unknown even now waits; those that waited for one who became known join in.
    4. Decide, each alert once per campaign it triggers, under the locks of the campaigns.
    """
    held = await repository.lock_contactables(tx, {_customer_id(one.event) for one in deliveries})
    heard = await _hear(tx, held, [one for one in deliveries if isinstance(one.event.data, Activity)])
    customers = held | heard
    alerts = [Alert(_customer_id(one.event), one.event.data) for one in deliveries if isinstance(one.event.data, AlertRaised)]
    await _let_wait(tx, [alert for alert in alerts if not customers[alert.customer_id].known])
    released = await _release(tx, {one for one in heard if heard[one].known and not held[one].known})
    await _decide(tx, [*released, *(alert for alert in alerts if customers[alert.customer_id].known)], customers, default_zone)


async def record_outcome(tx: Transaction, task_id: str, reported: Document) -> Document:
    """What came of a task. The same outcome again changes nothing, another one is a Conflict. Raises NotFound."""
    row = await repository.get_task(tx, task_id, lock=True)
    if row is None:
        raise NotFound(f"no task {task_id}")
    held = (await repository.outcomes(tx, [task_id])).get(task_id)
    if held is not None:
        if any(held._mapping[name] != value for name, value in reported.items()):
            raise Conflict(f"task {task_id} was done at {held.recorded_at.isoformat()}, with another outcome: {held.result}")
        return dict(held._mapping)
    outcome = {"task_id": task_id, "campaign_id": row.campaign_id, **reported, "recorded_at": clock.now()}
    await repository.finish_task(tx, outcome)
    recorded = OutcomeRecorded(alert_id=row.alert_id, offer_id=row.offer_id, **outcome)
    await outbox.publish(tx, OUTBOX, [_message(recorded, row.customer_id, source=OUTCOMES_SOURCE, event_id=task_id, at=recorded.recorded_at)])
    return outcome


async def tasks(tx: Transaction, *, status: str | None, after: tuple[int, datetime, str] | None, limit: int) -> list[Document]:
    rows = await repository.list_tasks(tx, status=status, after=after, limit=limit)
    outcomes = await repository.outcomes(tx, [row.task_id for row in rows])
    return [{**row._mapping, "outcome": outcomes.get(row.task_id)} for row in rows]


async def task(tx: Transaction, task_id: str) -> Document:
    """Raises NotFound."""
    row = await repository.get_task(tx, task_id)
    if row is None:
        raise NotFound(f"no task {task_id}")
    return {**row._mapping, "outcome": (await repository.outcomes(tx, [task_id])).get(task_id)}


async def campaign(tx: Transaction, campaign_id: str) -> Document:
    """With its counts. Raises NotFound."""
    row = await repository.get_campaign(tx, campaign_id)
    if row is None:
        raise NotFound(f"no campaign {campaign_id}")
    return {**row._mapping, "counts": await repository.campaign_counts(tx, campaign_id)}


async def set_state(tx: Transaction, campaign_id: str, state: State) -> Document:
    """Pause or resume: holds for every decision not yet made. Open tasks stay open. Raises NotFound."""
    await repository.set_state(tx, campaign_id, state)
    return await campaign(tx, campaign_id)


async def decisions(tx: Transaction, customer_id: str) -> Document:
    """Why this customer was contacted, or was not. Raises NotFound."""
    if not await repository.is_known(tx, customer_id):
        raise NotFound(f"no customer {customer_id}")
    return {
        "customer_id": customer_id,
        "decisions": await repository.decisions_of(tx, customer_id, limit=LISTED_DECISIONS),
        "waiting": await repository.waiting_of(tx, customer_id),
    }


async def offers(tx: Transaction) -> list[Offer]:
    return list((await repository.catalogue(tx)).values())


async def _hear(tx: Transaction, held: Mapping[str, Contactable], deliveries: Sequence[Delivery]) -> dict[str, Contactable]:
    """Apply each activity once: a sequence that was passed is a duplicate, unless it is a dead letter published again."""
    heard: dict[str, Contactable] = {}
    complaints: dict[str, dict[tuple[str, str], datetime]] = {care.ComplaintOpened.type: {}, care.ComplaintResolved.type: {}}
    for delivery in deliveries:
        event, customer_id = delivery.event, _customer_id(delivery.event)
        if event.sequence is None:
            raise InvalidEvent("an activity without a sequence can not be told from its duplicate")
        before = heard.get(customer_id, held[customer_id])
        if event.sequence <= before.last_sequence and not delivery.replayed:
            continue
        heard[customer_id] = hear(before, event.sequence, event.data)
        for fact in event.data.facts:
            if fact.type in complaints:
                complaints[fact.type][customer_id, fact.data["complaint_id"]] = fact.occurred_at
    await repository.save_contactables(tx, heard.values())
    await repository.save_complaints(tx, complaints[care.ComplaintOpened.type], column="opened_at")
    await repository.save_complaints(tx, complaints[care.ComplaintResolved.type], column="resolved_at")
    return heard


async def _let_wait(tx: Transaction, alerts: Sequence[Alert]) -> None:
    now = clock.wall()
    rows = {
        alert.raised.alert_id: {
            "alert_id": alert.raised.alert_id,
            "customer_id": alert.customer_id,
            "alert": alert.raised.model_dump_json(),
            "waits_since": now,
        }
        for alert in alerts
    }
    await repository.wait(tx, list(rows.values()))


async def _release(tx: Transaction, customer_ids: set[str]) -> list[Alert]:
    """The alerts that waited for these customers."""
    if not customer_ids:
        return []
    now = clock.wall()
    rows = await repository.take_waiting(tx, customer_ids)
    return [Alert(row.customer_id, AlertRaised.model_validate_json(row.alert), now - row.waits_since) for row in rows]


async def _decide(tx: Transaction, alerts: Sequence[Alert], customers: Mapping[str, Contactable], default_zone: str) -> None:
    if not alerts:
        return
    campaigns = await repository.lock_campaigns(tx)
    undecided = {decision_id(one.campaign_id, alert.raised.alert_id): (alert, one) for alert in alerts for one in campaigns if alert.raised.kind in one.offers}
    for known in await repository.decided(tx, undecided.keys()):
        del undecided[known]
    if not undecided:
        return
    around = await _look_around(tx, {alert.customer_id for alert, _ in undecided.values()}, campaigns, default_zone)
    made = [_make(around, name, alert, one, customers[alert.customer_id]) for name, (alert, one) in undecided.items()]
    await repository.insert_decisions(
        tx,
        decisions=[_decision_row(one) for one in made],
        assignments=list({(row["campaign_id"], row["customer_id"]): row for row in map(_assignment_row, made) if row["arm"]}.values()),
        tasks=[_task_row(one, one.opened, one.decision.contact) for one in made if one.opened and one.decision.contact],
    )
    await outbox.publish(tx, OUTBOX, [message for one in made for message in _messages(one)])


async def _look_around(tx: Transaction, customer_ids: set[str], campaigns: Sequence[Campaign], default_zone: str) -> Surroundings:
    now = clock.now()
    longest_cap = timedelta(days=max(one.cap_days for one in campaigns))
    return Surroundings(
        now=now,
        default_zone=default_zone,
        catalogue=await repository.catalogue(tx),
        complaints=await repository.open_complaints(tx, customer_ids),
        arms=await repository.arms(tx, customer_ids),
        contacts=await repository.contacts(tx, customer_ids, since=now - longest_cap, now=now),
        open_tasks=Counter(await repository.open_tasks(tx)),
    )


def _make(around: Surroundings, name: str, alert: Alert, campaign: Campaign, customer: Contactable) -> Made:
    decision = decide(around.situation(alert, campaign, customer))
    around.note(alert.customer_id, campaign, decision)
    announced = DecisionMade(
        decision_id=name,
        campaign_id=campaign.campaign_id,
        alert_id=alert.raised.alert_id,
        decided_at=around.now,
        verdict=decision.verdict,
        arm=decision.arm,
        offer_id=decision.contact.offer.offer_id if decision.contact else None,
        gates=decision.gates,
    )
    opened = _task_opened(announced, alert, campaign, decision.contact) if decision.contact else None
    return Made(alert, campaign, decision, announced, opened)


def _task_opened(announced: DecisionMade, alert: Alert, campaign: Campaign, contact: Contact) -> TaskOpened:
    return TaskOpened(
        task_id=announced.decision_id,
        decision_id=announced.decision_id,
        campaign_id=announced.campaign_id,
        alert_id=announced.alert_id,
        offer_id=contact.offer.offer_id,
        channel=campaign.channel,
        priority=PRIORITIES[alert.raised.severity],
        opened_at=announced.decided_at,
        due_at=contact.due_at,
        reason=alert.raised.reason,
        script=contact.offer.script,
    )


def _decision_row(made: Made) -> Document:
    more = {"customer_id": made.alert.customer_id, "alert_kind": made.alert.raised.kind, "failed_gate": made.decision.failed_gate}
    return made.announced.model_dump() | more


def _assignment_row(made: Made) -> Document:
    announced = made.announced
    return {"campaign_id": announced.campaign_id, "customer_id": made.alert.customer_id, "arm": announced.arm, "assigned_at": announced.decided_at}


def _task_row(made: Made, opened: TaskOpened, contact: Contact) -> Document:
    hours = {name: at.isoformat("minutes") for name, at in made.campaign.hours._asdict().items()}
    more = {"customer_id": made.alert.customer_id, "timezone": contact.zone.key, "status": "open"}
    return opened.model_dump(exclude={"decision_id"}) | hours | more


def _messages(made: Made) -> list[Message]:
    customer_id, at = made.alert.customer_id, made.announced.decided_at
    announced = _message(made.announced, customer_id, source=DECISIONS_SOURCE, event_id=made.announced.decision_id, at=at)
    if made.opened is None:
        return [announced]
    return [announced, _message(made.opened, customer_id, source=TASKS_SOURCE, event_id=made.opened.task_id, at=at)]


def _message(payload: Payload, customer_id: str, *, source: str, event_id: str, at: datetime) -> Message:
    event = Event[Any](id=event_id, source=source, type=payload.type, subject=f"customer:{customer_id}", time=at, data=payload)
    return outbox.event_message(payload.topic, customer_id, event_type=payload.type, event_id=event_id, value=event.to_json())


def _customer_id(event: Event[Any]) -> str:
    return event.subject.removeprefix("customer:")
