"""A row of `standings`, by what a test says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def standing(**said: Any) -> dict[str, Any]:
    return {
        "customer_id": "C-1", "as_of": "2026-11-01", "value_minor": 0, "value_terms": [], "future_value_minor": 0, "tier": "iron", "tier_reason": "",
        "grade": None, "star": 1, "category": "other", "lifecycle": "mature", "lifecycle_since": "2026-01-01", "lifecycle_reason": "", "status_group": "stable",
        "churn_probability": 0.0, "churn_cause": "none", "revenue_at_risk_minor": 0, "cluster": None, "owed_minor": 0, "overdue_days": 0, "dunning_level": 0,
        "bad_debt_risk": 0.0, "bad_debt_points": {}, "left_on": None, "parameter_version": 0, "stale_feeds": [], "published": 1,
        "assessed_at": datetime(2026, 11, 1, tzinfo=UTC),
    } | said  # fmt: skip
