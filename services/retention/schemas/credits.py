"""HTTP bodies: credits, work orders that are late, and the calendars they are counted by."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.retention.compensation import State
from services.retention.schemas.campaigns import Reason
from services.retention.schemas.retention import View
from services.retention.service_levels import Grade
from shared.contracts.orders import WorkKind
from shared.contracts.retention import CreditCause


class CreditView(View):
    """What is to be credited to a customer, for work that was late or a trouble that was fixed."""

    credit_id: str
    cause: CreditCause
    cause_id: str = Field(description="The work order, the complaint, or the cell and the start of its outage")
    customer_id: str | None = Field(description="Under which it was proposed; null: the customer was erased")
    amount_minor: int
    currency: str
    basis: dict[str, Any] = Field(description="How it was computed: of late work the fee, the promise, each day that counts, and the calendar")
    state: State
    proposed_at: datetime
    revised_at: datetime = Field(description="When the proposal changed last")
    decided_by: str | None
    decided_at: datetime | None
    reason: str


class Credits(BaseModel):
    items: list[CreditView]
    next_cursor: str | None


class CreditApproval(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"amount_minor": 990, "reason": "as computed"}]})

    amount_minor: int = Field(ge=1, le=10**12, description="That was read: what is approved is what was proposed")
    reason: Reason = ""


class CreditRejection(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"reason": "the customer moved the date"}]})

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class WorkView(View):
    """A work order as it stands now. Of one that is not done: what would be owed if it were done at this moment."""

    work_id: str
    customer_id: str
    kind: WorkKind
    promised_by: datetime
    ended_at: datetime | None
    cancelled: bool
    one_off_fee_minor: int
    currency: str
    days: list[date] = Field(description="Working days that began after the promised time, on the customer's own clock: 20 at most")
    amount_minor: int
    grade: Grade = Field(description="This, the clock and the region are as when it was first heard of")
    timezone: str
    region: str | None
    credit_id: str = Field(description="Of the credit that is proposed once it is done late")


class Works(BaseModel):
    items: list[WorkView]
    next_cursor: str | None


class SpecialDay(BaseModel):
    """Of a day that is not as its weekday says."""

    model_config = ConfigDict(strict=True, extra="forbid")

    working: bool
    name: Annotated[str, Field(max_length=100)] = ""


class CalendarContent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "revision": 0,
                    "rest": [6, 7],
                    "exceptions": {"2026-10-01": {"working": False, "name": "National Day"}, "2026-10-10": {"working": True, "name": "made up for"}},
                }
            ]
        },
    )

    revision: int | None = Field(default=None, ge=0, le=10**9, description="That was read; 0: the region has none of its own yet; null: If-Match says it")
    rest: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(max_length=6)] = Field(description="ISO weekdays that are not worked, Monday is 1")
    exceptions: dict[date, SpecialDay] = Field(default={}, max_length=2_000, description="Holidays, and days of rest that are worked")


class CalendarView(View):
    region: str = Field(description="`default`: of every region without one of its own")
    revision: int
    rest: list[int]
    exceptions: dict[date, SpecialDay]
    set_by: str = Field(description="Empty: built in")
    set_at: datetime


class Calendars(BaseModel):
    items: list[CalendarView]


class ServiceLevels(BaseModel):
    """What is promised to whom, and what is made good by how much. Lists are of the grades 1, 2 and 3."""

    grade_of_star: dict[int, Grade]
    working_days: dict[WorkKind, list[int]] = Field(description="After that of the order, where order entry names no time")
    percent_a_day: int = Field(description="Of the one-off fee, for each working day past the promised time")
    patience_hours: dict[CreditCause, list[int]] = Field(description="What is fixed within them is not made good")
    rates_minor: dict[CreditCause, dict[str, dict[str, int]]] = Field(description="By severity: at once, for each further day that began, at most")
    percent_of_grade: list[int]
