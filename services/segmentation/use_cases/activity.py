"""What is new about customers, applied: each message exactly once, those of one customer in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from services.segmentation import repository
from services.segmentation.patterns import Alert, watch
from services.segmentation.rfm import Payment, payment_of
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases.publishing import event_message
from services.segmentation.use_cases.scoring import score_held
from shared import clock, outbox
from shared.bus import Message
from shared.contracts.customer import Activity, Fact
from shared.contracts.segmentation import AlertRaised
from shared.database import Transaction
from shared.errors import InvalidEvent
from shared.worker import Batch, Delivery

Messages = dict[str, list[tuple[int, Activity]]]
PaymentDays = dict[tuple[str, str], Payment]


async def take_in(batch: Batch, deliveries: Sequence[Delivery]) -> None:
    """Features are held, payments added to their days, patterns watched for; who paid, or moved to another population, is scored again."""
    now = clock.now()
    messages = _per_customer(batch, deliveries)
    held = await repository.hold(batch.tx, messages, now)
    payments: PaymentDays = {}
    alerts: list[Alert] = []
    moved: set[str] = set()
    for customer_id, features in held.items():
        population = features.population
        for sequence, activity in messages[customer_id]:
            news = features.take_in(activity, sequence)
            if news != "duplicate":
                alerts += watch(features, activity.facts, now=now, months_moved=news == "next")
                _add_payments(payments, customer_id, activity.facts)
        if features.population != population:
            moved.add(customer_id)
    await repository.save_features(batch.tx, held.values(), now)
    await repository.add_payments(batch.tx, payments)
    await score_held(batch.tx, held, moved | {customer_id for customer_id, _ in payments}, as_of=now.date(), now=now)
    await _raise(batch.tx, alerts, now)


def _per_customer(batch: Batch, deliveries: Iterable[Delivery]) -> Messages:
    messages: Messages = defaultdict(list)
    for delivery in deliveries:
        event = delivery.event
        if event.sequence is None:
            batch.dead.append((delivery.record, InvalidEvent("without a sequence it can not be told from a duplicate")))
        else:
            messages[event.subject.removeprefix("customer:")].append((event.sequence, event.data))
    return messages


def _add_payments(payments: PaymentDays, customer_id: str, facts: Iterable[Fact]) -> None:
    for fact in facts:
        payment = payment_of(fact.type, fact.data)
        if payment:
            key = customer_id, fact.occurred_at.astimezone(UTC).date().isoformat()
            payments[key] = payments.get(key, Payment(0, 0)).plus(payment)


async def _raise(tx: Transaction, alerts: Sequence[Alert], now: datetime) -> None:
    rows = [
        {
            "alert_id": alert.alert_id,
            "customer_id": alert.customer_id,
            "kind": alert.finding.kind,
            "severity": alert.finding.severity,
            "raised_at": now,
            "reason": alert.finding.reason,
            "evidence": alert.finding.evidence,
            "caused_by": alert.finding.fact.id,
        }
        for alert in {alert.alert_id: alert for alert in alerts}.values()
    ]
    new = await repository.insert_alerts(tx, rows)
    await outbox.publish(tx, OUTBOX, [_raised(row) for row in rows if row["alert_id"] in new])


def _raised(row: dict[str, object]) -> Message:
    data = {name: value for name, value in row.items() if name != "customer_id"}
    return event_message(AlertRaised, str(row["customer_id"]), event_id=str(row["alert_id"]), data=data)
