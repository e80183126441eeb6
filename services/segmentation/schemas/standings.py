"""HTTP bodies: tiers, lifecycle, moments, migration, arrears, and what was learned."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.segmentation.models import Kind
from services.segmentation.schemas.scores import View
from services.segmentation.words import Stage
from shared.contracts.segmentation import Moment


class TierView(BaseModel):
    tier: str
    customers: int
    share: float = Field(description="Of the customers who have a tier")
    value_minor: int
    value_share: float | None = Field(description="Of the value of all; null where all together are worth nothing")
    from_minor: int | None = Field(description="The least value that reaches it, but for hysteresis and votes; null: the lowest")


class Pyramid(BaseModel):
    """From the top down."""

    tiers: list[TierView]
    by_category: dict[str, int] = Field(description="Customers by mvc, mgc, bz, other")
    by_grade: dict[str, int] = Field(description="Key accounts")
    by_star: dict[str, int]


class StageView(BaseModel):
    stage: Stage
    customers: int
    value_minor: int


class TransitionView(BaseModel):
    """A row of the state machine."""

    sources: list[Stage]
    target: Stage
    reason: str


class LifecycleView(BaseModel):
    stages: list[StageView]
    status_groups: dict[str, int]
    transitions: list[TransitionView] = Field(description="Tried in this order, until none fits")


class MomentView(View):
    moment_id: str
    customer_id: str
    moment: Moment
    reached_at: datetime
    reason: str
    evidence: dict[str, Any]
    parameter_version: int


class Moments(BaseModel):
    items: list[MomentView]
    next_cursor: str | None


Migrated = Literal["segment", "tier", "grade", "category", "lifecycle", "status_group", "cluster"]


class Move(BaseModel):
    before: str | None = Field(description="Null: nowhere then")
    after: str | None
    customers: int


class Migration(BaseModel):
    """Where everybody stood at the end of two days, as it was known then."""

    of: Migrated
    since: date = Field(serialization_alias="from")
    until: date = Field(serialization_alias="to")
    moves: list[Move]
    customers: int
    stayed: int = Field(description="Of them, at the same place on both days")


class ArrearsItem(View):
    customer_id: str
    owed_minor: int
    overdue_days: int
    dunning_level: int
    bad_debt_risk: float
    bad_debt_points: dict[str, int]
    tier: str | None


class Arrears(BaseModel):
    """Most owed first."""

    items: list[ArrearsItem]
    next_cursor: str | None


class CellView(BaseModel):
    recency: int
    habit: int = Field(description="The mean of F and M, halves up")
    segment: str
    customers: int
    mean_value_minor: int


class SegmentMap(BaseModel):
    population: str | None = Field(description="Null: all of them")
    cells: list[CellView]


class LearnedModel(BaseModel):
    """One kind of what is learned. Without a version nothing was learned yet."""

    kind: Kind
    version: int | None
    as_of: date | None
    customers: int | None
    made_at: datetime | None
    tried_on: date | None
    refused: str | None = Field(description="Why the last trial gave no model")
    summary: dict[str, Any] = Field(description="Its parameters; for clusters and affinity see their own resources")


class Models(BaseModel):
    items: list[LearnedModel]


class LearnRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kinds": ["affinity"]}]})

    kinds: list[Literal["lifetime", "survival", "clusters", "affinity"]] = Field(min_length=1, max_length=4)


class ClusterView(BaseModel):
    id: int = Field(description="Stays with the cluster from model to model")
    name: str
    description: str
    customers: int = Field(description="In the fit")
    averages: dict[str, float] = Field(description="Per month")


class Clusters(BaseModel):
    version: int
    customers: int
    silhouette: float
    resampled_stability: float = Field(description="Mean adjusted Rand index against resamples")
    stability: float | None = Field(description="Adjusted Rand index against the model before; null: the first")
    averages: dict[str, float]
    clusters: list[ClusterView]


class RuleView(View):
    """Who holds `product` tends to hold `goes_with`."""

    product: str
    goes_with: str
    customers: int
    support: float
    confidence: float
    lift: float
    lift_low: float = Field(description="Its lower confidence bound")


class Rules(BaseModel):
    version: int | None
    items: list[RuleView]


class ChurnRateView(BaseModel):
    """By the churn definition in force, of everybody who was here on the day."""

    observed_on: date
    horizon_days: int
    matures_on: date = Field(description="From when on labels of this day are final")
    customers: int = Field(description="Who could be told of: stayed or churned")
    churned: int
    rate: float | None
    kinds: dict[str, int]
    excluded: dict[str, int]
    immature: int
    looked_at: int
    sampled: bool = Field(description="Only a part of the customers was looked at")


class ChurnLabelView(View):
    state: str
    kind: str | None
    churned_on: date | None
    reason: str
    excluded_for: str | None
