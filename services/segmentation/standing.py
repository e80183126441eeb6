"""Where a customer stands: everything that follows from their features, in one pass, by one parameter set and what was learned.

Pure, so that the stream, the re-cut, a preview of other parameters and a test all get the same answer from the same row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from services.segmentation import arrears, lifecycle, risk, tiers, value
from services.segmentation.features import Features, account
from services.segmentation.features.account import Position
from services.segmentation.features.months import COMPLAINTS, MONTHS_OF_YEAR, back, revenue_minor, revenue_months, total
from services.segmentation.models import Learned
from services.segmentation.parameters import ParameterSet
from services.segmentation.rfm import Purchases
from services.segmentation.seen import Seen
from services.segmentation.value import Worth
from services.segmentation.words import TIERS, Category, Grade, Measure, Stage, StatusGroup, Tier

NO_CHURN_WARNINGS = frozenset({"fraud", "rfm_migration"})
"""The one is about a bill; the other says that money comes later than usual, which mostly passes (docs/patterns.md)."""

# Another value or probability alone is no news: they change with every payment.
NEWS = ("tier", "grade", "star", "category", "lifecycle", "status_group", "cluster", "dunning_level", "churn_cause")


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of `standings`, but for when it was made and published."""

    customer_id: str
    as_of: str
    value_minor: int
    value_terms: list[dict[str, Any]]
    future_value_minor: int
    tier: Tier | None
    tier_reason: str
    grade: Grade | None
    star: int
    category: Category
    lifecycle: Stage
    lifecycle_since: str
    lifecycle_reason: str
    status_group: StatusGroup
    churn_probability: float
    churn_cause: str
    revenue_at_risk_minor: int
    cluster: str | None
    owed_minor: int
    overdue_days: int
    dunning_level: int
    bad_debt_risk: float
    bad_debt_points: dict[str, int]
    left_on: str | None
    parameter_version: int

    def row(self) -> dict[str, Any]:
        """Not `asdict`, which copies the terms part by part: a fifth of the time of a batch."""
        return {name: getattr(self, name) for name in self.__slots__}


class Before(NamedTuple):
    """What hysteresis and the state machine need of the last assessment."""

    tier: str | None = None
    grade: str | None = None
    star: int | None = None
    lifecycle: Stage | None = None
    lifecycle_since: str = ""
    lifecycle_reason: str = ""
    status_group: StatusGroup | None = None
    dunning_level: int = 0


class Debt(NamedTuple):
    """What is owed as of a day, how likely it is lost, and which dunning step is due."""

    position: Position
    risk: arrears.BadDebt
    dunning_level: int


def debt_of(features: Features, seen: Seen, in_force: ParameterSet) -> Debt:
    """Where payments are not told of, nothing is known to be owed."""
    rules = in_force.parameters.arrears
    position = account.position(features.account, seen.payments) if seen.payments else account.NOTHING_OWED
    risk_of_loss = arrears.bad_debt(features.account, features.months, position, seen.behaviour, rules)
    return Debt(position, risk_of_loss, arrears.dunning_level(position, rules))


def assess(
    features: Features,
    *,
    purchases: Purchases | None,
    debt: Debt,
    open_alerts: list[str],
    leaves: float | None = None,
    before: Before,
    seen: Seen,
    in_force: ParameterSet,
    learned: Learned,
) -> tuple[Standing, Worth]:
    """`open_alerts`: the kinds open after what was found today. `leaves`: the probability that a model says; None: rules say it."""
    parameters, behaviour_until = in_force.parameters, seen.behaviour
    future = learned.future_value_minor(features, purchases, behaviour_until, parameters.value)
    worth = value.worth(
        features, today=behaviour_until, position=debt.position, bad_debt_risk=debt.risk.risk, future_value_minor=future, parameters=parameters.value
    )
    measures = measures_of(features, purchases, behaviour_until)
    stage, reason = lifecycle.next_stage(before.lifecycle, lifecycle.situation_of(features, seen), parameters.lifecycle)
    is_customer = stage != "prospect" or purchases is not None
    points = learned.points(parameters)
    placed = _as_left(features, before) or tiers.tier_of(worth.value_minor, points=points, before=before.tier, measures=measures, parameters=parameters.tiers)
    group = status_group(features, open_alerts)
    churn = risk.churn_risk([kind for kind in open_alerts if kind not in NO_CHURN_WARNINGS], learned.rates(parameters))
    probability = 0.0 if group == "off_net" else churn.probability if leaves is None else leaves
    standing = Standing(
        customer_id=features.customer_id,
        as_of=seen.today.isoformat(),
        value_minor=worth.value_minor,
        value_terms=[term._asdict() for term in worth.terms],
        future_value_minor=future,
        tier=placed.tier if is_customer else None,
        tier_reason=placed.reason if is_customer else "",
        grade=tiers.grade_of(features, before=before.grade, measures=measures, parameters=parameters.tiers),
        star=tiers.star_of(before=before.star, measures=measures, parameters=parameters.tiers),
        category=tiers.category_of(features, value_minor=worth.value_minor, tier=placed.tier, today=behaviour_until, parameters=parameters.tiers),
        lifecycle=stage,
        lifecycle_since=seen.today.isoformat() if stage != before.lifecycle else before.lifecycle_since,
        lifecycle_reason=reason or before.lifecycle_reason,
        status_group=group,
        churn_probability=probability,
        churn_cause=churn.cause if group != "off_net" else risk.NONE,
        revenue_at_risk_minor=round(probability * max(0, future)),
        cluster=learned.cluster_of(features, behaviour_until) if features.live else None,
        owed_minor=debt.position.owed_minor,
        overdue_days=debt.position.overdue_days,
        dunning_level=debt.dunning_level,
        bad_debt_risk=debt.risk.risk,
        bad_debt_points=debt.risk.points,
        left_on=features.left_on.isoformat() if features.left_on else None,
        parameter_version=in_force.version,
    )
    return standing, worth


def _as_left(features: Features, before: Before) -> tiers.Placed | None:
    """Who left keeps the tier they left with: that is who is to be won back, and whose leaving counts for it."""
    held = next((tier for tier in TIERS if tier == before.tier), None)
    return tiers.Placed(held, "as when they left") if held and features.left_on else None


def status_group(features: Features, open_alerts: list[str]) -> StatusGroup:
    """By the warnings of leaving."""
    if not features.live:
        return "off_net"
    return "warning" if set(open_alerts) - NO_CHURN_WARNINGS else "stable"


def measures_of(features: Features, purchases: Purchases | None, today: date) -> Mapping[Measure, int]:
    """What the rules of a parameter set can ask. A customer who never paid has the longest recency there is."""
    year, holding = back(features.months, today, 0, 11), features.holding
    joined = features.joined_on
    return {
        "recency_days": purchases.recency_days(today) if purchases else 10**6,
        "frequency": purchases.frequency if purchases else 0,
        "monetary_minor": purchases.monetary_minor if purchases else 0,
        "yearly_spend_minor": revenue_minor(revenue_months(features.months, today, MONTHS_OF_YEAR)),
        "monthly_spend_minor": revenue_minor(revenue_months(features.months, today, 3)) // 3,
        "tenure_days": max(0, (today - joined).days) if joined else 0,
        "written_off_minor": total(back(features.months, today, 0, 12), "written_off_minor"),
        "is_organisation": int(holding.get("kind") == "organisation"),
        "is_corporate": int(bool(holding.get("corporate_account"))),
        "live_subscriptions": len(features.live),
        "complaints_12m": total(year, *COMPLAINTS),
        "suspensions_6m": total(back(features.months, today, 0, 5), "suspensions"),
    }
