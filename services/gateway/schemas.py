"""HTTP bodies of the gateway."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.customer import Profile
from shared.contracts.envelope import Id, Text
from shared.contracts.retention import DecisionMade, OutcomeResult
from shared.contracts.segmentation import AlertKind, AlertRaised, RfmScored

Severity = Literal["warning", "urgent"]
TaskStatus = Literal["open", "done"]


class Behaviour(BaseModel):
    months: dict[str, dict[str, int]] = Field(description="The last 13 months, newest first: measures that are not zero")


class TimelineEntry(BaseModel):
    """A fact about the customer. Of a long one, the lists are left out."""

    type: str
    occurred_at: datetime
    source: str
    id: str
    data: dict[str, Any]


class Segment(RfmScored):
    scored_at: AwareDatetime


class Outcome(BaseModel):
    """What came of a contact."""

    model_config = ConfigDict(from_attributes=True)

    result: OutcomeResult
    offer_accepted: bool
    recorded_at: datetime
    agent: str
    note: str = ""


class Contact(BaseModel):
    """A task about the customer. One whose outcome came before the task itself has little more than that."""

    model_config = ConfigDict(extra="allow")

    task_id: str
    campaign_id: str
    alert_id: str
    offer_id: str
    opened_at: datetime
    status: TaskStatus
    outcome: Outcome | None


class Contacts(BaseModel):
    decisions: list[DecisionMade] = Field(description="The latest 50, newest first, with every gate")
    tasks: list[Contact] = Field(description="The latest 50, newest first")


class Freshness(BaseModel):
    updated_at: datetime | None = Field(description="When the block changed last; null: never")
    source: str = Field(description="The service whose events make it")


class CustomerView(BaseModel):
    """The whole story of one customer. Every block is there; one that no event has filled yet is null or empty."""

    customer_id: str
    sequence: int = Field(description="Of the last activity applied")
    profile: Profile | None
    behaviour: Behaviour
    timeline: list[TimelineEntry] = Field(description="The latest 50 facts, newest first")
    segment: Segment | None
    alerts: list[AlertRaised] = Field(description="The latest 50, newest first")
    contacts: Contacts
    freshness: dict[str, Freshness] = Field(description="Per block")


class Alert(BaseModel):
    """A pattern of behaviour that comes before churn."""

    model_config = ConfigDict(from_attributes=True)

    alert_id: str
    customer_id: str
    kind: AlertKind
    severity: Severity
    raised_at: datetime
    reason: str
    evidence: dict[str, Any]
    caused_by: str = Field(description="Id of the event that showed it")


class Alerts(BaseModel):
    items: list[Alert]
    next_cursor: str | None


class Task(BaseModel):
    """An agent is to call a customer."""

    model_config = ConfigDict(from_attributes=True)

    task_id: str
    customer_id: str
    campaign_id: str
    alert_id: str
    offer_id: str
    channel: str
    priority: int = Field(description="Higher first")
    due_at: datetime = Field(description="Not before: inside the recipient's calling hours")
    reason: str
    script: str
    status: TaskStatus
    outcome: Outcome | None


class Tasks(BaseModel):
    items: list[Task]
    next_cursor: str | None


class OutcomeReport(BaseModel):
    """What the agent reports."""

    result: OutcomeResult
    offer_accepted: bool
    agent: Id
    note: Text = ""


class RecutRequest(BaseModel):
    as_of: date | None = Field(default=None, description="The day recency is counted to; nothing: today")


class Verdict(BaseModel):
    index: int = Field(description="Place in the batch, from 0")
    id: str | None = Field(description="Of the event, when it says one")
    verdict: Literal["accepted", "rejected"]
    code: str | None = Field(default=None, description="Why rejected: one of the error catalogue")
    detail: str | None = None


class Intake(BaseModel):
    """What became of each event. Those accepted are durable, and will be applied."""

    accepted: int
    rejected: int
    verdicts: list[Verdict]
