"""Churn scores with their reasons: the ONNX model that is served, beside LightGBM itself. Alone: python -m deploy.bench.churn.

All on the same synthetic rows of 60 features, on one thread, in turns; the rate is that of the median round, by CPU time, which on one thread
is what a quiet machine takes. `micro-batch` is 256 customers at a time, `full pass` all customers. LightGBM gives the probability by `predict`
and the reasons by `pred_contrib`, once for the very model that is served (three leaves a tree) and once for the usual one of 31 leaves, on
fewer rows: its rate does not depend on how many they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import process_time
from typing import Any

import lightgbm
import numpy as np

from services.segmentation.churn.model import Card, Matrix, Model
from services.segmentation.training.export import export
from services.segmentation.training.fit import PARAMETERS, Table, fit

FEATURES = tuple(f"feature_{number:02}" for number in range(60))
MICRO_BATCH = 256
MICRO_BATCHES = 40
OURS, SAME, USUAL = "holdfast, ONNX", "LightGBM, same model", "LightGBM, 31 leaves"
TRAINING_ROWS = 20_000

Score = Callable[[Matrix], Any]


@dataclass(frozen=True)
class Rate:
    """Rows scored and explained in a second of CPU time, of one contender."""

    name: str
    micro_batch: float
    full_pass: float
    rows: int
    """Of the full pass."""


def measure(*, customers: int = 1_000_000, native_customers: int = 4_000, rounds: int = 3, say: Callable[[str], Any]) -> list[Rate]:
    """Ours first."""
    say("Fitting")
    contenders = _contenders(_table())
    rows = _rows(customers, seed=1)
    sizes = {name: customers if name == OURS else min(customers, native_customers) for name in contenders}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, score in contenders.items():
            say(f"Round {number + 1}: {name}")
            found[name].append((_rate_of_batches(score, rows[: min(sizes[name], MICRO_BATCH * MICRO_BATCHES)]), _rate(score, rows[: sizes[name]])))
    return [Rate(name, median(one[0] for one in rates), median(one[1] for one in rates), sizes[name]) for name, rates in found.items()]


def text(rates: Sequence[Rate]) -> str:
    return "\n".join([f"{'score and reasons, rows/s':28}{'micro-batch':>13}{'full pass':>13}{'rows':>11}   ours is faster by", *_lines(rates)])


def _lines(rates: Sequence[Rate]) -> Iterator[str]:
    ours = rates[0]
    for one in rates:
        times = "" if one is ours else f"{ours.micro_batch / one.micro_batch:.1f} and {ours.full_pass / one.full_pass:.1f} times"
        yield f"  {one.name:26}{one.micro_batch:>13,.0f}{one.full_pass:>13,.0f}{one.rows:>11,}   {times}".rstrip()


def _table() -> Table:
    """Thirty features matter, in pairs; one value in ten is missing."""
    rows = _rows(TRAINING_ROWS, seed=0)
    known = np.nan_to_num(rows[:, :30])
    log_odds = -2.5 + 0.2 * known[:, :15].sum(axis=1) + 0.4 * (known[:, :15] * (known[:, 15:] > 0)).sum(axis=1)
    labels = np.random.default_rng(2).random(TRAINING_ROWS) < 1 / (1 + np.exp(-log_odds))
    return Table(FEATURES, rows, labels.astype(np.int8), np.arange(TRAINING_ROWS))


def _rows(n: int, *, seed: int) -> Matrix:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, len(FEATURES)), dtype=np.float32)
    rows[random.random(rows.shape, dtype=np.float32) < 0.1] = np.nan
    return rows


def _contenders(table: Table) -> dict[str, Score]:
    fitted = fit(table)
    model = Model.load(export(fitted, _card(table)), features=FEATURES)
    usual = lightgbm.train(PARAMETERS | {"num_leaves": 31, "learning_rate": 0.05}, lightgbm.Dataset(table.rows, table.labels), 200)
    return {OURS: model.score, SAME: partial(_native, fitted.booster), USUAL: partial(_native, usual)}


def _card(table: Table) -> Card:
    rate = float(table.labels.mean())
    return Card(
        name="bench",
        target="leave",
        population="synthetic",
        features=FEATURES,
        row_version=1,
        source="simulated",
        data="random numbers",
        horizon_days=30,
        rows=len(table.rows),
        positives=int(table.labels.sum()),
        training_base_rate=rate,
        deployment_base_rate=rate,
    )


def _native(booster: lightgbm.Booster, rows: Matrix) -> None:
    booster.predict(rows, num_threads=1)
    booster.predict(rows, pred_contrib=True, num_threads=1)


def _rate(score: Score, rows: Matrix) -> float:
    started = process_time()
    score(rows)
    return len(rows) / (process_time() - started)


def _rate_of_batches(score: Score, rows: Matrix) -> float:
    score(rows[:MICRO_BATCH])
    started = process_time()
    for first in range(0, len(rows), MICRO_BATCH):
        score(rows[first : first + MICRO_BATCH])
    return len(rows) / (process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.churn", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--native-customers", type=int, default=4_000, help="that LightGBM scores (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="all in turns, so many times (%(default)s)")
    given = parser.parse_args()
    say = partial(print, file=sys.stderr, flush=True)
    print(text(measure(customers=given.customers, native_customers=given.native_customers, rounds=given.rounds, say=say)))


if __name__ == "__main__":
    main()
