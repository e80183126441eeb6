"""What retention publishes: every decision taken or not, the tasks that follow, and what came of them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.customer import DayPart, ReachState
from shared.contracts.envelope import Amount, Currency, Id, Part, Payload, PersonalText, Text, Word

CreditCause = Literal["late_work", "complaint", "bill_dispute", "outage"]
OutcomeResult = Literal["saved", "lost", "undecided", "unreached", "wrong_number"]


class Gate(Part):
    """One check a decision went through, with the value it saw."""

    gate: Word
    passed: bool
    detail: Text


class DecisionMade(Payload):
    """A campaign decided about one customer: contact, hold out or refuse, with every gate in the order it was tried."""

    type: ClassVar = "retention.decision_made.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "decision_id": "save-on-warning:usage_fall:C-1:e-9", "campaign_id": "save-on-warning", "alert_id": "usage_fall:C-1:e-9",
        "decided_at": "2026-11-02T10:00:01Z", "verdict": "contact", "arm": "treatment", "offer_id": "loyalty-10",
        "gates": [{"gate": "hold_out", "passed": True, "detail": "bucket 0.62 is above the hold-out share 0.10"}],
    }  # fmt: skip

    decision_id: Id
    campaign_id: Id
    alert_id: Id
    decided_at: AwareDatetime
    verdict: Literal["contact", "held_out", "refused"]
    arm: Literal["treatment", "hold_out"] | None = None
    variant: Word | None = Field(default=None, description="Of who is contacted, where the campaign compares several")
    offer_id: Id | None = None
    gates: tuple[Gate, ...] = Field(max_length=50)


class TaskOpened(Payload):
    """An agent is to call a customer."""

    type: ClassVar = "retention.task_opened.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "task_id": "save-on-warning:usage_fall:C-1:e-9", "decision_id": "save-on-warning:usage_fall:C-1:e-9", "campaign_id": "save-on-warning",
        "alert_id": "usage_fall:C-1:e-9", "offer_id": "loyalty-10", "channel": "call", "priority": 50,
        "opened_at": "2026-11-02T10:00:01Z", "due_at": "2026-11-03T02:00:00Z", "reason": "Usage fell by 71 %", "script": "Ask what changed.",
    }  # fmt: skip

    task_id: Id
    decision_id: Id
    campaign_id: Id
    alert_id: Id
    offer_id: Id
    channel: Literal["call"]
    priority: int = Field(ge=0, le=100, description="Higher first")
    opened_at: AwareDatetime
    due_at: AwareDatetime = Field(description="Not before: inside the recipient's calling hours")
    reason: Text
    script: Text


class TaskCancelled(Payload):
    """A task is not to be worked any more. One whose call was under way may still get an outcome."""

    type: ClassVar = "retention.task_cancelled.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "task_id": "save-on-warning:usage_fall:C-1:e-9", "campaign_id": "save-on-warning", "alert_id": "usage_fall:C-1:e-9",
        "offer_id": "loyalty-10", "reason": "superseded", "cancelled_at": "2026-11-03T03:12:00Z",
    }  # fmt: skip

    task_id: Id
    campaign_id: Id
    alert_id: Id
    offer_id: Id
    reason: Literal["superseded", "not_contactable", "erased"] = Field(
        description="After a merge: the one customer has another open task, or may not be contacted; or the customer was erased"
    )
    cancelled_at: AwareDatetime


class TaskRescheduled(Payload):
    """A task is due at another moment: the customer asked for it, or an attempt reached nobody and there is another one."""

    type: ClassVar = "retention.task_rescheduled.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "task_id": "save-on-warning:usage_fall:C-1:e-9", "campaign_id": "save-on-warning", "reason": "asked", "attempts": 0,
        "due_at": "2026-11-05T10:00:00Z", "actor": "A-88", "rescheduled_at": "2026-11-03T03:12:00Z",
    }  # fmt: skip

    task_id: Id
    campaign_id: Id
    reason: Literal["asked", "unreached"]
    attempts: int = Field(ge=0, description="Made so far that reached nobody")
    due_at: AwareDatetime = Field(description="Not before: inside the recipient's calling hours")
    actor: Id
    rescheduled_at: AwareDatetime


class ContactAttempted(Payload):
    """An attempt reached nobody, and is not the end of its task: the last one is told by the outcome."""

    type: ClassVar = "retention.contact_attempted.v1"
    topic: ClassVar = topics.OUTCOMES
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "task_id": "save-on-warning:usage_fall:C-1:e-9", "campaign_id": "save-on-warning", "channel": "call", "attempt": 1, "result": "unreached",
        "agent": "A-88", "attempted_at": "2026-11-03T03:12:00Z", "next_due_at": "2026-11-03T09:00:00Z",
    }  # fmt: skip

    task_id: Id
    campaign_id: Id
    channel: Word
    attempt: int = Field(ge=1)
    result: Literal["unreached"]
    agent: Id
    attempted_at: AwareDatetime
    next_due_at: AwareDatetime


class ReachabilityChanged(Payload):
    """How well a customer is reached by a channel became another word: learned from attempts, outcomes and receipts."""

    type: ClassVar = "retention.reachability_changed.v1"
    topic: ClassVar = topics.OUTCOMES
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "channel": "call", "state": "unreachable", "previous_state": "poor", "reason": "wrong_number", "rate": 0.2, "best_part": "evening",
        "changed_at": "2026-11-03T03:12:00Z",
    }  # fmt: skip

    channel: Word
    state: ReachState
    previous_state: ReachState
    reason: Text | None = Field(default=None, description="The hard evidence, of one that is unreachable")
    rate: float = Field(ge=0, le=1, description="How likely the next try arrives")
    best_part: DayPart | None = Field(default=None, description="Of the day on the customer's clock; null: none is clearly better")
    changed_at: AwareDatetime


class OutcomeRecorded(Payload):
    """What came of a contact, as the agent reported it."""

    type: ClassVar = "retention.outcome_recorded.v1"
    topic: ClassVar = topics.OUTCOMES
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "task_id": "save-on-warning:usage_fall:C-1:e-9", "campaign_id": "save-on-warning", "alert_id": "usage_fall:C-1:e-9",
        "offer_id": "loyalty-10", "result": "saved", "offer_accepted": True, "recorded_at": "2026-11-03T03:12:00Z", "agent": "A-88", "note": "",
    }  # fmt: skip

    task_id: Id
    campaign_id: Id
    alert_id: Id
    offer_id: Id
    result: OutcomeResult
    offer_accepted: bool
    recorded_at: AwareDatetime
    agent: Id
    note: PersonalText = Field(default="", description="Empty: what agents note down stays in the retention service")


class MessageSent(Payload):
    """A message was taken over by its receiver: a gateway, or a mail server. Whether it reached the customer comes later, or never."""

    type: ClassVar = "retention.message_sent.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "message_id": "m-5f0c1d", "decision_id": "save-on-warning:usage_fall:C-1:e-9", "channel": "sms", "purpose": "save",
        "template": "sms/save/zh/*@3", "attempts": 1, "sent_at": "2026-11-02T10:00:03Z",
    }  # fmt: skip

    message_id: Id
    decision_id: Id
    channel: Word
    purpose: Word
    template: Text | None = Field(default=None, description="Channel, purpose, language, segment and version; the text itself is not published")
    attempts: int = Field(ge=1)
    sent_at: AwareDatetime


class MessageDelivered(Payload):
    """A receipt says that the customer's device or mailbox has the message. Holds whatever was said before."""

    type: ClassVar = "retention.message_delivered.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "message_id": "m-5f0c1d", "decision_id": "save-on-warning:usage_fall:C-1:e-9", "channel": "sms", "purpose": "save",
        "delivered_at": "2026-11-02T10:00:09Z",
    }  # fmt: skip

    message_id: Id
    decision_id: Id
    channel: Word
    purpose: Word
    delivered_at: AwareDatetime


