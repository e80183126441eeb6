"""How a customer uses the network and pays, per month: what clusters are found in."""

from __future__ import annotations

from datetime import date

from services.segmentation.features import Features
from services.segmentation.features.months import DATA_KB, IN_SECONDS, OUT_SECONDS, back, covered, revenue_minor, total

MONTHS = 3
LEAST_DAYS = 14
"""Covered by usage summaries: less is no behaviour."""
DAYS_PER_MONTH = 30.44


def behaviour_of(features: Features, today: date) -> dict[str, float] | None:
    """The measures of `clusters.MEASURES`, per 30.44 covered days of the last three whole months and the one running; None: too little."""
    months = back(features.months, today, 0, MONTHS)
    days = covered(months)
    if days < LEAST_DAYS:
        return None
    per_month = DAYS_PER_MONTH / days
    out_seconds = total(months, *OUT_SECONDS)
    return {
        "out_minutes": out_seconds / 60 * per_month,
        "in_minutes": total(months, *IN_SECONDS) / 60 * per_month,
        "off_net_share": total(months, "out_off_net_seconds") / out_seconds if out_seconds else 0.0,
        "international_minutes": total(months, "out_international_seconds") / 60 * per_month,
        "data_mb": total(months, *DATA_KB) / 1000 * per_month,
        "sms": total(months, "sms_out") * per_month,
        "roaming_days": total(months, "roaming_days") * per_month,
        "spend_minor": max(0, revenue_minor(months)) * per_month,
    }
