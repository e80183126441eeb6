"""What a customer is worth and how likely they leave, as segmentation told it last: what a contact is weighed by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from shared.contracts.segmentation import ChurnScored, RfmScored, StandingChanged

Basis = Literal["hold_outs", "risk_x_save_rate"]
ASKED_OF_STANDING = (
    "grade", "star", "category", "lifecycle", "status_group", "cluster", "dunning_level", "owed_minor", "value_minor", "revenue_at_risk_minor",
)  # fmt: skip
"""Kept beside tier and future value, for audiences."""


@dataclass(frozen=True, slots=True)
class Worth:
    """None, or 0 of a sequence: not told yet."""

    customer_id: str
    standing_sequence: int = 0
    tier: str | None = None
    future_value_minor: int | None = None
    churn_sequence: int = 0
    risk: float | None = None
    """Probability to leave within the horizon."""
    sensitivity: Mapping[str, Any] = field(default_factory=dict)
    """Kind, uplift and its interval, learned from hold-outs; empty: nobody knows yet."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Of the models that said so."""
    reasons: Sequence[Mapping[str, Any]] = ()
    """Why they may leave, those that raise the risk first, as they were told last."""
    standing: Mapping[str, Any] = field(default_factory=dict)
    rfm_sequence: int = 0
    rfm: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        found: str | None = self.sensitivity.get("kind")
        return found

    @property
    def uplift(self) -> float | None:
        """By how much a contact lowers the probability to leave; None while hold-outs do not say."""
        return float(self.sensitivity["uplift"]) if self.sensitivity.get("basis") == "hold_outs" else None


def with_standing(held: Worth, sequence: int, told: StandingChanged | None) -> Worth:
    """None: stands nowhere any more. What is older than what is held says nothing."""
    if sequence <= held.standing_sequence:
        return held
    if told is None:
        return replace(held, standing_sequence=sequence, tier=None, future_value_minor=None, standing={})
    standing = {name: value for name in ASKED_OF_STANDING if (value := getattr(told, name)) is not None}
    return replace(held, standing_sequence=sequence, tier=told.tier, future_value_minor=told.future_value_minor, standing=standing)


def with_rfm(held: Worth, sequence: int, told: RfmScored | None) -> Worth:
    """None: has no scores any more."""
    if sequence <= held.rfm_sequence:
        return held
    return replace(held, rfm_sequence=sequence, rfm={} if told is None else {"segment": told.segment, "r": told.r, "f": told.f, "m": told.m})


def with_score(held: Worth, sequence: int, told: ChurnScored | None) -> Worth:
    """None: has no score any more."""
    if sequence <= held.churn_sequence:
        return held
    if told is None:
        return replace(held, churn_sequence=sequence, risk=None, sensitivity={}, versions={}, reasons=[])
    reasons = [one.model_dump(mode="json") for one in told.reasons]
    return replace(held, churn_sequence=sequence, risk=told.probability, sensitivity=told.sensitivity, versions=told.versions, reasons=reasons)
