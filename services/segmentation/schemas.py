"""HTTP bodies of the segmentation service."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.segmentation.segments import Segment
from shared.contracts.segmentation import AlertKind


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class FeaturesView(View):
    last_sequence: int = Field(description="Of the activity taken in")
    brand: str | None
    population: str = Field(description="Payment type of the first live subscription: whom the customer is scored among")
    months: dict[str, dict[str, int]] = Field(description="What the rules read of the last 13 months: measures that are not zero")
    updated_at: datetime


class RfmView(View):
    population: str
    last_day: date = Field(description="Of the last purchase")
    as_of: date = Field(description="The day recency was counted to")
    frequency: int = Field(description="Days with a payment")
    monetary_minor: int = Field(description="Paid less reversed")
    r: int
    f: int
    m: int
    segment: Segment
    cut_version: int = Field(description="0: the built-in thresholds, before the first cut")
    scored_at: datetime
    returned: bool = Field(description="Left and came back under this id: no new customer, whatever the segment")
    stale_feeds: list[str] = Field(description="`topic:source` of what it lives on and was not healthy when it was made")


class AlertView(View):
    alert_id: str
    customer_id: str
    kind: AlertKind
    severity: Literal["warning", "urgent"]
    raised_at: datetime
    reason: str
    evidence: dict[str, Any]
    caused_by: str = Field(description="Id of the event")
    stale_feeds: list[str] = Field(description="`topic:source` of what it lives on and was not healthy when it was raised")


class Alerts(BaseModel):
    items: list[AlertView]
    next_cursor: str | None


class CustomerView(View):
    """What segmentation knows of one customer; `rfm` is null before the first purchase."""

    customer_id: str = Field(description="Of one who was merged: the id that carries on")
    features: FeaturesView | None = Field(description="Null with `as_of`: how they were is not kept")
    rfm: RfmView | None
    open_alerts: list[AlertView] = Field(description="Raised, and not armed again yet; with `as_of` those of the cool-down before")


class PopulationSegments(BaseModel):
    population: str
    cut_version: int
    customers: int
    segments: dict[Segment, int]
    returned: int = Field(description="New by their scores, but back after they had left: not counted in `new`")


class Segments(BaseModel):
    populations: list[PopulationSegments]


class RecutRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    as_of: date | None = Field(default=None, description="The day recency is counted to, for a replay of history; null: today")


class RecutRequested(BaseModel):
    version: int
    as_of: date
    state: Literal["waiting"]


class PopulationCut(BaseModel):
    """What just reaches the scores 2, 3, 4 and 5; a top score that ties leave out is missing."""

    customers: int
    r: list[int] = Field(description="The longest recency, in days")
    f: list[int] = Field(description="The smallest frequency, in days with a payment")
    m: list[int] = Field(description="The smallest sum, in minor units")


class RecutView(View):
    version: int
    as_of: date
    made_by: Literal["schedule", "request"]
    state: Literal["waiting", "scoring", "finished", "superseded"]
    requested_at: datetime
    finished_at: datetime | None
    customers: int = Field(description="Scored so far")
    changed: int = Field(description="Of them, scored otherwise than before")
    populations: dict[str, PopulationCut]


class Recuts(BaseModel):
    items: list[RecutView]
    next_cursor: str | None
