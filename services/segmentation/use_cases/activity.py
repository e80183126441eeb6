"""What is new about customers, applied: each message exactly once, those of one customer in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from services.segmentation.features import Features
from services.segmentation.features.active import heard_of
from services.segmentation.parameters import Parameters
from services.segmentation.patterns import watch
from services.segmentation.repository import churn, customers, rfm, standings
from services.segmentation.rfm import Payment, payment_of
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases.holding import Held, hold, settle
from services.segmentation.use_cases.rules import Rules
from shared import clock
from shared.contracts.customer import Activity, Fact
from shared.database import Transaction
from shared.errors import InvalidEvent
from shared.worker import Batch, Delivery

Messages = dict[str, list[tuple[int, Activity]]]


@dataclass(slots=True)
class Purchased:
    """What the messages of a batch say of money."""

    payments: dict[str, dict[str, Payment]] = field(default_factory=dict)
    """By customer, then by day."""
    reset: set[str] = field(default_factory=set)
    """Whose earlier payments are void."""

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
    """Features are held and changed, payments added to their days, patterns watched for; then all is settled.

    A customer who is told again from the beginning is judged by what is told until then: where the telling is longer than a
    batch, once more when the rest has come.
    """
    tx, now = batch.tx, clock.now()
    messages = _per_customer(batch, deliveries)
    held = await hold(tx, messages, now)
    rules = await _hear(tx, await ruling.read(tx, now), messages)
    purchased = Purchased()
    for customer_id, features in held.features.items():
        _learn(held, purchased, features, messages[customer_id], now, rules.parameters)
    erased = sorted(one for one in purchased.reset if held.features[one].erased)
    await customers.drop_purchases(tx, purchased.reset)
    await rfm.drop_history(tx, erased)
    await customers.add_payments(tx, purchased.payments)
    held.to_score |= purchased.reset | purchased.payments.keys()
    await settle(tx, held, rules=rules, today=now.date(), now=now)
    await standings.forget(tx, erased)
    await churn.forget(tx, erased)


async def _hear(tx: Transaction, rules: Rules, messages: Messages) -> Rules:
    """Notes how far the feeds have come by this batch."""
    days: dict[str, date] = {}
    for _, activity in (one for listed in messages.values() for one in listed):
        for fact in () if activity.restated else activity.facts:
            for name, day in heard_of(fact):
                days[name] = max(day, days.get(name, day))
    newer = {name: day for name, day in days.items() if name not in rules.heard or day > rules.heard[name]}
    if newer:
        await customers.note_heard(tx, newer)
    return rules._replace(heard={**rules.heard, **newer})


def _learn(held: Held, purchased: Purchased, features: Features, messages: Iterable[tuple[int, Activity]], now: datetime, parameters: Parameters) -> None:
    customer_id = features.customer_id
    before = features.returned, features.active_day
    for sequence, activity in messages:
        news = features.take_in(activity, sequence)
        if news == "reset":
            purchased.forget(customer_id)
        if news == "nothing" or features.is_gone:
            continue
        if activity.resets or activity.restated:
            held.retold.add(customer_id)
        else:
            held.facts.setdefault(customer_id, []).extend(activity.facts)
            held.alerts += watch(features, activity.facts, now=now, months_moved=news == "next", parameters=parameters)
        purchased.add(customer_id, activity.facts)
    if before != (features.returned, features.active_day):
        held.to_score.add(customer_id)


def _per_customer(batch: Batch, deliveries: Iterable[Delivery]) -> Messages:
    messages: Messages = defaultdict(list)
    for delivery in deliveries:
        event = delivery.event
        if event.sequence is None:
            batch.dead.append((delivery.record, InvalidEvent("without a sequence it can not be told from a duplicate")))
        else:
            messages[event.subject.removeprefix("customer:")].append((event.sequence, event.data))
    return messages
