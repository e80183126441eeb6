"""A churn model fitted to a table: boosted trees of three leaves, or of six, whose reasons can be exact in serving.

1. With times the last slice is put by: only the reported probabilities are made on it.
2. The number of trees is the one that cross-validates best over groups, so that no customer is on both sides.
3. A Platt scale stays only if it betters the log loss out of fold, on groups that it was not fitted to.
4. All rows together are fitted once more, and the log-odds are moved to the base rate of the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from services.segmentation.churn.model import Matrix

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

FOLDS = 3
LATER_SHARE = 0.25
"""Of the rows, those observed last: the slice that is put by."""
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
SHAPES: dict[int, dict[str, Any]] = {
    3: {"num_leaves": 3, "learning_rate": 0.15, "min_data_in_leaf": 30, "lambda_l2": 5.0, "feature_fraction": 0.6},
    6: {"num_leaves": 6, "learning_rate": 0.05, "min_data_in_leaf": 100, "lambda_l2": 20.0, "feature_fraction": 0.3},
}
"""By leaves. Six see up to five features together, for files with tens of thousands of customers; such a model is twenty times as large."""
MOST_TREES = {3: 600, 6: 1_000}
Leaves = Literal[3, 6]


class TooThin(Exception):
    """There are too few who churned, or who did not, to learn from."""


class Table(NamedTuple):
    """n rows, each a customer on a day. Raises nothing: `fit` says what is wrong with it."""

    features: tuple[str, ...]
    rows: Matrix
    """(n, features), NaN = not known."""
    labels: NDArray[np.int8]
    """(n,), 1 = churned within the horizon."""
    groups: NDArray[Any]
    """(n,), the customer."""
    times: NDArray[np.int64] | None = None
    """(n,), ordinal of the day observed."""

    def only(self, chosen: Indices) -> Table:
        times = None if self.times is None else self.times[chosen]
        return Table(self.features, self.rows[chosen], self.labels[chosen], self.groups[chosen], times)


class Platt(NamedTuple):
    """Calibrated log-odds are scale x log-odds + shift."""

    scale: float = 1.0
    shift: float = 0.0

    def apply(self, log_odds: Floats) -> Floats:
        return self.scale * log_odds + self.shift


class HeldOut(NamedTuple):
    """What a model says of rows that it was not fitted to, at the base rate of the table."""

    positions: Indices
    """Of these rows in the table."""
    probabilities: Floats
    kind: str
    """`later`: the last slice in time; `out_of_fold`: other customers of the same time."""


@dataclass(frozen=True)
class Fitted:
    booster: lightgbm.Booster
    features: tuple[str, ...]
    trees: int
    platt: Platt
    training_base_rate: float
    deployment_base_rate: float
    held_out: HeldOut
    seed: int
    leaves: int = 3

    @property
    def offset(self) -> float:
        """Of the log-odds, from the base rate of training to that of the deployment."""
        return float(logit(self.deployment_base_rate) - logit(self.training_base_rate))

    def log_odds(self, rows: Matrix) -> Floats:
        """(n,), by the learner itself: what an exported model is held against."""
        return self.platt.apply(_raw(self.booster, rows)) + self.offset

    def probability(self, rows: Matrix) -> Floats:
        """(n,), at the base rate of the deployment."""
        return np.asarray(expit(self.log_odds(rows)))

    def contributions(self, rows: Matrix) -> Floats:
        """(n, features + 1), in log-odds, by the learner itself; the last column is the base."""
        found = np.asarray(self.booster.predict(rows, pred_contrib=True), np.float64) * self.platt.scale
        found[:, -1] += self.platt.shift + self.offset
        return found


def fit(
    table: Table,
    *,
    seed: int = 0,
    deployment_base_rate: float | None = None,
    horizon_days: int = 0,
    least_of_each: int = 100,
    leaves: Leaves = 3,
    most_trees: int | None = None,
) -> Fitted:
    """The same table and seed give the same model.

    `deployment_base_rate`: the share who churn where it will be used, if not that of the table. `horizon_days`: rows whose label was
    not yet known when the later slice begins are not learned from to judge it. Raises TooThin, and ValueError for a table that is none.
    """
    _require_sound(table)
    earlier, later = _split(table, horizon_days)
    learned = table.only(earlier)
    _require_enough(learned, least_of_each)
    shape = PARAMETERS | SHAPES[leaves] | {"seed": seed}
    trees, out_of_fold = _cross_validated(learned, shape, most_trees or MOST_TREES[leaves])
    platt = _platt_if_it_helps(out_of_fold, learned)
    if len(later):
        held_out = HeldOut(later, expit(platt.apply(_raw(_boosted(learned, shape, trees), table.rows[later]))), "later")
    else:
        held_out = HeldOut(earlier, expit(platt.apply(out_of_fold)), "out_of_fold")
    base_rate = float(table.labels.mean())
    booster = _boosted(table, shape, trees)
    return Fitted(booster, table.features, trees, platt, base_rate, deployment_base_rate or base_rate, held_out, seed, leaves)


def _require_sound(table: Table) -> None:
    n = len(table.rows)
    columns = (table.labels, table.groups) if table.times is None else (table.labels, table.groups, table.times)
    if table.rows.shape != (n, len(table.features)) or any(column.shape != (n,) for column in columns):
        raise ValueError("rows, labels, groups and times differ in length, or the features in number")
    if table.rows.dtype != np.float32 or np.isinf(table.rows).any():
        raise ValueError("rows have to be float32 and finite, or NaN where not known")
    if not np.isin(table.labels, (0, 1)).all():
        raise ValueError("labels have to be 0 or 1")


def _require_enough(table: Table, least: int) -> None:
    churned = int(table.labels.sum())
    stayed = len(table.labels) - churned
    if min(churned, stayed) < least:
        raise TooThin(f"{churned} churned and {stayed} stayed among the rows to learn from; at least {least} of each are needed")
    if len(np.unique(table.groups)) < FOLDS:
        raise TooThin(f"fewer than {FOLDS} customers")


def _split(table: Table, horizon_days: int) -> tuple[Indices, Indices]:
    """What is learned from and what is put by, which is nothing without times or with one alone."""
    everything = np.arange(len(table.rows))
    if table.times is None or len(np.unique(table.times)) < 2:
        return everything, everything[:0]
    cut = max(np.quantile(table.times, 1 - LATER_SHARE, method="higher"), np.unique(table.times)[1])
    return np.flatnonzero(table.times < cut - max(horizon_days - 1, 0)), np.flatnonzero(table.times >= cut)


def _boosted(table: Table, shape: Mapping[str, Any], trees: int) -> lightgbm.Booster:
    return lightgbm.train(dict(shape), lightgbm.Dataset(table.rows, table.labels), num_boost_round=trees)


def _raw(booster: lightgbm.Booster, rows: Matrix, trees: int | None = None) -> Floats:
    return np.asarray(booster.predict(rows, raw_score=True, num_iteration=trees), np.float64)


def _folds(table: Table, seed: int) -> Iterator[tuple[Indices, Indices]]:
    folds = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    return iter(folds.split(table.rows, table.labels, table.groups))


def _cross_validated(table: Table, shape: Mapping[str, Any], most_trees: int) -> tuple[int, Floats]:
    """The best number of trees, and the log-odds that so many give each row from the folds it is not in."""
    folds = list(_folds(table, shape["seed"]))
    fitted = [_followed(table.only(train), table.only(held), shape, most_trees) for train, held in folds]
    losses = np.average([loss for _, loss in fitted], axis=0, weights=[len(held) for _, held in folds])
    trees = int(np.argmin(losses)) + 1
    log_odds = np.empty(len(table.rows))
    for (_, held), (booster, _) in zip(folds, fitted, strict=True):
        log_odds[held] = _raw(booster, table.rows[held], trees)
    return trees, log_odds


def _followed(train: Table, held: Table, shape: Mapping[str, Any], trees: int) -> tuple[lightgbm.Booster, Floats]:
    """With the log loss on `held` after each tree."""
    losses: dict[str, dict[str, list[float]]] = {}
    data = lightgbm.Dataset(train.rows, train.labels)
    parameters = dict(shape) | {"metric": "binary_logloss"}
    followed = [data.create_valid(held.rows, held.labels)]
    booster = lightgbm.train(parameters, data, trees, followed, ["held"], callbacks=[lightgbm.record_evaluation(losses)])
    found = losses["held"]["binary_logloss"]
    return booster, np.array(found + found[-1:] * (trees - len(found)))


def _platt(log_odds: Floats, labels: NDArray[np.int8]) -> Platt:
    found = LogisticRegression(C=np.inf).fit(log_odds[:, None], labels)
    return Platt(float(found.coef_[0, 0]), float(found.intercept_[0]))


def _platt_if_it_helps(log_odds: Floats, table: Table) -> Platt:
    """It has to win by two standard errors on the half that it was not fitted to: less is noise, and would move every reason."""
    gains = np.zeros(len(log_odds))
    for train, held in GroupKFold(2).split(log_odds, table.labels, table.groups):
        if table.labels[train].min() == table.labels[train].max():
            return Platt()
        platt = _platt(log_odds[train], table.labels[train])
        gains[held] = _losses(log_odds[held], table.labels[held]) - _losses(platt.apply(log_odds[held]), table.labels[held])
    helps = gains.mean() > 2 * gains.std() / np.sqrt(len(gains))
    found = _platt(log_odds, table.labels) if helps else Platt()
    return found if found.scale > 0 else Platt()


def _losses(log_odds: Floats, labels: NDArray[np.int8]) -> Floats:
    """The log loss of each row."""
    return np.logaddexp(0.0, np.where(labels == 1, -log_odds, log_odds))
