"""HTTP bodies of the retention service."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.retention.campaign import Purpose, State
from services.retention.delivery import MessageChannel
from services.retention.schemas.campaigns import ScheduleContent, StepView, VariantContent
from shared.contracts.envelope import Id, Text
from shared.contracts.retention import Gate, OutcomeResult


class View(BaseModel):
    """Read from rows; their other columns stay inside."""

    model_config = ConfigDict(from_attributes=True)


class OutcomeReport(BaseModel):
    """What came of a contact, as the agent reports it."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"result": "saved", "offer_accepted": True, "agent": "A-88", "note": "Stays for the data pack"}]},
    )

    result: OutcomeResult
    offer_accepted: bool
    agent: Id
    note: Text = ""
    offer_id: Id | None = Field(default=None, description="Of the offer that was spoken of, where it is another one than the task's")


class OutcomeView(View):
    task_id: str
    result: OutcomeResult
    offer_accepted: bool
    agent: str
    note: str
    recorded_at: datetime
    next_due_at: datetime | None = Field(default=None, description="Of an attempt that reached nobody and was not the last; null: the task is done")


class TaskView(View):
    """An agent is to call a customer."""

    task_id: str
    customer_id: str
    campaign_id: str
    alert_id: str
    offer_id: str
    channel: str
    priority: int = Field(description="Higher first")
    reason: str
    script: str
    opened_at: datetime
    due_at: datetime = Field(description="Not before")
    opens: str = Field(description="Calls are allowed from this time of day")
    closes: str = Field(description="and up to this one")
    timezone: str = Field(description="on the clock of this zone")
    status: Literal["open", "done", "cancelled"]
    attempts: int = Field(description="Made that reached nobody, and were not the last")
    reschedules: int = Field(description="That the customer asked for")
    outcome: OutcomeView | None


class TaskStep(View):
    step: Literal["unreached", "asked"] = Field(description="An attempt that reached nobody, or a moment that the customer asked for")
    actor: str
    note: str
    taken_at: datetime
    due_at: datetime = Field(description="From then on")


class Alternate(BaseModel):
    """What else may be tried."""

    by: Literal["sms", "email", "push", "account_manager"]
    who: str | None = Field(description="The account manager")
    why_not: str | None = Field(description="Null: it may be tried")


class TaskDetail(TaskView):
    steps: list[TaskStep]
    alternates: list[Alternate] = Field(description="Of an open task, in the order to try them")


class WriteInstead(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"channel": "sms"}]})

    channel: MessageChannel


class Reschedule(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"due_at": "2026-11-05T18:00:00+08:00", "reason": "At work until six"}]})

    due_at: AwareDatetime
    reason: Text = Field(min_length=1)


class Tasks(BaseModel):
    items: list[TaskView]
    next_cursor: str | None


class CampaignView(View):
    campaign_id: str
    name: str
    state: State
    revision: int = Field(description="Of the content: what is approved is what was read")
    drafted_by: str = Field(description="Who drafted or edited it last; empty: built in")
    channel: str
    fallback_channels: list[str] = Field(description="By which else, in this order")
    offers: dict[str, list[str]] = Field(description="What triggers it, or `schedule` -> offers, the preferred one first")
    purpose: Purpose
    audience: dict[str, Any] | None = Field(description="Who it is for; null: everybody")
    schedule: ScheduleContent | None = Field(description="When it runs by itself")
    again_after_days: int | None = Field(description="Nobody is exposed to it again before")
    variants: list[VariantContent] = Field(description="To be compared with each other, and with the hold-out they share")
    hold_out_share: float
    cap_contacts: int
    cap_days: int = Field(description="At most `cap_contacts` within these days, other campaigns' contacts counted")
    opens: str = Field(description="Calls are due from this time of day on the recipient's clock")
    closes: str
    capacity: int = Field(description="Open tasks at most")
    least_profit_minor: int | None = Field(description="A contact has to be expected to bring; null: profit ranks the offers, and refuses nobody")
    budget_minor: int | None = Field(description="Of a calendar month: reserved and spent; null: none is set")


class Campaigns(BaseModel):
    items: list[CampaignView]


class BudgetMonth(View):
    month: str
    reserved_minor: int = Field(description="By all contacts of the month")
    released_minor: int = Field(description="Of that, by contacts that ended")
    spent_minor: int = Field(description="On contacts that ended in the month, and on offers that were taken")
    expected_saved_minor: int = Field(description="By the contacts of the month, of whose customers risk and value were known")
    contacts: int


class Ledger(View):
    """What the campaign used of its budget: reserved less released, and spent."""

    campaign_id: str
    budget_minor: int | None = Field(description="Of a calendar month; null: none is set")
    months: list[BudgetMonth]
    unbalanced: list[str] = Field(description="Tasks whose entries do not fit what became of them: there are none")


class CampaignCounts(BaseModel):
    customers: dict[str, int] = Field(description="Per arm, from the first exposure on")
    decisions: dict[str, int] = Field(description="Per verdict")
    refused_by: dict[str, int] = Field(description="Per gate: the first that failed")
    tasks: dict[str, int] = Field(description="Per status")
    outcomes: dict[str, int] = Field(description="Per result")


class CampaignDetail(CampaignView):
    counts: CampaignCounts
    steps: list[StepView] = Field(description="Who took it from state to state, and why")


class OfferView(View):
    offer_id: str
    name: str
    cost_minor: int = Field(description="What it costs us when it is taken, in minor units of the currency")
    currency: str
    payment_types: list[str] = Field(description="Who may have it")
    valid_from: datetime
    valid_to: datetime | None
    script: str
    stock: int | None = Field(description="Pieces ever supplied; null: without end")
    left: int | None = Field(description="Of them, those that are neither reserved nor spent")
    channels: list[str] = Field(description="By which it may be made; none: any")


class RestockView(View):
    pieces: int
    actor: str
    restocked_at: datetime


class RestockedOffer(OfferView):
    restocks: list[RestockView] = Field(description="Who supplied it, first to last")


class Offers(BaseModel):
    items: list[OfferView]


class DecisionView(View):
    decision_id: str
    customer_id: str = Field(description="The id it was made under: a merge does not change it")
    campaign_id: str
    alert_id: str
    alert_kind: str
    decided_at: datetime
    verdict: Literal["contact", "held_out", "refused"]
    failed_gate: str | None = Field(description="The first one")
    arm: Literal["treatment", "hold_out"] | None = Field(description="Null: does not count for the campaign's effect")
    variant: str | None = Field(description="Of who is contacted, where the campaign has variants")
    offer_id: str | None
    gates: list[Gate] = Field(description="All of them, in their order, with what they saw")
    weighed: list[dict[str, Any]] = Field(description="Every offer that came into question, the best first, with what its expected profit was made of")
    worth: dict[str, Any] = Field(description="Risk, future value, tier and sensitivity as known then, with the versions of the models")


class WaitingAlert(View):
    """Came before anything was known of its customer; decided when that comes."""

    alert_id: str
    waits_since: datetime


class CustomerDecisions(View):
    """Why the customer was contacted, or was not: the latest 100 decisions, newest first."""

    customer_id: str = Field(description="Of one who was merged: the id that carries on")
    decisions: list[DecisionView]
    waiting: list[WaitingAlert]
