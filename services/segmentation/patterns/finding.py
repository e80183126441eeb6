"""A pattern that is there, and the alert that it raises when it is armed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple

from shared.contracts.customer import Fact
from shared.contracts.segmentation import AlertKind

Severity = Literal["warning", "urgent"]


class Finding(NamedTuple):
    """A pattern that is there, whether or not it is to be raised."""

    kind: AlertKind
    severity: Severity
    reason: str
    evidence: dict[str, Any]
    at: datetime
    caused_by: str

    @classmethod
    def by(cls, fact: Fact, kind: AlertKind, severity: Severity, reason: str, evidence: dict[str, Any]) -> Finding:
        return cls(kind, severity, reason, evidence, fact.time, fact.id)


class Alert(NamedTuple):
    alert_id: str
    customer_id: str
    finding: Finding
