"""What segmentation publishes: segments as they change, and warnings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.envelope import Id, Part, Payload, Text, Word

Score = int
AlertKind = Literal[
    "usage_fall", "forwarding_off_net", "port_out_inquiry", "multi_sim", "complaint_overdue", "contract_ending", "rfm_migration", "group_churn",
    "peer_churn", "silent", "arrears", "fraud",
]  # fmt: skip
Moment = Literal[
    "purchase_intent", "acquisition", "revenue_stimulation", "cost_to_serve", "cross_up_sell", "tariff_change", "contract_renewal", "brand_migration",
    "churn_warning", "bad_debt", "win_back",
]  # fmt: skip


StaleFeeds = Annotated[
    tuple[Id, ...],
    Field(max_length=50, description="`topic:source` of what it lives on and was silent, drifted or unusual when it was made"),
]


class RfmScored(Payload):
    """A customer's RFM scores or named segment changed."""

    type: ClassVar = "segmentation.rfm_scored.v1"
    topic: ClassVar = topics.SEGMENTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "as_of": "2026-11-02", "population": "postpaid", "recency_days": 3, "frequency": 12, "monetary_minor": 153600,
        "r": 5, "f": 4, "m": 4, "segment": "champions", "previous_segment": "loyal", "cut_version": 7,
    }  # fmt: skip

    as_of: date
    population: Word
    recency_days: int = Field(ge=0)
    frequency: int = Field(ge=0, description="Days with a payment")
    monetary_minor: int
    r: Score = Field(ge=1, le=5)
    f: Score = Field(ge=1, le=5)
    m: Score = Field(ge=1, le=5)
    segment: Word
    previous_segment: Word | None = None
    cut_version: int = Field(ge=0, description="The snapshot of cut points that made it; 0: the built-in thresholds, before the first cut")
    returned: bool = Field(default=False, description="Left and came back under another id: in segment `new`, and no new customer")
    parameter_version: int = Field(default=0, ge=0, description="Of the parameter set that made it")
    stale_feeds: StaleFeeds = ()


class RfmDropped(Payload):
    """A customer has no RFM scores any more. Its sequence is that of the scores."""

    type: ClassVar = "segmentation.rfm_dropped.v1"
    topic: ClassVar = topics.SEGMENTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"reason": "merged", "population": "postpaid", "previous_segment": "loyal"}

    reason: Literal["merged", "erased", "nothing_bought"] = Field(description="`nothing_bought`: all purchases turned out to be somebody else's")
    population: Word
    previous_segment: Word


class AlertRaised(Payload):
    """A pattern of behaviour that comes before churn was seen. Raised once, then armed again after its cool-down."""

    type: ClassVar = "segmentation.alert_raised.v1"
    topic: ClassVar = topics.ALERTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "alert_id": "usage_fall:C-1:e-9", "kind": "usage_fall", "severity": "warning", "raised_at": "2026-11-02T10:00:00Z",
        "reason": "Usage fell by 71 % against the three months before",
        "evidence": {"month": "2026-10", "seconds_per_day": 102.0, "baseline_seconds_per_day": 351.5}, "caused_by": "e-9",
    }  # fmt: skip

    alert_id: Id
    kind: AlertKind
    severity: Literal["warning", "urgent"]
    raised_at: AwareDatetime
    reason: Text
    evidence: dict[str, Any]
    caused_by: Id = Field(description="Id of the event; `day:` and a date where no event but time passing showed it")
    parameter_version: int = Field(default=0, ge=0, description="Of the parameter set that made it")
    stale_feeds: StaleFeeds = ()


class ValueTerm(Part):
    """One addend of a customer's value: weight times amount, rounded, is what it contributes."""

    term: Word
    amount_minor: int
    weight: float
    contribution_minor: int


class StandingChanged(Payload):
    """Where a customer stands changed: value tier, grade, star, lifecycle stage, status group, cluster or dunning level."""

    type: ClassVar = "segmentation.standing_changed.v1"
    topic: ClassVar = topics.SEGMENTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "as_of": "2026-11-02", "changed": ["tier", "category"], "tier": "gold", "tier_reason": "value 151,000 reaches gold (120,000)",
        "grade": None, "star": 4, "category": "mvc", "lifecycle": "mature", "lifecycle_since": "2026-02-01", "status_group": "stable",
        "cluster": "heavy_data", "dunning_level": 0, "owed_minor": 0, "bad_debt_risk": 0.02, "value_minor": 151000, "future_value_minor": 80000,
        "value_terms": [{"term": "margin", "amount_minor": 111000, "weight": 1.0, "contribution_minor": 111000},
                        {"term": "future_value", "amount_minor": 80000, "weight": 0.5, "contribution_minor": 40000}],
        "churn_probability": 0.01, "churn_cause": "none", "revenue_at_risk_minor": 800, "parameter_version": 3,
    }  # fmt: skip

    as_of: date
    changed: tuple[Word, ...] = Field(max_length=20, description="Which of the fields below were otherwise before")
    tier: Word | None = Field(default=None, description="Value tier; null for a prospect")
    tier_reason: Text
    grade: Word | None = Field(default=None, description="Of a key account: 1A to 5A")
    star: int = Field(ge=1, le=5, description="Service star")
    category: Word = Field(description="mvc, mgc, bz or other")
    lifecycle: Word
    lifecycle_since: date
    status_group: Literal["stable", "warning", "off_net"]
    cluster: Word | None = Field(default=None, description="Name of the behaviour cluster; null until clusters were found")
    dunning_level: int = Field(ge=0, le=4)
    owed_minor: int = Field(ge=0, description="Past due")
    bad_debt_risk: float = Field(ge=0, le=1)
    value_minor: int = Field(description="Per year: the sum of what the terms contribute")
    future_value_minor: int
    value_terms: tuple[ValueTerm, ...] = Field(max_length=20)
    churn_probability: float = Field(ge=0, le=1, description="To leave within the horizon of the churn definition")
    churn_cause: Word = Field(description="The warning it comes from, or `none`")
    revenue_at_risk_minor: int = Field(ge=0, description="Churn probability times forward value")
    parameter_version: int = Field(ge=0, description="Of the parameter set that made it")
    stale_feeds: StaleFeeds = ()


