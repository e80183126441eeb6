"""How many purchases are to come from customers who never say that they leave: BG/NBD (Fader, Hardie and Lee 2005, "Counting Your Customers the Easy Way").

A customer buys at a rate of their own, and after each purchase leaves with a probability of their own. The rates are gamma distributed over the
customers (r, alpha), the probabilities beta distributed (a, b).

`frequency` is repeat purchases: days with a purchase, without the first. `recency` is weeks from the first purchase to the last (0 for who never
repeated), `age` weeks from the first purchase to the end of what was observed. Who never repeated counts as alive: nobody leaves before a repeat purchase.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, expit, gammaln, hyp2f1, psi

from services.segmentation.clv.fitting import FEWEST_CUSTOMERS, Floats, Grouped, Likelihood, by_value, grouped, maximise, mean_of, require

FEWEST_REPEATING = 10
# r, a, b. At the upper ones customers are as good as equal, and hyp2f1 is still exact; at ten times as much it overflows.
_BOUNDS = ((1e-4, 100.0), (1e-4, 20.0), (1e-4, 100.0))
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(16)


class PurchaseModel(NamedTuple):
    r: float
    alpha: float
    """In weeks."""
    a: float
    b: float
    log_likelihood: float
    customers: int

    def document(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def of(cls, document: dict[str, Any]) -> PurchaseModel:
        return cls(*(document[name] for name in cls._fields))


def fit_purchases(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None) -> PurchaseModel:
    """By maximum likelihood; one value per customer, or per `weights` equal customers. CannotFit when the data carry no model."""
    rows = grouped(frequency, recency, age, weights=weights)
    _check(rows)
    counts, _, ages = rows.columns
    weeks_between = float((rows.weights * ages).sum() / (rows.weights * counts).sum())
    starts = [(0.5, 0.5 * weeks_between, 0.5, 2.0), (2.0, 2 * weeks_between, 0.5, 10.0)]
    bounds = (_BOUNDS[0], (1e-6 * weeks_between, 1e3 * weeks_between), *_BOUNDS[1:])
    fit = maximise(_likelihood(rows), starts, bounds, customers=float(rows.weights.sum()))
    r, alpha, a, b = fit.parameters
    return PurchaseModel(r, alpha, a, b, log_likelihood=fit.log_likelihood, customers=rows.customers)


def probability_alive(model: PurchaseModel, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
    """That a customer had not left by `age`. Takes numbers or arrays of one shape."""
    counts, last, ages = (np.asarray(column, dtype=np.float64) for column in (frequency, recency, age))
    return np.asarray(expit(-_log_odds_gone(*model[:4], counts, last, ages)))


def expected_purchases(model: PurchaseModel, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, weeks: float, *, weekly_discount: float = 0.0) -> Floats:
    """Purchases in the `weeks` after `age`; each is worth 1 / (1 + weekly_discount) per week that it is away. Takes numbers or arrays of one shape.

    Integrates the expected rate, alive x (r+x) / (alpha+T) x 2F1(r+x+1, a; a+b+x; -s / (alpha+T)), over s. That is equation 10 of the paper where
    nothing is discounted, but has no pole at a = 1, and stays finite for hundreds of purchases in the form used here (Pfaff: all arguments small).
    """
    r, alpha, a, b = model[:4]
    a *= 1 + 1e-8  # where r - a is a whole number, hyp2f1 takes a way that overflows
    counts = np.asarray(frequency, dtype=np.float64)[..., None]
    scale = alpha + np.asarray(age, dtype=np.float64)[..., None]
    # In the logarithm of time the rate is smooth however young the customer is, so few nodes are exact.
    span = np.log1p(weeks / scale)
    logs = span * (1 + _NODES) / 2
    rate = (r + counts) * np.exp((1 - a) * logs) * hyp2f1(a, a + b - r - 1, a + b + counts, -np.expm1(-logs))
    worth = np.exp(-np.log1p(weekly_discount) * scale * np.expm1(logs))
    return np.asarray(probability_alive(model, frequency, recency, age) * (rate * worth * _NODE_WEIGHTS).sum(axis=-1) * span[..., 0] / 2)


def _check(rows: Grouped) -> None:
    counts, last, ages = rows.columns
    repeats = counts > 0
    require((counts == np.floor(counts)).all(), "frequency is no whole number")
    require((last <= ages).all(), "a last purchase is later than what was observed")
    require((repeats == (last > 0)).all(), "recency is above zero for those who repeated, and only those")
    require(rows.customers >= FEWEST_CUSTOMERS, f"{rows.customers} customers are too few: {FEWEST_CUSTOMERS} are needed")
    repeating = round(float(rows.weights[repeats].sum()))
    require(repeating >= FEWEST_REPEATING, f"{repeating} customers bought again: {FEWEST_REPEATING} are needed")


def _log_odds_gone(r: float, alpha: float, a: float, b: float, counts: Floats, last: Floats, ages: Floats) -> Floats:
    """a / (b+x-1) x ((alpha+T) / (alpha+t))^(r+x), as logarithms: after hundreds of purchases it overflows. Minus infinity for who never repeated."""
    odds = np.log(a / (b + np.maximum(counts, 1) - 1)) + (r + counts) * np.log((alpha + ages) / (alpha + last))
    return np.where(counts > 0, odds, -np.inf)


def _likelihood(rows: Grouped) -> Likelihood:
    """Equation 6 of the paper. What depends on the frequency alone is added up once per frequency: the gamma functions are what takes long."""
    counts, last, ages = rows.columns
    share = rows.weights / rows.weights.sum()
    distinct, share_of = by_value(counts, share)

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = parameters
        log_odds = _log_odds_gone(r, alpha, a, b, counts, last, ages)
        gone, log_ages = expit(log_odds), np.log(alpha + ages)
        by_count = gammaln(r + distinct) - gammaln(r) + betaln(a, b + distinct) - betaln(a, b)
        ended, going = gone / (alpha + last), (1 - gone) / (alpha + ages)
        value = mean_of(by_count, share_of) + r * np.log(alpha) + mean_of(np.logaddexp(0, log_odds) - (r + counts) * log_ages, share)
        slope_r = mean_of(psi(r + distinct), share_of) - psi(r) + np.log(alpha) - mean_of(log_ages - gone * (log_ages - np.log(alpha + last)), share)
        slope_alpha = r / alpha - mean_of((r + counts) * (going + ended), share)
        slope_both = psi(a + b) - mean_of(psi(a + b + distinct), share_of)
        slope_a = slope_both + mean_of(gone, share) / a
        slope_b = slope_both + mean_of(psi(b + distinct), share_of) - psi(b) - mean_of(gone / (b + np.maximum(counts, 1) - 1), share)
        return float(value), np.array([slope_r, slope_alpha, slope_a, slope_b])

    return likelihood
