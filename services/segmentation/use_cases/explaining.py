"""Why a customer is as likely to leave as they are: made again from the row that was scored, by the model that scored it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from services.segmentation import patterns
from services.segmentation.churn import sensitivity
from services.segmentation.churn.model import Model, ModelUnusable
from services.segmentation.churn.populations import Placed
from services.segmentation.churn.row import FEATURES, View
from services.segmentation.churn.scoring import LEAVE, Predicted, Served, restored
from services.segmentation.features import Features
from services.segmentation.repository import churn as repository
from services.segmentation.repository import customers, learning, standings
from services.segmentation.repository import rfm as scores
from services.segmentation.standing import NO_CHURN_WARNINGS, debt_of
from services.segmentation.use_cases import champions, churning, views
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases.observing import HEALTH
from services.segmentation.use_cases.rules import Rules
from services.segmentation.use_cases.scoring import Scored
from shared import clock
from shared.database import Transaction
from shared.errors import NotFound

Document = dict[str, Any]

EVERY_CAUSE = 100


async def now(tx: Transaction, customer_id: str) -> Document:
    """With every cause, the row, and what a contact would change. Raises NotFound, Gone."""
    features = await _there(tx, customer_id)
    row = await repository.of(tx, features.customer_id)
    if row is None:
        raise NotFound(f"{customer_id} has no churn score yet")
    rules = await ruling.read(tx, clock.now())
    served = await _served(tx, row, rules) if row.basis == "model" else None
    reasons, base = (await _by_model(tx, features, row, served, rules), served.model.base) if served else (_by_rules(features, row, rules), None)
    names = ("as_of", "population", "basis", "basis_reason", "probability", "probabilities", "versions", "scored_at")
    values = {name: None if math.isnan(value) else float(value) for name, value in zip(FEATURES, restored(row.row), strict=True)}
    said = {name: getattr(row, name) for name in names}
    contact = await _sensitivity(tx, features.customer_id, row, rules)
    return said | {"customer_id": features.customer_id, "base": base, "reasons": reasons, "row": values, "sensitivity": contact}


async def as_of(tx: Transaction, customer_id: str, moment: datetime) -> Document:
    """As it was told last by then, of one who was merged by then that of who carried on. Raises NotFound, Gone."""
    await views.there(tx, customer_id)
    found_id, row = await views.known(lambda one, at: repository.as_of(tx, one, at), customer_id, moment)
    if row is None:
        raise NotFound(f"{customer_id} had no churn score at {moment.isoformat()}")
    return dict(row._mapping) | {"customer_id": found_id, "base": None, "row": None, "sensitivity": None}


async def health(tx: Transaction) -> Document:
    found = await learning.newest_of(tx, HEALTH)
    listed = await champions.list_all(tx, before=None, limit=1)
    document = dict(found.document) if found is not None else {}
    return {
        "as_of": found.as_of if found is not None else None,
        "made_at": found.made_at if found is not None else None,
        "customers": found.customers if found is not None else 0,
        "alarms": document.pop("alarms", []),
        "document": document,
        "troubles": listed["troubles"],
    }


async def _there(tx: Transaction, customer_id: str) -> Features:
    found_id = (await views.there(tx, customer_id)).customer_id
    return (await customers.read_features(tx, [found_id]))[found_id]


async def _served(tx: Transaction, row: sa.Row[Any], rules: Rules) -> Served | None:
    """The model that made the score, also when another one is the champion since."""
    version = row.versions[LEAVE]
    champion = rules.models.champions.get((LEAVE, row.population))
    if champion is not None and champion.version == version:
        return champion
    try:
        content = (await repository.contents(tx, [version])).get(version)
        model = champions.load(content) if content else champions.built_in().champions[LEAVE, row.population].model
    except (ModelUnusable, KeyError):
        return None
    return Served(version, model) if isinstance(model, Model) else None


async def _by_model(tx: Transaction, features: Features, row: sa.Row[Any], served: Served, rules: Rules) -> Sequence[Document]:
    seen = rules.seen(clock.now().date())
    purchases = Scored({key: one._mapping for key, one in (await scores.rfm_of(tx, [features.customer_id])).items()}).purchases(features.customer_id)
    view = View(features, purchases, debt_of(features, seen, rules.in_force).position, seen)
    values = restored(row.row)
    contributions = served.model.score(np.stack([values])).contributions[0]
    one = Predicted(Placed(row.population, row.basis_reason), view, values, row.probabilities, row.versions, contributions=contributions)
    (reasons,) = churning.reasons_of([one], {served.version: served}, most=EVERY_CAUSE)
    return [churning.told(reason) for reason in reasons]


def _by_rules(features: Features, row: sa.Row[Any], rules: Rules) -> list[Document]:
    open_kinds = patterns.open_kinds(features, now=clock.now(), parameters=rules.parameters.patterns)
    judged = churning.Judged(row.probability, [kind for kind in open_kinds if kind not in NO_CHURN_WARNINGS])
    return churning.told_by_rules(judged, rules)


async def _sensitivity(tx: Transaction, customer_id: str, row: sa.Row[Any], rules: Rules) -> Document:
    stands = (await standings.of(tx, [customer_id])).get(customer_id)
    value_minor = max(0, stands.future_value_minor) if stands is not None else 0
    if row.sensitivity:
        ranked = sensitivity.by_sensitivity(row.sensitivity["uplift"], value_minor)
        return {**row.sensitivity, **ranked._asdict()}
    return sensitivity.fallback(row.probability, value_minor, reason=await _why_not(tx, rules))._asdict()


async def _why_not(tx: Transaction, rules: Rules) -> str:
    needed = rules.parameters.churn_score.sensitivity_least_events
    counts = await repository.exposure_counts(tx)
    told = ", ".join(f"of the {arm} arm {counts.get(arm, {}).get('left', 0)} left" for arm in ("treatment", "hold_out"))
    return f"no sensitivity model is in force; {told}, and {needed} of each are needed to learn one"
