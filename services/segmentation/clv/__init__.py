"""Customer lifetime value: what is still to come from a customer, in money.

Who tops up as they like is judged by BG/NBD (how many purchases are to come) and Gamma-Gamma (how much each is worth). Who has a contract is judged
by how long it will last, the shifted beta-geometric. Each is fitted to a population, kept as a document, and asked for one customer or many.
"""

from services.segmentation.clv.fitting import CannotFit, Grouped, grouped
from services.segmentation.clv.future import future_bills_minor, future_purchases_minor
from services.segmentation.clv.purchases import PurchaseModel, expected_purchases, fit_purchases, probability_alive
from services.segmentation.clv.spend import SpendModel, expected_spend, fit_spend
from services.segmentation.clv.survival import SurvivalModel, expected_months, fit_survival, survival

__all__ = [
    "CannotFit",
    "Grouped",
    "PurchaseModel",
    "SpendModel",
    "SurvivalModel",
    "expected_months",
    "expected_purchases",
    "expected_spend",
    "fit_purchases",
    "fit_spend",
    "fit_survival",
    "future_bills_minor",
    "future_purchases_minor",
    "grouped",
    "probability_alive",
    "survival",
]
