"""What makes a campaign decide about a customer: a warning, a moment of their life, a move in the club, a credit, or the turn of its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import orjson

from services.retention.hold_out import Arm
from shared.contracts.retention import CreditApproved
from shared.contracts.segmentation import AlertRaised, MomentReached

SCHEDULE = "schedule"
"""The kind under which a campaign lists what its schedule offers."""
CREDIT_APPROVED = "credit_approved"
"""The kind of what a person approved: it is told to the customer by a notice."""


class Occasion(NamedTuple):
    """`alert_id` names it; deciding twice about one is impossible."""

    alert_id: str
    kind: str
    severity: Literal["warning", "urgent"]
    reason: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch chose for a customer, with all others in view."""

    offer_id: str | None
    """None: it chose others."""
    why: str
    arm: Arm | None = None
    """Drawn within their stratum; who was assigned before keeps that one."""


class Alert(NamedTuple):
    """An occasion of one customer. `plan`: of a batch; None: it is decided by itself. `about`: what templates may name beside the offer."""

    customer_id: str
    raised: Occasion
    waited: timedelta = timedelta(0)
    plan: Plan | None = None
    about: Mapping[str, Any] | None = None


def of_credit(credit: CreditApproved) -> Occasion:
    return Occasion(credit.credit_id, CREDIT_APPROVED, "warning", "A credit was approved", credit.approved_at)


def of(told: AlertRaised | MomentReached) -> Occasion:
    """A moment is no trouble by itself: its contact is as urgent as one by a warning."""
    if isinstance(told, MomentReached):
        return Occasion(told.moment_id, told.moment, "warning", told.reason, told.reached_at)
    return Occasion(told.alert_id, told.kind, told.severity, told.reason, told.raised_at)


def to_json(occasion: Occasion) -> str:
    return orjson.dumps(occasion._asdict()).decode()


def from_json(text: str) -> Occasion:
    told: dict[str, Any] = orjson.loads(text)
    return Occasion(**{name: told[name] for name in Occasion._fields} | {"raised_at": datetime.fromisoformat(told["raised_at"])})
