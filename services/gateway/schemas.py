"""HTTP bodies of the gateway."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.customer import Profile
from shared.contracts.retention import DecisionMade, OutcomeResult
from shared.contracts.segmentation import AlertKind, AlertRaised, ChurnScored, MomentReached, RfmScored, StandingChanged

Severity = Literal["warning", "urgent"]
TaskStatus = Literal["open", "done", "cancelled"]


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


class Standing(StandingChanged):
    assessed_at: AwareDatetime


class Churn(ChurnScored):
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


class ContactPoint(BaseModel):
    kind: str
    value: str
    verified: bool = False


class Numbers(BaseModel):
    """Of one subscription."""

    subscription_id: str
    msisdn: str | None
    imsi: str | None
    imei: str | None


class Personal(BaseModel):
    """Who the customer is, masked (86138****8000). The gateway keeps none of it: it is asked from the customer service."""

    customer_id: str
    name: str | None
    document: str | None
    birth_date: str | None
    contact_points: list[ContactPoint] | None
    subscriptions: list[Numbers]


class Freshness(BaseModel):
    updated_at: datetime | None = Field(description="When the block changed last, or was asked for; null: never")
    source: str = Field(description="The service whose events make it, or that was asked")
    reason: str | None = Field(default=None, description="Why there is nothing")


class CustomerView(BaseModel):
    """The whole story of one customer. Every chosen block is there; one that no event has filled yet is null or empty."""

    customer_id: str = Field(description="Of who carries on, when it was asked by the id of one who was merged")
    sequence: int = Field(description="Of the last activity applied")
    profile: Profile | None = Field(default=None, description="What is personal of it is in `personal`")
    behaviour: Behaviour = Behaviour(months={})
    timeline: list[TimelineEntry] = Field(default=[], description="The latest 50 facts, newest first")
    segment: Segment | None = None
    standing: Standing | None = Field(default=None, description="Value, tier, lifecycle and risk, as when they were last news")
    churn: Churn | None = Field(default=None, description="How likely they leave and why, as when it was last news")
    moments: list[MomentReached] = Field(default=[], description="The latest 50, newest first")
    alerts: list[AlertRaised] = Field(default=[], description="The latest 50, newest first, whichever id they were raised about")
    contacts: Contacts = Contacts(decisions=[], tasks=[])
    personal: Personal | None = Field(default=None, description="Null while the customer service does not answer: `freshness` says so")
    freshness: dict[str, Freshness] = Field(description="Per block")


class Alert(BaseModel):
    """A pattern of behaviour that comes before churn, bad debt or fraud."""

    model_config = ConfigDict(from_attributes=True)

    alert_id: str
    customer_id: str
    kind: AlertKind
    severity: Severity
    raised_at: datetime
    reason: str
    evidence: dict[str, Any]
    caused_by: str = Field(description="Id of the event that showed it; `day:` and a date where only time passed")
    parameter_version: int = Field(default=0, description="Of the parameter set that made it")
    stale_feeds: list[str] = Field(description="`topic:source` of what it lives on and was not healthy when it was raised")


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
