"""What retention publishes: every decision taken or not, the tasks that follow, and what came of them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.envelope import Id, Part, Payload, PersonalText, Text, Word

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


PAYLOADS: tuple[type[Payload], ...] = (DecisionMade, TaskOpened, TaskCancelled, OutcomeRecorded)