class StandingDropped(Payload):
    """A customer stands nowhere any more. Its sequence is that of the standing."""

    type: ClassVar = "segmentation.standing_dropped.v1"
    topic: ClassVar = topics.SEGMENTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"reason": "merged"}

    reason: Literal["merged", "erased"]


class MomentReached(Payload):
    """One of the eleven moments of a customer's life with the operator at which something is to be decided."""

    type: ClassVar = "segmentation.moment_reached.v1"
    topic: ClassVar = topics.SEGMENTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "moment_id": "contract_renewal:C-1:2026-11-02", "moment": "contract_renewal", "reached_at": "2026-11-02T10:00:00Z",
        "reason": "The contract of S-1 ends in 60 days", "evidence": {"contract_ends": "2027-01-01"}, "parameter_version": 3,
    }  # fmt: skip

    moment_id: Id
    moment: Moment
    reached_at: AwareDatetime
    reason: Text
    evidence: dict[str, Any]
    parameter_version: int = Field(ge=0)


class ChurnReason(Part):
    """One cause of a score. The contributions of all causes and the base add up to the log-odds of the probability."""

    cause: Word
    feature: Word | None = Field(default=None, description="Of the cause, what `value` and `text` are about; null where no model says")
    contribution: float = Field(description="Log-odds; positive: towards leaving")
    text: Text
    value: float | None = None
    baseline: float | None = Field(default=None, description="The customer's own, or else the typical one")
    evidence: dict[str, Any] = {}
    remedy: Text | None = None
    if_remedied: float | None = Field(default=None, ge=0, le=1, description="The probability if the cause went away")


class ChurnScored(Payload):
    """How likely a customer leaves within the horizon came out otherwise, by a model or by rules, with the reasons."""

    type: ClassVar = "segmentation.churn_scored.v1"
    topic: ClassVar = topics.SEGMENTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "as_of": "2026-11-02", "population": "established", "basis": "model", "basis_reason": "scored among all established customers",
        "probability": 0.31, "previous_probability": 0.04, "probabilities": {"leave": 0.31, "brand_downgrade": 0.02, "arpu_decline": 0.2},
        "versions": {"leave": 3, "brand_downgrade": 0, "arpu_decline": 0},
        "reasons": [{"cause": "usage_fall", "contribution": 1.2, "text": "Calls are 38 % of what they were in the three months before",
                     "value": 38.0, "baseline": 100.0, "evidence": {"months": ["2026-10"]}, "remedy": "Find out where they call from now",
                     "if_remedied": 0.12}],
        "sensitivity": {"kind": "persuadable", "uplift": 0.06, "low": 0.02, "high": 0.1, "basis": "hold_outs"},
    }  # fmt: skip

    as_of: date
    population: Word | None = Field(default=None, description="Among whom they are scored; null: not by a model, see `basis_reason`")
    basis: Literal["model", "rules"]
    basis_reason: Text
    probability: float = Field(ge=0, le=1, description="To leave within the horizon of the churn definition")
    previous_probability: float | None = Field(default=None, ge=0, le=1)
    probabilities: dict[Word, float] = Field(default={}, description="By target: leave, brand_downgrade, arpu_decline")
    versions: dict[Word, int] = Field(default={}, description="By target, of the model; 0: the built-in one, trained on a simulated operator")
    reasons: tuple[ChurnReason, ...] = Field(default=(), max_length=10, description="The strongest, those that raise it first")
    sensitivity: dict[str, Any] = Field(default={}, description="What a contact would change; empty: nobody knows yet, see GET /customers/{id}/churn")


class ChurnScoreDropped(Payload):
    """A customer has no churn score any more. Its sequence is that of the scores."""

    type: ClassVar = "segmentation.churn_score_dropped.v1"
    topic: ClassVar = topics.SEGMENTS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {"reason": "merged"}

    reason: Literal["merged", "erased"]


PAYLOADS: tuple[type[Payload], ...] = (RfmScored, RfmDropped, AlertRaised, StandingChanged, StandingDropped, MomentReached, ChurnScored, ChurnScoreDropped)
