"""HTTP bodies of cases."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.customer.cases import CaseState
from shared.contracts.care import Severity
from shared.contracts.customer import CaseStage
from shared.contracts.envelope import Id, Text


class CaseView(BaseModel):
    complaint_id: str
    customer_id: str = Field(description="Who carries on for the customer who complained")
    kind: str
    severity: Severity = Field(description="The highest there was")
    channel: str = Field(description="By which the customer complained")
    state: CaseState
    agent: str | None = Field(description="Who has it")
    opened_at: datetime
    due_at: datetime = Field(description="By when the stage is to be done; of a closed case: the last one")
    overdue: bool
    closed_at: datetime | None


class StageView(BaseModel):
    """One stage: how long it may take depends on the severity, and on the service star when it began."""

    stage: CaseStage
    began_at: datetime
    due_at: datetime
    ended_at: datetime | None = Field(description="Of feedback: when the case closes, unless an answer comes before")
    agent: str | None
    late: bool
    raised: bool = Field(description="That it was late was reported: customer.case_overdue.v1")


class SurveyAnswer(BaseModel):
    answered_at: datetime
    csat: int | None
    nps: int | None


class CaseEvent(BaseModel):
    at: datetime
    source: str
    id: str
    type: str
    stage: CaseStage | None
    agent: str | None
    severity: Severity | None
    text: str | None


class CaseDetail(CaseView):
    complained_as: str = Field(description="The customer id the complaint was reported under, before any merge")
    network_fault: str | None
    stages: list[StageView]
    answer: SurveyAnswer | None
    history: list[CaseEvent] = Field(description="Everything that was reported about the complaint, in event-time order")


class Cases(BaseModel):
    items: list[CaseView]
    next_cursor: str | None


class CaseProgress(BaseModel):
    """Takes a case to a later stage. `feedback`: it is resolved, and the customer is asked whether that helped."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"stage": "analysis", "agent": "A-88", "note": "The bill was read again"}]})

    stage: Literal["analysis", "resolution", "feedback"]
    agent: Id = Field(description="Who has it from now on")
    note: Text = Field(default="", description="Kept sealed; with `feedback`: the resolution")


class SurveyDue(BaseModel):
    """A customer who may be asked about a resolved complaint, until the case closes."""

    complaint_id: str
    customer_id: str
    kind: str
    channel: str = Field(description="By which the customer complained")
    resolved_at: datetime
    due_at: datetime = Field(description="An answer that comes later is kept, and the case was closed without it")
    consented_channels: list[str] = Field(description="On which the customer agreed to surveys; none: do not ask")


class SurveysDue(BaseModel):
    items: list[SurveyDue]
    next_cursor: str | None
