"""HTTP bodies of the gateway."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.customer import Profile
from shared.contracts.envelope import Id, Text
from shared.contracts.retention import DecisionMade, LevelMove, OutcomeResult
from shared.contracts.segmentation import AlertKind, AlertRaised, ChurnScored, Moment, MomentReached, RfmScored, StandingChanged

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


class OutcomeReport(BaseModel):
    """What the agent reports."""

    result: OutcomeResult
    offer_accepted: bool
    agent: Id
    note: Text = ""


class Reschedule(BaseModel):
    due_at: AwareDatetime = Field(description="Inside the recipient's calling hours")
    reason: Text


class WriteInstead(BaseModel):
    channel: Literal["sms", "email", "push"]


class RecutRequest(BaseModel):
    as_of: date | None = Field(default=None, description="The day recency is counted to; nothing: today")


class LearnRequest(BaseModel):
    kinds: list[Literal["lifetime", "survival", "clusters", "affinity"]]


class ParameterDraft(BaseModel):
    changes: dict[str, Any] = Field(description="A merge patch (RFC 7396) over the set it is based on; `GET /v1/parameters/schema` has what can be set")
    based_on: int | None = Field(default=None, description="A version; nothing: the newest that is approved")
    note: str = Field(description="Why")


class PreviewRequest(BaseModel):
    sample: int = Field(default=2000, ge=1, le=20_000, description="Customers to look at, at most")


class Approval(BaseModel):
    effective_from: AwareDatetime | None = Field(default=None, description="Nothing: now")


class RollBack(BaseModel):
    reason: str
    version: int | None = Field(default=None, description="What is to be taken back; nothing: the set in force")


Trigger = AlertKind | Moment | LevelMove | Literal["schedule", "credit_approved"]


class Variant(BaseModel):
    name: str
    share: float = Field(gt=0, lt=1, description="Of the treated: together 1")
    offers: dict[Trigger, list[Id]] = Field(default={}, description="In place of the campaign's, for the kinds that are named")
    purpose: str | None = Field(default=None, description="Of its templates; null: the campaign's id")


class CampaignSchedule(BaseModel):
    every: Literal["once", "day", "week", "month"]
    at: str = Field(default="09:00", description="On the operator's clock")
    starts_on: date = Field(description="Gives the weekday, or the day of the month")
    ends_on: date | None = None


class CampaignContent(BaseModel):
    name: str
    channel: Literal["call", "sms", "email", "push"] = "call"
    fallback_channels: list[Literal["call", "sms", "email", "push"]] = Field(default=[], description="By which else, in this order")
    offers: dict[Trigger, list[Id]] = Field(
        description="What triggers it (a kind of warning, a moment, a move in the club, `credit_approved`) or `schedule` -> offers, the preferred one first"
    )
    purpose: Literal["selling", "service", "win_back", "notice"] = Field(
        default="selling",
        description="`service`: not held back by a trouble of the customer; `win_back`: for who left, and for nobody else; `notice`: tells of an "
        "approved credit, and needs no consent to marketing",
    )
    audience: dict[str, Any] | None = Field(
        default=None,
        description="Who it is for, a tree of `all`, `any`, `not` and fields (GET /v1/audience-fields); null: everybody",
        examples=[{"all": [{"field": "tier", "one_of": ["gold", "platinum"]}, {"field": "risk", "at_least": 0.2}]}],
    )
    schedule: CampaignSchedule | None = Field(default=None, description="When it runs by itself, with what `offers` lists under `schedule`")
    again_after_days: int | None = Field(default=None, ge=1, description="Nobody is exposed to it again before; has to be set with a schedule")
    variants: list[Variant] = Field(default=[], max_length=10, description="To be compared with each other, and with the hold-out they share")
    hold_out_share: float = Field(default=0.1, ge=0, le=0.9, description="0.01 at least; of a notice 0")
    cap_contacts: int = Field(default=1, ge=1, description="Contacts of any campaign within `cap_days`")
    cap_days: int = Field(default=30, ge=1, le=365)
    opens: str = Field(default="09:00", description="On the recipient's own clock")
    closes: str = "20:00"
    capacity: int = Field(default=100, ge=1, description="Open tasks at most")
    least_profit_minor: int | None = Field(default=None, description="A contact has to be expected to bring")
    budget_minor: int | None = Field(default=None, ge=0, description="Of a calendar month: reserved and spent")


class CampaignDraft(CampaignContent):
    campaign_id: Id


class CampaignEdit(CampaignContent):
    revision: int = Field(ge=1, description="That was read")


class CareProgrammeDraft(BaseModel):
    """What is to be another than in the programme; everything else is edited in the draft."""

    campaign_id: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_-]{0,63}$", description="Null: the name of the programme")
    offers: list[Id] | None = Field(default=None, min_length=1, max_length=20, description="In place of its own, the preferred one first")


class CampaignApproval(BaseModel):
    revision: int = Field(ge=1, description="That was read: what is approved is what was drafted")
    reason: str = ""


class NewOffer(BaseModel):
    offer_id: Id
    name: str
    cost_minor: int = Field(ge=0, description="What it costs us when it is taken")
    currency: str
    payment_types: list[Literal["prepaid", "postpaid"]] = Field(description="Who may have it")
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None = None
    script: Text
    stock: int | None = Field(default=None, ge=0, description="Pieces there are; null: without end")
    channels: list[Literal["call", "sms", "email", "push"]] = Field(default=[], description="By which it may be made; none: any")


class NewObjection(BaseModel):
    scope: Literal["automated_decisions", "personalised_marketing"]


class ReviewResult(BaseModel):
    result: Literal["upheld", "overturned"]
    reason: str


class Restock(BaseModel):
    pieces: int = Field(description="To add; below zero: to take out, of those that nobody has")


class CreditApproval(BaseModel):
    amount_minor: int = Field(ge=1, description="That was read: what is approved is what was proposed")
    reason: str = ""


class SpecialDay(BaseModel):
    """Of a day that is not as its weekday says."""

    working: bool
    name: str = ""


class CalendarContent(BaseModel):
    revision: int = Field(ge=0, description="That was read; 0: the region has none of its own yet")
    rest: list[int] = Field(description="ISO weekdays that are not worked, Monday is 1")
    exceptions: dict[date, SpecialDay] = Field(default={}, description="Holidays, and days of rest that are worked")


class NewTemplate(BaseModel):
    channel: Literal["sms", "email", "push"]
    purpose: str = Field(description="Of a campaign's messages its id")
    language: str | None = Field(default=None, description="Null: for any")
    segment: str | None = Field(default=None, description="Null: for any")
    subject: str = Field(default="", description="Of e-mails")
    body: str


class TemplatePreview(NewTemplate):
    body: str | None = None  # type: ignore[assignment]  # without one it is the template that would be chosen
    variables: dict[str, Any] = {}


class Redemption(BaseModel):
    points: int = Field(gt=0)
    item: str = Field(description="What for")
    place: str = "app"


class Receipt(BaseModel):
    result: Literal["delivered", "failed"]
    reason: str | None = Field(default=None, description="A code")
    at: AwareDatetime | None = Field(default=None, description="Null: now")


class NewChurnModel(BaseModel):
    content_base64: str = Field(max_length=1_900_000, description="The file that `make train` wrote")


class MergeRequest(BaseModel):
    customers: tuple[Id, Id] = Field(description="In any order: who was registered first carries on")
    reason: str


class Reason(BaseModel):
    reason: str


class ReviewDecision(BaseModel):
    decision: Literal["merge", "different"]
    note: Text = ""


class BlockRequest(BaseModel):
    kind: Literal["document", "contact", "name", "imei"]
    value: str
    note: Text = ""


class CaseProgress(BaseModel):
    stage: Literal["analysis", "resolution", "feedback"]
    agent: Id = Field(description="Who has it from now on")
    note: Text = ""


class NewProspect(BaseModel):
    source: str = Field(description="Where they come from, e.g. `website`, `shop-12`, `referral`")
    interest: str | None = Field(default=None, description="In what, e.g. a plan")
    agent: Id | None = None
    name: str | None = None
    document: Id | None = Field(default=None, description="Kind and number, e.g. `id_card:3301...`")
    contact_point: ContactPoint | None = None


class StageChange(BaseModel):
    stage: Literal["new", "contacted", "qualified", "offered", "lost"]
    agent: Id | None = None


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