class MessageFailed(Payload):
    """A message will not be tried again. Only a receipt that it was delivered after all can follow."""

    type: ClassVar = "retention.message_failed.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "message_id": "m-5f0c1d", "decision_id": "save-on-warning:usage_fall:C-1:e-9", "channel": "sms", "purpose": "save",
        "state": "expired", "reason": "http_503", "attempts": 24, "failed_at": "2026-11-05T10:00:03Z",
    }  # fmt: skip

    message_id: Id
    decision_id: Id
    channel: Word
    purpose: Word
    state: Literal["failed", "expired", "suppressed"]
    reason: Text = Field(description="What the receiver answered last, or why it was not sent")
    attempts: int = Field(ge=0)
    failed_at: AwareDatetime


class RedemptionMade(Payload):
    """Loyalty points were redeemed over our API: the item is to be given. Not told of those that billing told us of."""

    type: ClassVar = "retention.redemption_made.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "redemption_id": "9c1f6f0e", "points": 1200, "item": "data pack 5 GB", "place": "app", "balance": 340, "redeemed_at": "2026-11-02T10:00:01Z",
    }  # fmt: skip

    redemption_id: Id
    points: int = Field(gt=0)
    item: Word
    place: Word
    balance: int = Field(ge=0, description="Points that are left")
    redeemed_at: AwareDatetime


LevelMove = Literal["club_rose", "club_fell"]
"""A change between two levels of the club, as campaigns list what triggers them."""


class ClubLevelChanged(Payload):
    """A customer joined the loyalty club, rose or fell in it, or is no member any more under this id."""

    type: ClassVar = "retention.club_level_changed.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"level": "plus", "previous_level": "member", "points_earned": 1028, "changed_at": "2026-11-02T10:00:01Z"}

    level: Word | None = Field(default=None, description="Null: merged into another id, which carries on, or erased")
    previous_level: Word | None = Field(default=None, description="Null: was no member before")
    points_earned: int = Field(ge=0, description="Within the months that count for the level")
    changed_at: AwareDatetime


class CreditApproved(Payload):
    """Billing is to credit this amount to the customer. Published once per credit, which is final then."""

    type: ClassVar = "retention.credit_approved.v1"
    topic: ClassVar = topics.CONTACTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "credit_id": "cr-5f0c1d", "cause": "late_work", "cause_id": "W-7001", "amount_minor": 990, "currency": "CNY",
        "approved_by": "li.na", "approved_at": "2026-11-10T02:00:00Z",
    }  # fmt: skip

    credit_id: Id
    cause: CreditCause
    cause_id: Id = Field(description="The work order, the complaint, or the cell and the start of its outage")
    amount_minor: Amount
    currency: Currency
    approved_by: Id
    approved_at: AwareDatetime


PAYLOADS: tuple[type[Payload], ...] = (
    DecisionMade,
    TaskOpened,
    TaskCancelled,
    TaskRescheduled,
    ContactAttempted,
    ReachabilityChanged,
    OutcomeRecorded,
    MessageSent,
    MessageDelivered,
    MessageFailed,
    RedemptionMade,
    ClubLevelChanged,
    CreditApproved,
)
