"""Customers and alerts as retention hears of them, and situations as its rules see them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.retention.calling_hours import CallingHours
from services.retention.campaign import Campaign, Offer
from services.retention.contact_policy import Situation
from services.retention.contactable import Contactable
from services.retention.hold_out import GLOBAL_SHARE, Arm, arm_of, bucket, global_bucket
from shared.bus import Message
from shared.contracts import care, topics
from shared.contracts.customer import Activity
from shared.contracts.segmentation import AlertRaised
from tests.builders import NOON, cloud_event, message

CAMPAIGN_ID, SALT, SHARE = "save-on-warning", "save-on-warning-1", 0.10
LIVE = {"subscription_id": "S-1", "msisdn": "~1.msisdn.k.IDX.c", "payment_type": "postpaid", "activated_at": "2025-01-05T09:00:00Z"}
ENDED = LIVE | {"terminated_at": "2026-09-01T00:00:00Z", "termination_reason": "port_out"}
PROFILE: dict[str, Any] = {"kind": "person", "consents": [{"channel": "call", "granted": True}], "subscriptions": [LIVE]}


def customers(count: int, arm: Arm | None = "treatment") -> list[str]:
    """Ids that the seeded campaign draws into an arm; None: those in the global hold-out, whatever their arm."""
    return list(itertools.islice((one for one in map("C-{}".format, itertools.count(1)) if _drawn(one) == arm), count))


def customer(arm: Arm | None = "treatment") -> str:
    return customers(1, arm)[0]


def _drawn(customer_id: str) -> Arm | None:
    return None if global_bucket(customer_id) < GLOBAL_SHARE else arm_of(bucket(SALT, CAMPAIGN_ID, customer_id), SHARE)


def zone_where_it_is(hour: int) -> str:
    """A zone without daylight saving whose clocks show that hour now."""
    ahead = (hour - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}"


def profile(**changes: Any) -> dict[str, Any]:
    """Of a customer who may be called, and now."""
    return PROFILE | {"timezone": zone_where_it_is(14)} | changes


def activity(
    customer_id: str, sequence: int, *facts: dict[str, Any], profile: dict[str, Any] | None = None, headers: dict[str, bytes] | None = None, **flags: Any
) -> Message:
    data: dict[str, Any] = {"facts": list(facts) or [fact(care.InquiryMade)], "months": {}, "profile": profile} | flags
    event = cloud_event(Activity, f"customer:{customer_id}", id=f"{customer_id}:{sequence}", source="holdfast/customer", **data)
    sent = message(event | {"sequence": sequence}, topic=topics.ACTIVITY)
    return Message(sent.topic, customer_id, sent.value, headers or {})


def retold(customer_id: str, sequence: int, *facts: dict[str, Any], profile: dict[str, Any] | None = None) -> Message:
    """The first message of a customer told again from the beginning."""
    return activity(customer_id, sequence, *facts, profile=profile, resets=True, restated=True)


def merged(customer_id: str, sequence: int, *, into: str) -> Message:
    return activity(customer_id, sequence, resets=True, merged_into=into)


def erased(customer_id: str, sequence: int) -> Message:
    return activity(customer_id, sequence, resets=True, erased=True)


def fact(payload: Any, *, at: datetime = NOON, **data: Any) -> dict[str, Any]:
    event = cloud_event(payload, "customer:any", at=at, **data)
    return {name: event[name] for name in ("source", "id", "type", "time", "data")} | {"occurred_at": at.isoformat()}


def opened(complaint_id: str = "K-1") -> dict[str, Any]:
    return fact(care.ComplaintOpened, complaint_id=complaint_id)


def resolved(complaint_id: str = "K-1", *, at: datetime = NOON + timedelta(days=1)) -> dict[str, Any]:
    return fact(care.ComplaintResolved, complaint_id=complaint_id, at=at)


def alert(customer_id: str, alert_id: str = "a-1", *, key: str | None = None, **data: Any) -> Message:
    event = cloud_event(AlertRaised, f"customer:{customer_id}", id=alert_id, source="holdfast/segmentation", alert_id=alert_id, **data)
    return Message(topics.ALERTS, key or customer_id, message(event, topic=topics.ALERTS).value)


def campaign(**changes: Any) -> Campaign:
    values: dict[str, Any] = {
        "campaign_id": CAMPAIGN_ID, "state": "running", "channel": "call", "offers": {"usage_fall": ["data-boost"]}, "hold_out_share": SHARE, "salt": SALT,
        "cap_contacts": 1, "cap_days": 30, "hours": CallingHours(time(9), time(20)), "capacity": 10,
    }  # fmt: skip
    return Campaign(**values | changes)


def offer(**changes: Any) -> Offer:
    values: dict[str, Any] = {
        "offer_id": "data-boost", "name": "10 GB", "cost_minor": 3000, "currency": "CNY", "payment_types": ["postpaid"],
        "valid_from": NOON - timedelta(days=100), "valid_to": None, "script": "Ask.",
    }  # fmt: skip
    return Offer(**values | changes)


def situation(held: Contactable | None = None, **changes: Any) -> Situation:
    """One that leads to a contact."""
    values: dict[str, Any] = {
        "now": NOON, "customer": held or contactable(), "campaign": campaign(), "waited": timedelta(0), "troubles": (), "assigned": None,
        "contacts": 0, "open_tasks": 0, "offer": offer(), "zone": ZoneInfo("UTC"), "objections": (),
    }  # fmt: skip
    return Situation(**values | changes)


def contactable(customer_id: str | None = None, **changes: Any) -> Contactable:
    values: dict[str, Any] = {"last_sequence": 1, "profile_sequence": 1, "consents": {"call": True}, "live_subscriptions": 1, "payment_types": ["postpaid"]}
    return Contactable(customer_id or customer(), **values | changes)
