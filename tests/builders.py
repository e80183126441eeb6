"""Events for tests: keyword defaults, the contract's own example as data."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.bus import Message, Record
from shared.contracts import billing, care, network, orders
from shared.contracts.envelope import Payload

_numbers = itertools.count(1)

NOON = datetime(2026, 10, 15, 12, tzinfo=UTC)


def cloud_event(payload: type[Payload], subject: str, *, id: str | None = None, source: str = "test", at: datetime = NOON, **data: Any) -> dict[str, Any]:
    """A structured CloudEvent as a dictionary; `data` goes over the contract's example."""
    return {
        "specversion": "1.0",
        "id": id or f"e-{next(_numbers)}",
        "source": source,
        "type": payload.type,
        "subject": subject,
        "time": at.isoformat(),
        "data": payload.example | data,
    }


def message(event: dict[str, Any], *, topic: str | None = None) -> Message:
    """As a producer puts it on the bus."""
    return Message(topic or event["type"].partition(".")[0], event["subject"], orjson.dumps(event))


def record(event: dict[str, Any] | bytes, *, topic: str | None = None, partition: int = 0, offset: int | None = None) -> Record:
    """As it is polled."""
    value = event if isinstance(event, bytes) else orjson.dumps(event)
    name = topic or (event["type"].partition(".")[0] if isinstance(event, dict) else "billing")
    key = event["subject"] if isinstance(event, dict) else ""
    return Record(name, partition, next(_numbers) if offset is None else offset, key, value, {}, 0)


def registered(customer: str = "C-1", *, accounts: tuple[str, ...] = (), at: datetime = NOON - timedelta(days=400), **data: Any) -> dict[str, Any]:
    return cloud_event(orders.CustomerRegistered, f"customer:{customer}", at=at, accounts=list(accounts), **data)


def activated(
    customer: str = "C-1", msisdn: str = "8613800138000", *, subscription_id: str | None = None, at: datetime = NOON - timedelta(days=399), **data: Any
) -> dict[str, Any]:
    return cloud_event(
        orders.SubscriptionActivated, f"customer:{customer}", at=at, msisdn=msisdn, subscription_id=subscription_id or f"S-{customer}-{msisdn}", **data
    )


def terminated(customer: str, subscription_id: str, *, at: datetime = NOON, reason: str = "customer_request") -> dict[str, Any]:
    return cloud_event(orders.SubscriptionTerminated, f"customer:{customer}", at=at, subscription_id=subscription_id, reason=reason)


def paid(subject: str = "account:A-1", amount_minor: int = 1000, *, at: datetime = NOON, **data: Any) -> dict[str, Any]:
    return cloud_event(billing.PaymentReceived, subject, at=at, amount_minor=amount_minor, **data)


def used(msisdn: str = "8613800138000", *, at: datetime = NOON, days: int = 7, **data: Any) -> dict[str, Any]:
    start = at - timedelta(days=days)
    return cloud_event(network.UsageSummarised, f"msisdn:{msisdn}", at=at, period_start=start.isoformat(), period_end=at.isoformat(), **data)


def inquired(subject: str, kind: str = "port_out_pin", *, at: datetime = NOON) -> dict[str, Any]:
    return cloud_event(care.InquiryMade, subject, at=at, kind=kind)
