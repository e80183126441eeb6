"""Customers held while their rows change, and settled: whatever changed in them followed through to everything that depends on it.

The stream, the day's re-cut and the look at groups all work so:
1. `hold`: the features rows are locked, in order of their ids; scores and standings are read.
2. The caller changes features, and purchases.
3. `settle`: RFM scores, the churn score, the standing, groups, warnings, and the counts of business analysis, each written once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation.analysis import Counted, snapshot_of
from services.segmentation.features import UNKNOWN, Features
from services.segmentation.parameters import Rfm
from services.segmentation.patterns.finding import Alert
from services.segmentation.repository import customers, standings
from services.segmentation.repository import rfm as scores
from services.segmentation.use_cases import alerting, analysis, groups
from services.segmentation.use_cases.assessing import assess_held
from services.segmentation.use_cases.rules import Rules
from services.segmentation.use_cases.scoring import score_held
from shared.contracts.customer import Fact
from shared.database import Transaction


@dataclass(slots=True)
class Held:
    features: dict[str, Features]
    scores: Mapping[str, sa.Row[Any]]
    standings: Mapping[str, sa.Row[Any]]
    counted: Mapping[str, Counted | None]
    """What each counted for in business analysis."""
    to_score: set[str] = field(default_factory=set)
    """Whose RFM may come out otherwise."""
    alerts: list[Alert] = field(default_factory=list)
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    """What is news of each."""
    retold: set[str] = field(default_factory=set)
    """Who is being told again from the beginning: until all is told, nothing that is missing is news."""


async def hold(tx: Transaction, customer_ids: Collection[str], now: datetime) -> Held:
    """The customers, new ones among them, locked until the transaction ends."""
    features = await customers.hold(tx, customer_ids, now)
    scored, stood = await scores.rfm_of(tx, features), await standings.before(tx, features)
    counted = {one: snapshot_of(features[one], stood.get(one), scored[one].segment if one in scored else None) for one in features}
    return Held(features, scored, stood, counted)


async def settle(
    tx: Transaction, held: Held, *, rules: Rules, today: date, now: datetime, scored_to: date | None = None, observed_step: int | None = None
) -> int:
    """As of `today`, recency counted to `scored_to` or else to where the feeds have come; whose RFM came out otherwise, in number.
    `observed_step`: of every so manieth customer the churn row is kept to learn from."""
    scored_to = scored_to or rules.behaviour_until(today)
    for features in held.features.values():
        population = population_of(features, rules.parameters.rfm)
        if population != features.population:
            features.population = population
            held.to_score.add(features.customer_id)
    scored = await score_held(tx, held.features, held.scores, held.to_score, in_force=rules.in_force, as_of=scored_to, now=now)
    assessed = await assess_held(
        tx,
        held.features,
        held.standings,
        scored,
        rules=rules,
        today=today,
        now=now,
        facts=held.facts,
        retold=held.retold,
        observed_step=observed_step,
    )
    await groups.follow(tx, held.features, today, rules.parameters.patterns)
    await customers.save_features(tx, held.features.values(), now)
    await alerting.raise_all(tx, [*held.alerts, *assessed.alerts], parameter_version=rules.in_force.version, now=now)
    counts = {one: snapshot_of(features, assessed.rows.get(one), scored.segment(one)) for one, features in held.features.items()}
    await analysis.apply(tx, [(held.counted[one], counts[one]) for one in sorted(counts)])
    return scored.changed


def population_of(features: Features, parameters: Rfm) -> str:
    """Whom the customer is scored among."""
    return (features.brand if parameters.populations == "brand" else features.payment_type) or UNKNOWN
