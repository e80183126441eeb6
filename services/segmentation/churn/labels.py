"""What became of a customer after they were observed, one label for each target that is scored: 1 it came, 0 it did not, -1 excluded."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from services.segmentation.churn.model import Matrix
from services.segmentation.churn.row import FEATURES
from services.segmentation.churn_definition import label_of
from services.segmentation.features import Features
from services.segmentation.features.active import GAP_DAYS
from services.segmentation.features.months import revenue_minor
from services.segmentation.parameters import Churn, ChurnScore
from shared import clock

CAME, STAYED_AWAY, EXCLUDED = 1, 0, -1
BASELINE_MONTHS = 3
_BRAND_RANK = FEATURES.index("brand_rank")


def matures_within(parameters: Churn) -> int:
    """Days after which the label of leaving is final, of whatever payment type."""
    return parameters.horizon_days + parameters.maturation_days + GAP_DAYS


def has_left(features: Features | None, observed_on: date, *, known_on: date, parameters: Churn) -> int:
    """By the churn definition."""
    if features is None:
        return EXCLUDED
    state = label_of(features, observed_on, known_on=known_on, parameters=parameters).state
    return {"churned": CAME, "stayed": STAYED_AWAY}.get(state, EXCLUDED)


def brand_downgraded(row: Matrix, later: Matrix | None) -> int:
    """Holds a lower brand than then. `later`: the row observed a horizon later; None: there is none, they left or were not observed."""
    if later is None or np.isnan(row[_BRAND_RANK]) or np.isnan(later[_BRAND_RANK]):
        return EXCLUDED
    return CAME if later[_BRAND_RANK] < row[_BRAND_RANK] else STAYED_AWAY


def arpu_declined(features: Features | None, observed_on: date, *, parameters: ChurnScore) -> int:
    """The first whole month after the day against the mean of the three before its own. Of who left by then nothing is said."""
    if features is None or features.is_gone:
        return EXCLUDED
    month = f"{observed_on:%Y-%m}"
    after = clock.months_before(month, -1)
    before = [clock.months_before(month, count) for count in range(1, BASELINE_MONTHS + 1)]
    ends = clock.bounds_of(after)[1].date() - timedelta(days=1)
    if min(before) < min(features.months, default="9999") or (features.left_on and features.left_on <= ends):
        return EXCLUDED
    baseline = revenue_minor(features.months.get(one, {}) for one in before) / BASELINE_MONTHS
    if baseline < parameters.arpu_least_minor:
        return EXCLUDED
    spent = revenue_minor([features.months.get(after, {})])
    return CAME if spent <= baseline * (100 - parameters.arpu_decline_percent) / 100 else STAYED_AWAY
