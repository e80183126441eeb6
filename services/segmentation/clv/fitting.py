"""What the three models share: equal customers counted together, and the search for the parameters that make the data likeliest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Likelihood = Callable[[Floats], tuple[float, Floats]]
"""Parameters -> the log-likelihood of a customer, on average, and its slope by each parameter."""

FEWEST_CUSTOMERS = 50
STEEPEST = 1e-5
"""The slope by the logarithm of a parameter at which a search has arrived."""


class CannotFit(ValueError):
    """These data carry no model. Who catches this goes on without future value, and says so."""


class Grouped(NamedTuple):
    """Distinct rows in ascending order, the last column first, and how many customers have each."""

    columns: tuple[Floats, ...]
    weights: Floats

    @property
    def customers(self) -> int:
        return round(float(self.weights.sum()))


class Fit(NamedTuple):
    parameters: tuple[float, ...]
    log_likelihood: float
    """Of all customers."""


def grouped(*columns: ArrayLike, weights: ArrayLike | None = None) -> Grouped:
    """Equal rows as one; each column has one number per customer, or per `weights` customers. CannotFit when they are no such columns."""
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    counts = np.ones(arrays[0].shape) if weights is None else np.asarray(weights, dtype=np.float64)
    _check([*arrays, counts])
    order = np.lexsort(arrays)
    arrays = [array[order] for array in arrays]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = np.any([array[1:] != array[:-1] for array in arrays], axis=0)
    firsts = np.flatnonzero(is_first)
    return Grouped(tuple(array[firsts] for array in arrays), np.add.reduceat(counts[order], firsts))


def maximise(likelihood: Likelihood, starts: Sequence[Sequence[float]], bounds: Sequence[tuple[float, float]], *, customers: float) -> Fit:
    """The best of the searches from all `starts`. A parameter may end on its bound: there the model no longer tells one customer from another
    in that respect, and further out it hardly changes. CannotFit when the best search has not arrived."""
    low, high = np.log(np.array(bounds)).T

    # Not at the top: it takes a quarter of a second to import, in each process, and only who learns the models needs it.
    from scipy.optimize import minimize

    def loss(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, slope = likelihood(parameters)
        return -value, -slope * parameters

    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": STEEPEST / 100}
    searches = [minimize(loss, np.log(start), jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)), options=options) for start in starts]
    best = min(searches, key=lambda search: float(np.nan_to_num(search.fun, nan=np.inf)))
    uphill = np.clip(best.x - best.jac, low, high) - best.x
    if not (np.abs(uphill) < STEEPEST).all():
        raise CannotFit(f"no parameters make the data likeliest: after {best.nit} steps the slope is still {np.abs(uphill).max():.2g}")
    return Fit(tuple(np.exp(best.x).tolist()), -float(best.fun) * customers)


def mean_of(values: Floats, share: Floats) -> float:
    """`values` weighed by `share`, which adds up to 1. Not as a product of vectors: its threads wait for each other where the cores are busy."""
    return float((values * share).sum())


def by_value(values: Floats, share: Floats) -> tuple[Floats, Floats]:
    """The distinct values, and the share that has each."""
    distinct, place = np.unique(values, return_inverse=True)
    return distinct, np.bincount(place, weights=share).astype(np.float64)


def require(holds: object, otherwise: str) -> None:
    if not holds:
        raise CannotFit(otherwise)


def _check(arrays: Sequence[Floats]) -> None:
    require(all(array.ndim == 1 and array.shape == arrays[0].shape for array in arrays), "the columns differ in length")
    require(arrays[0].size, "there are no customers")
    require(all(np.isfinite(array).all() and (array >= 0).all() for array in arrays), "a value is negative or no number")
