"""Models from the system's own history: the rows that were served on the days observed, and what became of those customers since.

Nothing is computed anew, so nothing can leak: what is learned from is, to the bit, what the model would have been asked with then.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.segmentation.churn.drift import reference
from services.segmentation.churn.model import Card, Metric
from services.segmentation.churn.row import FEATURES, ROW_VERSION
from services.segmentation.churn.scoring import Target, restored
from services.segmentation.churn.sensitivity import Exposure, SensitivityModel
from services.segmentation.parameters import Parameters
from services.segmentation.repository import churn as repository
from services.segmentation.training.export import export
from services.segmentation.training.fit import Fitted, Leaves, Table, fit
from services.segmentation.training.metrics import evaluate
from services.segmentation.training.uplift import evidence_of, fit_sensitivity
from shared.database import Transaction

READ_ROWS = 5_000
MOST_ROWS = 500_000
LIBRARIES = ("lightgbm", "onnx", "onnxruntime", "numpy", "scikit-learn")
SIMULATED = (
    "TRAINED ON A SIMULATED OPERATOR ALONE: it has seen no real customer, and none of its figures says anything about real ones.",
    "It stands in until there is enough history to train one on: until then read its reasons, not its decimals.",
)
ALWAYS = (
    "A customer who was contacted is in it as they came out: one who was saved counts as one who stayed.",
    "It learned from the calling, paying and complaining of the days observed: a new tariff, a price war or a disaster is news to it.",
)


class Made(NamedTuple):
    """A model, and what it says of customers whom it was not fitted to."""

    content: bytes
    card: Card
    fitted: Fitted
    table: Table
    labels: NDArray[np.int8]
    probabilities: NDArray[np.float64]


async def tables(tx: Transaction, target: Target, *, since: date | None = None) -> dict[str, Table]:
    """By population, the newest rows with a label."""
    rows: dict[str, list[tuple[NDArray[np.float32], int, str, int]]] = {}
    async for row in _labelled(tx, target, since or date.min + timedelta(days=1)):
        label, day = getattr(row, target), date.fromisoformat(row.observed_on).toordinal()
        rows.setdefault(row.population, []).append((restored(row.row), label, row.customer_id, day))
    return {population: _table(found[-MOST_ROWS:]) for population, found in sorted(rows.items())}


async def sensitivity(tx: Transaction, *, least_events: int, seed: int) -> SensitivityModel:
    """From who was contacted and who was held out. Raises `uplift.NotServable`."""
    found = await repository.exposures(tx, row_version=ROW_VERSION, limit=MOST_ROWS)
    if not found:
        return fit_sensitivity(FEATURES, np.empty((0, len(FEATURES)), np.float32), [], [], least_events=least_events, seed=seed)
    seen = evidence_of(Exposure(row.customer_id, restored(row.row).tolist(), row.arm, row.leave == 1) for row in found)
    return fit_sensitivity(FEATURES, seen.rows, seen.treated, seen.left, customers=seen.customers, least_events=least_events, seed=seed)


def make(
    table: Table,
    *,
    target: Target,
    population: str,
    parameters: Parameters,
    simulated: str = "",
    least_of_each: int = 100,
    leaves: Leaves = 3,
    seed: int = 0,
) -> Made:
    """`simulated`: of which simulated operator the history is, in words; without it, it is the operator's own. Raises TooThin, ParityError."""
    horizon_days = horizon_of(target, parameters)
    fitted = fit(table, seed=seed, horizon_days=horizon_days, least_of_each=least_of_each, leaves=leaves)
    held = fitted.held_out
    labels = table.labels[held.positions]
    metrics = evaluate(labels, held.probabilities, groups=table.groups[held.positions], seed=seed)
    card = _card(table, fitted, metrics, target, population, parameters, simulated)
    return Made(export(fitted, card), card, fitted, table, labels, held.probabilities)


def horizon_of(target: Target, parameters: Parameters) -> int:
    """Days until the label of a day is known for sure; of ARPU until the end of the month after."""
    return 62 if target == "arpu_decline" else parameters.churn.horizon_days


def _card(table: Table, fitted: Fitted, metrics: dict[str, Metric], target: Target, population: str, parameters: Parameters, simulated: str) -> Card:
    assert table.times is not None
    first, last = (date.fromordinal(int(day)).isoformat() for day in (table.times.min(), table.times.max()))
    return Card(
        name=f"{target} of {population} customers, observed until {last}",
        target=target,
        population=population,
        features=FEATURES,
        row_version=ROW_VERSION,
        source="simulated" if simulated else "own_history",
        data=simulated or f"the operator's own history: {len(np.unique(table.groups)):,} customers, observed now and then",
        period=(first, last),
        definition=_definition(target, parameters),
        horizon_days=horizon_of(target, parameters),
        rows=len(table.rows),
        positives=int(table.labels.sum()),
        training_base_rate=fitted.training_base_rate,
        deployment_base_rate=fitted.deployment_base_rate,
        metrics=metrics,
        reference={name: reference(table.rows[:, nth]) for nth, name in enumerate(FEATURES)} | {"score": reference(fitted.held_out.probabilities)},
        typical=_typical(table),
        limits=(*(SIMULATED if simulated else ()), *ALWAYS),
        seed=fitted.seed,
        leaves=fitted.leaves,
        libraries={name: version(name) for name in LIBRARIES},
    )


def _definition(target: Target, parameters: Parameters) -> dict[str, Any]:
    if target == "leave":
        return parameters.churn.model_dump(mode="json")
    names = {"brand_downgrade": (), "arpu_decline": ("arpu_decline_percent", "arpu_least_minor")}[target]
    said = {"brand_downgrade": "holds a lower brand a horizon later", "arpu_decline": "the next whole month is so much below the mean of three before"}
    return {"what": said[target], **{name: getattr(parameters.churn_score, name) for name in names}}


def _typical(table: Table) -> dict[str, float]:
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of columns without any value
        medians = np.nanmedian(table.rows, axis=0)
    return {name: float(median) for name, median in zip(table.features, medians, strict=True) if np.isfinite(median)}


def _table(rows: list[tuple[NDArray[np.float32], int, str, int]]) -> Table:
    values, labels, customers, days = zip(*rows, strict=True)
    return Table(FEATURES, np.stack(values), np.array(labels, np.int8), np.array(customers), np.array(days, np.int64))


async def _labelled(tx: Transaction, target: Target, since: date) -> AsyncIterator[Any]:
    after = ("", "")
    while rows := await repository.labelled(tx, target, since=since.isoformat(), after=after, limit=READ_ROWS):
        for row in rows:
            if row.row_version == ROW_VERSION:
                yield row
        after = rows[-1].observed_on, rows[-1].customer_id
