"""Future value: what a customer is expected to bring within a horizon, discounted, in minor units."""

from __future__ import annotations

from services.segmentation.clv.purchases import PurchaseModel, expected_purchases
from services.segmentation.clv.spend import SpendModel, expected_spend
from services.segmentation.clv.survival import SurvivalModel, expected_months

_WEEKS_IN_YEAR = 365.25 / 7


def future_purchases_minor(
    purchases: PurchaseModel,
    spend: SpendModel,
    *,
    frequency: int,
    recency_weeks: float,
    age_weeks: float,
    paid_days: int,
    mean_paid_minor: float,
    horizon_weeks: float,
    yearly_discount: float,
) -> int:
    """For who pays as they go. Frequency and recency are of repeat purchases; what one is worth is judged by all `paid_days` and their mean,
    as `spend` was fitted, in minor units."""
    weekly_discount = (1 + yearly_discount) ** (1 / _WEEKS_IN_YEAR) - 1
    count = expected_purchases(purchases, frequency, recency_weeks, age_weeks, horizon_weeks, weekly_discount=weekly_discount)
    return round(float(count * expected_spend(spend, paid_days, mean_paid_minor)))


def future_bills_minor(model: SurvivalModel, *, tenure_months: int, month_minor: float, horizon_months: int, yearly_discount: float) -> int:
    """For who has a contract. `month_minor` is what one month brings; below zero if it costs more."""
    monthly_discount = (1 + yearly_discount) ** (1 / 12) - 1
    return round(month_minor * float(expected_months(model, tenure_months, horizon_months, monthly_discount)))
