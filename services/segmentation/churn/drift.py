"""Whether a model still sees the customers it learned from, and whether as many of them leave as it says.

Population stability index: the sum over bins of (share now - share in training) x ln(share now / share in training), missing being a bin.
1. A share below `FLOOR` counts as `FLOOR`: an empty bin does not make the index infinite, and 1 % in a bin that was empty makes .05 of it.
2. Without any drift the index of n rows against m of training is about (bins - 1) x (1 / n + 1 / m), by chance. That much is taken off
   before it is judged, and fewer than `LEAST_ROWS` are not judged: at 300 rows and 11 bins chance alone gives .033.

Calibration: the number who left against the sum of the probabilities, whose variance is the sum of p (1 - p), in all and in each tenth of
the customers. It is off where it is improbable as well as large: of a million customers any difference is improbable.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.segmentation.churn.model import Histogram

Level = Literal["too_few", "none", "watch", "alarm"]
Floats = NDArray[np.float64]

FLOOR = 1e-4
LEAST_ROWS = 300
WATCH, ALARM = 0.1, 0.25
DECILES = 10
LEAST_VARIANCE = 10.0
"""Of the number who leave: below it is not near enough to normal."""
IMPROBABLE_Z = 4.0
"""Eleven numbers are judged together, again and again: at 4 one in a thousand such judgements is wrong."""
LARGE_RATIO = 0.2
"""How far from 1 observed / expected is no trifle."""


class Drift(NamedTuple):
    rows: int
    psi: float
    by_chance: float
    """What an index of so many rows and bins is on average without drift."""
    level: Level


class Tally(NamedTuple):
    """Who was expected to leave, and who did."""

    customers: int
    expected: float
    observed: int
    z: float | None
    """Standard deviations between them; None: every probability is 0 or 1."""
    is_off: bool

    @property
    def ratio(self) -> float | None:
        """Observed / expected."""
        return self.observed / self.expected if self.expected else None


class Calibration(NamedTuple):
    total: Tally
    deciles: tuple[Tally, ...]
    """From the lowest probabilities up. Equal ones are never parted, so there may be fewer than ten."""

    @property
    def alarm(self) -> bool:
        return any(tally.is_off for tally in (self.total, *self.deciles))


def reference(values: NDArray[Any], bins: int = 10) -> Histogram:
    """The spread of one feature in training, in at most so many bins of about equal counts, fewer where many rows share a value.
    What is not finite is missing. ValueError without rows."""
    if not len(values):
        raise ValueError("no rows to take a reference from")
    known = values[np.isfinite(values)].astype(np.float64)
    edges = _quantiles(known, bins)
    counts = _counts(edges, known)
    return Histogram(edges=tuple(edges.tolist()), shares=tuple((counts / len(values)).tolist()), missing=1 - len(known) / len(values))


def psi(reference: Histogram, values: NDArray[Any]) -> float:
    """The index as it is, chance included. ValueError without rows."""
    if not len(values):
        raise ValueError("no rows to compare")
    known = values[np.isfinite(values)].astype(np.float64)
    counts = np.append(_counts(np.array(reference.edges), known), len(values) - len(known))
    now = np.maximum(counts / len(values), FLOOR)
    then = np.maximum((*reference.shares, reference.missing), FLOOR)
    return float(((now - then) * np.log(now / then)).sum())


def drift(
    reference: Histogram, values: NDArray[Any], *, reference_rows: int, watch: float = WATCH, alarm: float = ALARM, least_rows: int = LEAST_ROWS
) -> Drift:
    """The index, judged. `reference_rows`: the reference was taken of; `watch` and `alarm`: what the index must exceed beyond chance.
    ValueError without rows."""
    index = psi(reference, values)
    by_chance = (_bins(reference) - 1) * (1 / len(values) + 1 / reference_rows)
    level: Level = "alarm" if index - by_chance > alarm else "watch" if index - by_chance > watch else "none"
    return Drift(len(values), index, by_chance, level if min(len(values), reference_rows) >= least_rows else "too_few")


def calibration(probabilities: NDArray[Any], outcomes: NDArray[Any], *, large_ratio: float = LARGE_RATIO, improbable_z: float = IMPROBABLE_Z) -> Calibration:
    """`probabilities` as they were told, `outcomes` 1 for who left within the horizon and 0 for who stayed. ValueError where they do not fit."""
    stated, left = probabilities.astype(np.float64), outcomes.astype(np.int64)
    if stated.shape != left.shape or stated.ndim != 1 or not ((stated >= 0) & (stated <= 1)).all() or not np.isin(outcomes, (0, 1)).all():
        raise ValueError("one probability from 0 to 1, and one outcome, 0 or 1, for each customer")
    decile = np.searchsorted(_quantiles(stated, DECILES), stated)
    parts = [decile == one for one in np.unique(decile)]
    return Calibration(
        _tally(stated, left, large_ratio, improbable_z),
        tuple(_tally(stated[part], left[part], large_ratio, improbable_z) for part in parts),
    )


def _tally(stated: Floats, left: NDArray[np.int64], large_ratio: float, improbable_z: float) -> Tally:
    expected, observed, variance = float(stated.sum()), int(left.sum()), float((stated * (1 - stated)).sum())
    z = (observed - expected) / sqrt(variance) if variance else None
    is_improbable = z is not None and abs(z) > improbable_z and variance >= LEAST_VARIANCE
    return Tally(len(stated), expected, observed, z, is_improbable and abs(observed - expected) > large_ratio * expected)


def _quantiles(known: Floats, bins: int) -> Floats:
    """Ascending, each a value that occurs."""
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))


def _counts(edges: Floats, known: Floats) -> NDArray[np.int64]:
    """Of each bin: above the edge before, at most its own."""
    return np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)


def _bins(reference: Histogram) -> int:
    """Those that hold anything in training, missing among them."""
    return sum(share > 0 for share in (*reference.shares, reference.missing))
