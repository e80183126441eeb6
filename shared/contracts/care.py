"""What the care desk reports."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.contracts import topics
from shared.contracts.envelope import Count, Id, Payload, PersonalText, Word

Severity = Literal["minor", "major", "critical"]


class ComplaintOpened(Payload):
    """The customer complained."""

    type: ClassVar = "care.complaint_opened.v1"
    topic: ClassVar = topics.CARE
    example: ClassVar[dict[str, Any]] = {
        "complaint_id": "K-501", "kind": "network", "severity": "major", "network_fault": "no_coverage", "channel": "hotline",
        "summary": "No signal at home since Monday",
    }  # fmt: skip

    complaint_id: Id
    kind: Literal["network", "billing", "service", "product", "other"]
    severity: Severity
    network_fault: Literal["no_coverage", "dropped_calls", "slow_data", "roaming", "other"] | None = None
    channel: Word
    summary: PersonalText = ""


class ComplaintProgressed(Payload):
    """Work on a complaint reached its next stage."""

    type: ClassVar = "care.complaint_progressed.v1"
    topic: ClassVar = topics.CARE
    example: ClassVar[dict[str, Any]] = {"complaint_id": "K-501", "stage": "analysis", "agent": "A-88"}

    complaint_id: Id
    stage: Literal["analysis", "resolution", "feedback"]
    agent: Id | None = None
    note: PersonalText = ""


class ComplaintEscalated(Payload):
    """A complaint went to a higher level."""

    type: ClassVar = "care.complaint_escalated.v1"
    topic: ClassVar = topics.CARE
    example: ClassVar[dict[str, Any]] = {"complaint_id": "K-501", "severity": "critical", "reason": "third call"}

    complaint_id: Id
    severity: Severity
    reason: PersonalText = ""


class ComplaintResolved(Payload):
    """A complaint was closed."""

    type: ClassVar = "care.complaint_resolved.v1"
    topic: ClassVar = topics.CARE
    example: ClassVar[dict[str, Any]] = {"complaint_id": "K-501", "resolution": "antenna adjusted"}

    complaint_id: Id
    resolution: PersonalText
    agent: Id | None = None


class InquiryMade(Payload):
    """The customer asked something that says what they think about."""

    type: ClassVar = "care.inquiry_made.v1"
    topic: ClassVar = topics.CARE
    example: ClassVar[dict[str, Any]] = {"kind": "port_out_pin", "channel": "hotline"}

    kind: Literal["bill_detail", "tariff", "port_out_pin", "contract_end", "coverage", "other"]
    channel: Word


class SurveyAnswered(Payload):
    """A survey came back."""

    type: ClassVar = "care.survey_answered.v1"
    topic: ClassVar = topics.CARE
    example: ClassVar[dict[str, Any]] = {"csat": 2, "nps": 3, "regarding": "complaint K-501", "complaint_id": "K-501"}

    csat: int | None = Field(default=None, ge=1, le=5, description="Satisfaction, 1 to 5")
    nps: int | None = Field(default=None, ge=0, le=10, description="Would recommend, 0 to 10")
    regarding: PersonalText = ""
    complaint_id: Id | None = Field(default=None, description="The complaint it asks about: the answer closes its case")


class AgentContacted(Payload):
    """An agent and the customer spoke."""

    type: ClassVar = "care.agent_contacted.v1"
    topic: ClassVar = topics.CARE
    example: ClassVar[dict[str, Any]] = {
        "direction": "inbound", "channel": "hotline", "reason": "retention", "agent": "A-88", "duration_seconds": 240, "offer_accepted": False,
    }  # fmt: skip

    direction: Literal["inbound", "outbound"]
    channel: Word
    reason: Literal["service", "sales", "retention", "collection", "other"]
    agent: Id | None = None
    duration_seconds: Count = 0
    offer_accepted: bool | None = None


PAYLOADS: tuple[type[Payload], ...] = (
    ComplaintOpened,
    ComplaintProgressed,
    ComplaintEscalated,
    ComplaintResolved,
    InquiryMade,
    SurveyAnswered,
    AgentContacted,
)
