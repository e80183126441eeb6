"""The shipped learner beside what else could be fitted, on the same rows and the same splits, so that the choice is a measured one.

With times, what was observed last is held out and the rest is learned from, less a horizon: its labels were not known yet. Without, five
folds of customers. "Within noise" is computed: the 95 % interval of the difference in AUC, over customers drawn again, holds zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from services.segmentation.churn.model import Matrix, Metric
from services.segmentation.training import metrics
from services.segmentation.training.fit import Indices, Leaves, Table, fit
from services.segmentation.training.metrics import Floats

FOLDS = 5
LATER_SHARE = 0.25
"""Of the rows, those observed last."""
SHIPPED = "shipped"
LEAST_OF_EACH = 20
FEW_ROWS = 20_000
"""So few are learned by heart sooner."""

Learner = Callable[[Table, Matrix, int], Floats]
"""From what is learned from, the rows that are asked for and a seed, to their probabilities."""
Verdict = Literal["better", "within noise", "worse"]


class Row(NamedTuple):
    learner: str
    figures: dict[str, Metric]
    ahead: Metric | None
    """AUC of the shipped learner less that of this one, on the same draws; None for itself."""

    @property
    def verdict(self) -> Verdict | None:
        """What the shipped learner is, beside this one."""
        if self.ahead is None:
            return None
        return "better" if self.ahead.low > 0 else "worse" if self.ahead.high < 0 else "within noise"


class HeldOut(NamedTuple):
    """Rows that were not learned from, and what the shipped learner says of them."""

    positions: Indices
    labels: NDArray[np.int8]
    groups: NDArray[Any]
    probabilities: Floats
    how: Literal["folds", "later"]


class Comparison(NamedTuple):
    rows: list[Row]
    """The shipped learner first."""
    held_out: HeldOut


def compare(
    table: Table,
    seed: int = 0,
    *,
    categories: Collection[str] = (),
    horizon_days: int = 0,
    folds: int = FOLDS,
    learners: Mapping[str, Learner] | None = None,
    beside: Mapping[str, Table] | None = None,
    leaves: Leaves = 3,
    draws: int = metrics.DRAWS,
) -> Comparison:
    """`categories`: the features that are codes, for the learner that has no use for an order.

    `beside`: the same rows with other features, such as those of the file alone: every other learner is run on them too.
    """
    splits = list(_splits(table, seed, folds, horizon_days))
    positions = np.sort(np.concatenate([held for _, held in splits]))
    probabilities = _held_out(shipped(leaves), table, splits, seed)
    held_out = HeldOut(positions, table.labels[positions], table.groups[positions], probabilities, "folds" if table.times is None else "later")
    others = others_than_shipped(categories, leaves) if learners is None else learners
    rows = [Row(SHIPPED, _figures(held_out, held_out.probabilities, seed, draws), None)]
    for where, features in ({"": table} | dict(beside or {})).items():
        for name, learner in others.items():
            rows.append(_row(f"{name}{where}", held_out, _held_out(learner, features, splits, seed), seed, draws))
    return Comparison(rows, held_out)


def held_out_of(table: Table, seed: int = 0, *, folds: int = FOLDS, horizon_days: int = 0, leaves: Leaves = 3) -> Floats:
    """What the shipped learner says of the rows that it did not learn from, in the order of the table, on the splits of `compare`."""
    return _held_out(shipped(leaves), table, list(_splits(table, seed, folds, horizon_days)), seed)


def without(table: Table, names: Collection[str]) -> Table:
    """The same rows, less these features."""
    kept = [index for index, name in enumerate(table.features) if name not in names]
    return table._replace(features=tuple(table.features[index] for index in kept), rows=table.rows[:, kept])


def shipped(leaves: Leaves) -> Learner:
    def learner(learned: Table, rows: Matrix, seed: int) -> Floats:
        return fit(learned, seed=seed, least_of_each=LEAST_OF_EACH, leaves=leaves).probability(rows)

    return learner


def others_than_shipped(categories: Collection[str] = (), leaves: Leaves = 3) -> dict[str, Learner]:
    """Each at settings that serve it well on these sizes; none was searched for on the rows it is judged by."""

    def logistic(learned: Table, rows: Matrix, seed: int) -> Floats:
        return _logistic(learned, rows, seed, categories)

    smaller: dict[str, Learner] = {"three leaves, exact reasons": shipped(3)} if leaves != 3 else {}
    return smaller | {"logistic regression": logistic, "LightGBM, 31 leaves": _lightgbm, "CatBoost": _catboost}


def _logistic(learned: Table, rows: Matrix, seed: int, categories: Collection[str]) -> Floats:
    codes = [index for index, name in enumerate(learned.features) if name in categories]
    numbers = [index for index, name in enumerate(learned.features) if name not in categories]
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler())
    each = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", scaled, numbers), ("codes", each, codes)])
    model = make_pipeline(columns, LogisticRegression(max_iter=1_000, random_state=seed)).fit(learned.rows.astype(np.float64), learned.labels)
    return np.asarray(model.predict_proba(rows.astype(np.float64))[:, 1])


def _lightgbm(learned: Table, rows: Matrix, seed: int) -> Floats:
    model = LGBMClassifier(
        num_leaves=31, n_estimators=300, learning_rate=0.03, min_child_samples=100, reg_lambda=20, subsample=0.8, subsample_freq=1, colsample_bytree=0.4,
        n_jobs=1, random_state=seed, verbose=-1,
    ).fit(learned.rows, learned.labels)  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")  # LightGBM names the columns of an array itself
        return np.asarray(model.predict_proba(rows)[:, 1])


def _catboost(learned: Table, rows: Matrix, seed: int) -> Floats:
    from catboost import CatBoostClassifier  # where nothing is compared it is not installed

    iterations = 500 if len(learned.rows) > FEW_ROWS else 150
    model = CatBoostClassifier(
        iterations=iterations, learning_rate=0.06, depth=6, l2_leaf_reg=10, thread_count=1, random_seed=seed, verbose=False, allow_writing_files=False
    )
    found: Floats = np.asarray(model.fit(learned.rows, learned.labels).predict_proba(rows))[:, 1]
    return found


def _splits(table: Table, seed: int, folds: int, horizon_days: int) -> Iterator[tuple[Indices, Indices]]:
    """What is learned from, and what is held out."""
    if table.times is None:
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(table.rows, table.labels, table.groups)
        return
    cut = max(np.quantile(table.times, 1 - LATER_SHARE, method="higher"), table.times.min() + 1)
    learned, held = np.flatnonzero(table.times <= cut - max(horizon_days, 1)), np.flatnonzero(table.times >= cut)
    if not len(learned) or not len(held):
        raise metrics.CannotEvaluate(f"too little time: nothing is left to learn from {horizon_days} days before the last rows")
    yield learned, held


def _held_out(learner: Learner, table: Table, splits: list[tuple[Indices, Indices]], seed: int) -> Floats:
    found = np.full(len(table.labels), np.nan)
    for learned, held in splits:
        found[held] = learner(table.only(learned), table.rows[held], seed)
    asked: Floats = found[np.sort(np.concatenate([held for _, held in splits]))]
    return asked


def _row(name: str, held_out: HeldOut, probabilities: Floats, seed: int, draws: int) -> Row:
    ahead = metrics.difference(held_out.labels, held_out.probabilities, probabilities, groups=held_out.groups, seed=seed, draws=draws)
    return Row(name, _figures(held_out, probabilities, seed, draws), ahead)


def _figures(held_out: HeldOut, probabilities: Floats, seed: int, draws: int) -> dict[str, Metric]:
    return metrics.evaluate(held_out.labels, probabilities, groups=held_out.groups, seed=seed, draws=draws)
