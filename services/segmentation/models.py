"""What was learned from all customers together, newest of each kind, as the rules read it for one customer.

Each is a JSON document with a version, made by the re-cut (`value`, `risk`) or by learning (`use_cases/learning.py`): the lifetime
models, the clusters, what goes together. What is missing was not learned yet: the rules go on without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, get_args

from services.segmentation import clusters, clv
from services.segmentation.affinity import Rule, suggest
from services.segmentation.behaviour import behaviour_of
from services.segmentation.features import Features
from services.segmentation.parameters import Parameters, Value
from services.segmentation.rfm import Purchases
from services.segmentation.risk import rates
from services.segmentation.value import monthly_margin_minor

Kind = Literal["value", "risk", "lifetime", "survival", "clusters", "affinity"]
KINDS: tuple[Kind, ...] = get_args(Kind)

DAYS_PER_WEEK = 7
PLAN = "plan:"
DAYS_PER_MONTH = 30.44
WEEKS_PER_MONTH = DAYS_PER_MONTH / DAYS_PER_WEEK


@dataclass(frozen=True, slots=True)
class Learned:
    versions: Mapping[str, int] = field(default_factory=dict)
    value_points: tuple[int, ...] | None = None
    """The least value of iron, gold and platinum, by shares of the customers."""
    risk: Mapping[str, Mapping[str, Any]] | None = None
    purchases: clv.PurchaseModel | None = None
    spend: clv.SpendModel | None = None
    survival: clv.SurvivalModel | None = None
    clusters: clusters.Model | None = None
    affinity: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, documents: Mapping[str, tuple[int, dict[str, Any]]]) -> Learned:
        """From the stored documents, by kind: version and document."""
        found = {kind: document for kind, (_, document) in documents.items()}
        lifetime = found.get("lifetime", {})
        return cls(
            versions={kind: version for kind, (version, _) in documents.items()},
            value_points=tuple(found["value"]["points"]) if "value" in found else None,
            risk=found["risk"]["rates"] if "risk" in found else None,
            purchases=clv.PurchaseModel.of(lifetime["purchases"]) if lifetime else None,
            spend=clv.SpendModel.of(lifetime["spend"]) if lifetime else None,
            survival=clv.SurvivalModel.of(found["survival"]) if "survival" in found else None,
            clusters=clusters.Model.of(found["clusters"]) if "clusters" in found else None,
            affinity=tuple(Rule(**rule) for rule in found.get("affinity", {}).get("rules", ())),
        )

    def points(self, parameters: Parameters) -> tuple[int, ...]:
        if parameters.tiers.method == "shares" and self.value_points is not None:
            return self.value_points
        return parameters.tiers.thresholds_minor

    def rates(self, parameters: Parameters) -> Mapping[str, Mapping[str, Any]]:
        return self.risk if self.risk is not None else rates({}, parameters.risk)

    def cluster_of(self, features: Features, today: date) -> str | None:
        """Of a customer with usage in the last three months."""
        row = behaviour_of(features, today) if self.clusters else None
        return clusters.assign(self.clusters, row).name if self.clusters and row else None

    def suggestions(self, features: Features) -> list[Rule]:
        """Products to offer: another plan is no addition to what is held."""
        return [rule for rule in suggest(self.affinity, held_by(features)) if not rule.goes_with.startswith(PLAN)]

    def future_value_minor(self, features: Features, purchases: Purchases | None, today: date, parameters: Value) -> int:
        """The margin expected within the horizon, discounted: by purchases of who pays as they go, by the months that a contract is
        expected to last of who has one. Where nothing was learned, what the last three months brought goes on. 0 of who left."""
        if features.left_on or not (features.live or purchases):
            return 0
        if features.payment_type == "postpaid":
            return self._contract_minor(features, today, parameters)
        return self._purchases_minor(features, purchases, today, parameters)

    def _contract_minor(self, features: Features, today: date, parameters: Value) -> int:
        monthly = monthly_margin_minor(features.months, today, parameters)
        joined = features.joined_on
        if self.survival is None or joined is None:
            return monthly * parameters.horizon_months
        return clv.future_bills_minor(
            self.survival,
            tenure_months=max(0, int((today - joined).days / DAYS_PER_MONTH)),
            month_minor=monthly,
            horizon_months=parameters.horizon_months,
            yearly_discount=parameters.yearly_discount,
        )

    def _purchases_minor(self, features: Features, purchases: Purchases | None, today: date, parameters: Value) -> int:
        if purchases is None or purchases.first_day is None or self.purchases is None or self.spend is None:
            return monthly_margin_minor(features.months, today, parameters) * parameters.horizon_months
        repeats = purchases.frequency - 1
        minor = clv.future_purchases_minor(
            self.purchases,
            self.spend,
            frequency=repeats,
            recency_weeks=_weeks(purchases.first_day, purchases.paid_day or purchases.last_day) if repeats else 0.0,
            age_weeks=_weeks(purchases.first_day, max(today, purchases.last_day)),
            paid_days=purchases.frequency,
            mean_paid_minor=max(purchases.monetary_minor, 0) / purchases.frequency,
            horizon_weeks=parameters.horizon_months * WEEKS_PER_MONTH,
            yearly_discount=parameters.yearly_discount,
        )
        return minor * parameters.margin_percent // 100


def held_by(features: Features) -> set[str]:
    """Products, and plans as `plan:…`."""
    plans = {f"{PLAN}{one['plan']}" for one in features.live if one["plan"]}
    return plans | {product for one in features.live for product in one["products"]}


def _weeks(first: date, last: date) -> float:
    return (last - first).days / DAYS_PER_WEEK


NOTHING = Learned()
