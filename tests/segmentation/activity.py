"""Activity as the customer service publishes it, told fact by fact."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.bus import Message
from shared.contracts import billing, care, network, orders, topics
from shared.contracts.customer import Activity, CustomerReturned, Fact, FeedStateChanged
from shared.contracts.envelope import Payload
from shared.contracts.segmentation import RfmDropped, RfmScored
from tests.builders import cloud_event

Document = dict[str, Any]
RFM_EVENTS = (RfmScored.type, RfmDropped.type)
Months = dict[str, dict[str, int]]

_numbers = itertools.count(1)
SEQUENCES = Counter[str]()


def days_ago(days: float) -> datetime:
    """On the clock that the worker reads too, at noon: a test that runs at midnight is not between two days."""
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=days)


def fact(payload: type[Payload], *, at: datetime, occurred_at: datetime | None = None, id: str | None = None, **data: Any) -> Document:
    return {
        "source": "test",
        "id": id or f"f-{next(_numbers)}",
        "type": payload.type,
        "time": at.isoformat(),
        "occurred_at": (occurred_at or at).isoformat(),
        "data": payload.example | data,
    }


def paid(amount_minor: int = 1000, *, at: datetime) -> Document:
    return fact(billing.PaymentReceived, at=at, amount_minor=amount_minor)


def topped_up(amount_minor: int = 1000, *, at: datetime) -> Document:
    return fact(billing.ToppedUp, at=at, amount_minor=amount_minor)


def reversed_(amount_minor: int = 1000, *, at: datetime) -> Document:
    return fact(billing.PaymentReversed, at=at, amount_minor=amount_minor)


def used(*, at: datetime, forwardings: int = 0, id: str | None = None, **data: Any) -> Document:
    """Of the week before."""
    forwarding = [{"network": "rival", "on_net": False, "activations": forwardings}] if forwardings else []
    week = {"period_start": (at - timedelta(days=7)).isoformat(), "period_end": at.isoformat()}
    return fact(network.UsageSummarised, at=at, occurred_at=at - timedelta(days=7), id=id, **week, forwarding=forwarding, **data)


def asked_for_pin(*, at: datetime, id: str | None = None) -> Document:
    return fact(care.InquiryMade, at=at, id=id, kind="port_out_pin")


def asked_to_leave(*, at: datetime, id: str | None = None) -> Document:
    return fact(orders.PortOutRequested, at=at, id=id)


def came_back(*, at: datetime) -> Document:
    return fact(CustomerReturned, at=at)


def profile(*payment_types: str, brand: str = "gotone") -> Document:
    """Of a customer with one live subscription of each payment type."""
    common = {"brand": brand, "brand_rank": 3, "plan": "gotone-128", "activated_at": "2025-01-05T09:00:00Z"}
    return {"subscriptions": [common | {"subscription_id": f"S-{one}", "payment_type": one} for one in payment_types]}


def activity(
    customer_id: str, *facts: Document, sequence: int | None = None, months: Months | None = None, profile: Document | None = None, **flags: Any
) -> Message:
    """The customer's next message, unless `sequence` says which."""
    SEQUENCES[customer_id] = sequence = sequence or SEQUENCES[customer_id] + 1
    data: Document = {"facts": list(facts), "months": months or {}} | ({"profile": profile} if profile else {}) | flags
    event = cloud_event(Activity, f"customer:{customer_id}", id=f"{customer_id}:{sequence}", source="holdfast/customer", at=days_ago(0.5))
    return Message(topics.ACTIVITY, customer_id, orjson.dumps(event | {"data": data, "sequence": sequence}))


def retold(customer_id: str, *facts: Document, **data: Any) -> Message:
    """The first message of a customer told again from the beginning."""
    return activity(customer_id, *facts, resets=True, restated=True, **data)


def merged(customer_id: str, into: str) -> Message:
    return activity(customer_id, resets=True, merged_into=into)


def erased(customer_id: str) -> Message:
    return activity(customer_id, resets=True, erased=True)


def feed(state: str, *, topic: str = topics.BILLING, at: datetime | None = None) -> Message:
    event = cloud_event(FeedStateChanged, f"feed:{topic}:core", source="holdfast/customer", at=at or days_ago(0.5))
    event["data"] |= {"feed_topic": topic, "feed_source": "core", "state": state}
    return Message(topics.FEEDS, f"{topic}:core", orjson.dumps(event))


def as_fact(document: Document) -> Fact:
    return Fact.model_validate_json(orjson.dumps(document))
