"""What is new about customers, applied: each message exactly once, those of one customer in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.segmentation import repository
from services.segmentation.features import Features
from services.segmentation.patterns import Alert, watch
from services.segmentation.rfm import Payment, payment_of
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases import feeds
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


@dataclass(slots=True)
class Learned:
    """What the messages of a batch say beside the features themselves."""

    payments: dict[str, dict[str, Payment]] = field(default_factory=dict)
    """By customer, then by day."""
    alerts: list[Alert] = field(default_factory=list)
    reset: set[str] = field(default_factory=set)
    """Whose earlier payments are void."""
    moved: set[str] = field(default_factory=set)
    """Who is to be scored otherwise, though they paid nothing."""

    @property
    def to_score(self) -> set[str]:
        return self.reset | self.moved | self.payments.keys()

    def forget(self, customer_id: str) -> None:
        self.reset.add(customer_id)
        self.payments.pop(customer_id, None)

    def add(self, customer_id: str, facts: Iterable[Fact]) -> None:
        for fact in facts:
            payment = payment_of(fact.type, fact.data)
            if payment:
                days = self.payments.setdefault(customer_id, {})
                day = fact.occurred_at.astimezone(UTC).date().isoformat()
                days[day] = days.get(day, Payment(0, 0)).plus(payment)


async def take_in(batch: Batch, deliveries: Sequence[Delivery]) -> None:
    """Features are held, payments added to their days, patterns watched for; who paid, or moved to another population, is scored again.

    A customer who is told again from the beginning is scored by what is told until then: where the telling is longer than a
    batch, once more when the rest has come.
    """
    now = clock.now()
    messages = _per_customer(batch, deliveries)
    held = await repository.hold(batch.tx, messages, now)
    learned = Learned()
    for customer_id, features in held.items():
        _learn(learned, features, messages[customer_id], now)
    await repository.save_features(batch.tx, held.values(), now)
    await repository.drop_purchases(batch.tx, learned.reset)
    await repository.drop_history(batch.tx, sorted(one for one in learned.reset if held[one].erased))
    await repository.add_payments(batch.tx, learned.payments)
    await score_held(batch.tx, held, learned.to_score, as_of=now.date(), now=now)
    await _raise(batch.tx, learned.alerts, now)


def _learn(learned: Learned, features: Features, messages: Iterable[tuple[int, Activity]], now: datetime) -> None:
    before = features.population, features.returned
    for sequence, activity in messages:
        news = features.take_in(activity, sequence)
        if news == "reset":
            learned.forget(features.customer_id)
        if news == "nothing" or features.is_gone:
            continue
        if not (activity.resets or activity.restated):
            learned.alerts += watch(features, activity.facts, now=now, months_moved=news == "next")
        learned.add(features.customer_id, activity.facts)
    if before != (features.population, features.returned):
        learned.moved.add(features.customer_id)


def _per_customer(batch: Batch, deliveries: Iterable[Delivery]) -> Messages:
    messages: Messages = defaultdict(list)
    for delivery in deliveries:
        event = delivery.event
        if event.sequence is None:
            batch.dead.append((delivery.record, InvalidEvent("without a sequence it can not be told from a duplicate")))
        else:
            messages[event.subject.removeprefix("customer:")].append((event.sequence, event.data))
    return messages


async def _raise(tx: Transaction, alerts: Sequence[Alert], now: datetime) -> None:
    if not alerts:
        return
    stale = {kind: await feeds.stale_among(tx, feeds.ALERTS_LIVE_ON[kind]) for kind in {alert.finding.kind for alert in alerts}}
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
            "stale_feeds": stale[alert.finding.kind],
        }
        for alert in {alert.alert_id: alert for alert in alerts}.values()
    ]
    new = await repository.insert_alerts(tx, rows)
    await outbox.publish(tx, OUTBOX, [_raised(row) for row in rows if row["alert_id"] in new])


def _raised(row: dict[str, object]) -> Message:
    data = {name: value for name, value in row.items() if name != "customer_id"}
    return event_message(AlertRaised, str(row["customer_id"]), event_id=str(row["alert_id"]), data=data)
