"""What the customer service publishes: `activity`, the one clean stream that everything downstream lives on."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.care import Severity
from shared.contracts.envelope import Id, Part, Payload, Sealed, Text, Word
from shared.contracts.orders import CustomerAttributes, PaymentType

Month = str
# From opened to closed; feedback is asking the customer whether it helped.
CaseStage = Literal["intake", "analysis", "resolution", "feedback"]


ReachState = Literal["unknown", "good", "poor", "unreachable"]
# A part of the day on the customer's own clock.
DayPart = Literal["morning", "afternoon", "evening", "night"]


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
    msisdn: Sealed | None = None
    imsi: Sealed | None = None
    imei: Sealed | None = Field(default=None, description="Of the device it was last seen in")
    payer_account: Id | None = None
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


class SealedContactPoint(Part):
    """A way to reach the customer."""

    kind: Literal["phone", "email", "address"]
    value: Sealed
    verified: bool = False


class ChannelReach(Part):
    """How well the customer is reached by one channel, as retention learned from what came of trying."""

    state: ReachState
    since: AwareDatetime
    best_part: DayPart | None = None


class Lookup(Part):
    identifier: Id
    since: AwareDatetime


class Profile(CustomerAttributes):
    """Who the customer is and what they hold, folded from all that order entry reported, in event-time order.

    What is personal is sealed: only the customer service opens it.
    """

    name: Sealed | None = None
    document: Sealed | None = None
    birth_date: Sealed | None = None
    contact_points: tuple[SealedContactPoint, ...] | None = None  # type: ignore[assignment]  # as in the base, but sealed
    lookups: tuple[Lookup, ...] = Field(default=(), description="What the customer is found by now: `kind:` and a keyed hash, as a subject's stand-in")
    reachability: dict[Word, ChannelReach] | None = Field(default=None, description="By channel; one that is not there was never tried")
    accounts: tuple[Id, ...] = ()
    registered_at: AwareDatetime | None = None
    subscriptions: tuple[Subscription, ...] = ()


class Activity(Payload):
    """What is new about one customer: the facts of one batch, the months they landed in, and the profile when it changed.

    `months` are whole and absolute (every measure that is not zero), so that a reader replaces what it holds. After a merge,
    an un-merge, an erasure or when facts turned out to be somebody else's, the whole customer is told again: the first
    message `resets` what a reader holds, and the facts of all of them are `restated`, no news.
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
            {"subscription_id": "S-1", "msisdn": "~1.msisdn.k7XQ.9dT0.pz4m", "brand": "gotone", "brand_rank": 3, "plan": "gotone-128",
             "payment_type": "postpaid", "activated_at": "2025-01-05T09:00:00Z"}]},
    }  # fmt: skip

    facts: tuple[Fact, ...] = ()
    months: dict[Month, dict[str, int]] = {}
    profile: Profile | None = None
    resets: bool = Field(default=False, description="Forget what you hold of this customer, then apply this")
    restated: bool = Field(default=False, description="These facts were told before: they add to sums, they alarm nobody")
    merged_into: Id | None = Field(default=None, description="With `resets`: this customer is another one, who carries on for both")
    erased: bool = Field(default=False, description="With `resets`: the customer's personal data is gone for good")


class CaseOverdue(Payload):
    """A stage of a complaint was not done by its due time. Carried as a fact inside `customer.activity.v1`."""

    type: ClassVar = "customer.case_overdue.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"complaint_id": "K-501", "stage": "analysis", "severity": "major", "due_at": "2026-11-02T10:00:00Z"}

    complaint_id: Id
    stage: CaseStage
    severity: Severity
    due_at: AwareDatetime


class CustomerReturned(Payload):
    """A customer who left is back under another id: no new customer. Carried as a fact inside `customer.activity.v1`."""

    type: ClassVar = "customer.returned.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"former_customer_id": "C-1", "left_at": "2026-10-02T10:00:00Z", "matched_by": "device", "likeness": 1.0}

    former_customer_id: Id
    left_at: AwareDatetime
    matched_by: Literal["document", "device", "circle"]
    likeness: float = Field(ge=0, le=1, description="Share of the calling circle that is the same; 1 for a document or a device")


class NetworkFaultMet(Payload):
    """The customer was served by a cell while it was down or degraded. Carried as a fact inside `customer.activity.v1`."""

    type: ClassVar = "customer.network_fault_met.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"cell_id": "460-00-17", "kind": "outage", "started_at": "2026-10-03T08:00:00Z"}

    cell_id: Word
    kind: Literal["outage", "degraded", "fault"]
    started_at: AwareDatetime


class BirthdayReached(Payload):
    """It is the customer's birthday, on their own clock; of which year they are is not told. Carried as a fact inside `customer.activity.v1`."""

    type: ClassVar = "customer.birthday_reached.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"on": "2026-11-28"}

    on: date = Field(description="The day it is celebrated; who was born on February 29 has it on the 28th in years without one")


class NetworkFaultEnded(Payload):
    """A fault that the customer met is over. Carried as a fact inside `customer.activity.v1`; of one whose end nobody reported there is none."""

    type: ClassVar = "customer.network_fault_ended.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "cell_id": "460-00-17", "kind": "outage", "started_at": "2026-10-03T08:00:00Z", "ended_at": "2026-10-03T11:30:00Z",
    }  # fmt: skip

    cell_id: Word
    kind: Literal["outage", "degraded", "fault"]
    started_at: AwareDatetime
    ended_at: AwareDatetime


class LegalHoldPlaced(Payload):
    """The customer's data has to be kept, and nothing is sold to them meanwhile; why is not told. Carried as a fact inside `customer.activity.v1`."""

    type: ClassVar = "customer.legal_hold_placed.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"hold_id": "5f0c1d9e"}

    hold_id: Id


class LegalHoldLifted(Payload):
    """A legal hold is over. Carried as a fact inside `customer.activity.v1`."""

    type: ClassVar = "customer.legal_hold_lifted.v1"
    topic: ClassVar = topics.ACTIVITY
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"hold_id": "5f0c1d9e"}

    hold_id: Id


class FeedStateChanged(Payload):
    """What a source reports went silent, changed its shape or its volume, or is as usual again."""

    type: ClassVar = "customer.feed_state_changed.v1"
    topic: ClassVar = topics.FEEDS
    about: ClassVar = ("feed",)
    example: ClassVar[dict[str, Any]] = {"feed_topic": "billing", "feed_source": "billing/core", "state": "silent", "reason": "nothing for 95 minutes"}

    feed_topic: Word
    feed_source: Id
    state: Literal["healthy", "silent", "drifted", "unusual_volume"]
    reason: Text
    last_event_at: AwareDatetime | None = None


PAYLOADS: tuple[type[Payload], ...] = (
    Activity,
    CaseOverdue,
    CustomerReturned,
    NetworkFaultMet,
    NetworkFaultEnded,
    BirthdayReached,
    LegalHoldPlaced,
    LegalHoldLifted,
    FeedStateChanged,
)
