"""What the customer service publishes: `activity`, the one clean stream that everything downstream lives on."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.envelope import Id, Msisdn, Part, Payload, Word
from shared.contracts.orders import CustomerAttributes, PaymentType

Month = str


class Fact(Part):
    """One event that was reported about the customer, as it was validated."""

    source: Id
    id: Id
    type: Word
    time: AwareDatetime
    occurred_at: AwareDatetime
    data: dict[str, Any]


class Subscription(Part):
    """One service instance on one number, as it stands now."""

    subscription_id: Id
    msisdn: Msisdn | None = None
    brand: Word | None = None
    brand_rank: int | None = None
    plan: Word | None = None
    payment_type: PaymentType | None = None
    products: tuple[Word, ...] = ()
    cugs: tuple[Id, ...] = ()
    contract_ends: date | None = None
    port_out_to: Word | None = None
    activated_at: AwareDatetime | None = None
    terminated_at: AwareDatetime | None = None
    termination_reason: Word | None = None


class Profile(CustomerAttributes):
    """Who the customer is and what they hold, folded from all that order entry reported, in event-time order."""

    accounts: tuple[Id, ...] = ()
    registered_at: AwareDatetime | None = None
    subscriptions: tuple[Subscription, ...] = ()


class Activity(Payload):
    """What is new about one customer: the facts of one batch, the months they landed in, and the profile when it changed.

    `months` are whole and absolute (every measure that is not zero), so that a reader replaces what it holds.
    """

    type: ClassVar = "customer.activity.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "facts": [
            {"source": "billing/core", "id": "e-1", "type": "billing.payment_received.v1", "time": "2026-11-02T10:00:00Z",
             "occurred_at": "2026-11-02T10:00:00Z",
             "data": {"payment_id": "P-77120", "amount_minor": 12800, "currency": "CNY", "method": "wallet", "channel": "app"}},
        ],
        "months": {"2026-11": {"payments": 1, "paid_minor": 12800, "payments_wallet": 1}},
        "profile": {"kind": "person", "region": "hangzhou", "accounts": ["A-1"], "subscriptions": [
            {"subscription_id": "S-1", "msisdn": "8613800138000", "brand": "gotone", "brand_rank": 3, "plan": "gotone-128",
             "payment_type": "postpaid", "activated_at": "2025-01-05T09:00:00Z"}]},
    }  # fmt: skip

    facts: tuple[Fact, ...] = Field(min_length=1)
    months: dict[Month, dict[str, int]] = {}
    profile: Profile | None = None


PAYLOADS: tuple[type[Payload], ...] = (Activity,)
