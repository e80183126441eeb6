"""What segmentation publishes: segments as they change, and warnings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.envelope import Id, Payload, Text, Word

Score = int
AlertKind = Literal["usage_fall", "forwarding_off_net", "port_out_inquiry"]


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
    caused_by: Id
    stale_feeds: StaleFeeds = ()


PAYLOADS: tuple[type[Payload], ...] = (RfmScored, RfmDropped, AlertRaised)
