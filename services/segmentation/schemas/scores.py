"""HTTP bodies: one customer, RFM, segments and warnings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.segmentation.words import Category, Grade, Segment, Stage, StatusGroup, Tier
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
    cut_version: int = Field(description="0: by fixed thresholds or rules, as before the first cut")
    parameter_version: int | None = Field(description="Of the parameter set that made it; 0: the built-in one")
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
    caused_by: str = Field(description="Id of the event; `day:` and a date where no event but time passing showed it")
    parameter_version: int = Field(description="Of the parameter set that made it")
    stale_feeds: list[str] = Field(description="`topic:source` of what it lives on and was not healthy when it was raised")


class Alerts(BaseModel):
    items: list[AlertView]
    next_cursor: str | None


class TermView(View):
    """An addend of the value."""

    term: str
    amount_minor: int
    weight: float
    contribution_minor: int = Field(description="Weight times amount, rounded")
    made_of: dict[str, int] = Field(description="What the amount was computed from")


class StandingView(View):
    """Where a customer stands; `value_minor` is the sum of what the terms contribute."""

    as_of: date
    value_minor: int = Field(description="Per year")
    value_terms: list[TermView]
    future_value_minor: int = Field(description="The margin expected within the horizon, discounted")
    tier: Tier | None = Field(description="Null: a prospect")
    tier_reason: str
    grade: Grade | None = Field(description="Of a key account")
    star: int
    category: Category = Field(description="Most valuable, most growable, below zero, or other")
    lifecycle: Stage
    lifecycle_since: date
    lifecycle_reason: str
    status_group: StatusGroup
    churn_probability: float = Field(description="To leave within the horizon of the churn definition")
    churn_cause: str = Field(description="The warning it comes from, or `none`")
    revenue_at_risk_minor: int
    cluster: str | None = Field(description="Of behaviour")
    owed_minor: int = Field(description="Past due")
    overdue_days: int
    dunning_level: int = Field(description="0 none, 1 reminder, 2 warning, 3 suspension, 4 collection")
    bad_debt_risk: float
    bad_debt_points: dict[str, int] = Field(description="Of the scorecard, by reason")
    left_on: date | None
    parameter_version: int = Field(description="Of the parameter set that made it; 0: the built-in one")
    assessed_at: datetime
    stale_feeds: list[str] = Field(description="`topic:source` of what it lives on and was not healthy when it was made")


class StandingThen(View):
    """Where a customer stood at a moment, as far as it was news."""

    value_minor: int
    future_value_minor: int
    tier: Tier | None
    grade: Grade | None
    star: int
    category: Category
    lifecycle: Stage
    status_group: StatusGroup
    churn_probability: float
    churn_cause: str
    cluster: str | None
    dunning_level: int
    bad_debt_risk: float
    parameter_version: int
    assessed_at: datetime


class CustomerView(View):
    """What segmentation knows of one customer; `rfm` is null before the first purchase."""

    customer_id: str = Field(description="Of one who was merged: the id that carries on")
    features: FeaturesView | None = Field(description="Null with `as_of`: how they were is not kept")
    rfm: RfmView | None
    standing: StandingView | None = Field(default=None, description="Null with `as_of`")
    standing_then: StandingThen | None = Field(default=None, description="With `as_of`")
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
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"as_of": None}]})

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
    made_by: Literal["schedule", "request", "parameters", "engine"]
    state: Literal["waiting", "scoring", "finished", "superseded"]
    requested_at: datetime
    finished_at: datetime | None
    customers: int = Field(description="Assessed so far")
    changed: int = Field(description="Of them, scored otherwise than before")
    populations: dict[str, PopulationCut]


class Recuts(BaseModel):
    items: list[RecutView]
    next_cursor: str | None
