"""HTTP bodies of business analysis."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.segmentation.analysis.series import Grain
from services.segmentation.analysis.subjects import SubjectName, Unit


class MeasureView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    unit: Unit = Field(description="minor: money in integer minor units; share: of 1")
    about: str
    formula: str = Field(description="Over sums of cells and months: a rate is one of sums, never a mean of rates")


class SubjectView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: SubjectName
    about: str
    measures: list[MeasureView]


class Subjects(BaseModel):
    dimensions: list[str] = Field(description="What `by` takes, and what can be filtered by")
    subjects: list[SubjectView]


class SubjectRows(SubjectView):
    """Row by row: `period`, its `months` that were asked for, a value of each dimension of `by`, and the measures. A measure is
    null where there is nothing to divide by, or where nothing was recorded yet."""

    grain: Grain
    by: list[str]
    since: str = Field(description="First month")
    until: str = Field(description="Last month")
    rows: list[dict[str, Any]]


class RevenueAtRisk(BaseModel):
    """Churn probability x future value, summed over customers: each recorded day, and today as it is now."""

    by: str | None
    since: str = Field(description="First day")
    until: str = Field(description="Last day")
    rows: list[dict[str, Any]] = Field(description="`share`: of future value; `at_risk`: customers with an open warning")


class Standing(BaseModel):
    """Customers and prospects as they are now, by value of one aspect."""

    aspect: str
    by: list[str]
    rows: list[dict[str, Any]]


class RecountAsked(BaseModel):
    version: int
    purpose: Literal["verify", "replace"]
    state: Literal["counting"]


class Difference(BaseModel):
    cube: str
    cell: dict[str, str]
    sums: dict[str, dict[str, int]] = Field(description="Of what differs: as `held`, and as `counted` from the customers' rows")


class RecountView(BaseModel):
    version: int
    purpose: Literal["verify", "replace"]
    state: Literal["counting", "finished"]
    requested_at: datetime
    finished_at: datetime | None
    customers: int = Field(description="Counted so far")
    agrees: bool | None = Field(description="Whether every cell held what was counted; null while counting")
    cells: int | None = Field(description="Compared")
    differing: int | None = Field(description="Of them, those that did not agree; after `replace` they are as counted")
    differences: list[Difference] = Field(description="The first ones")
