"""What a purchase of a customer is worth: Gamma-Gamma (Fader, Hardie and Lee 2005, "RFM and CLV"; Fader and Hardie 2013, "The Gamma-Gamma Model").

A customer's purchases vary around a mean of their own (gamma, shape p), and the means vary over the customers (inverse gamma: q, v). A mean that was
seen over few purchases is drawn towards everybody's. It takes for granted that who buys more often does not buy dearer or cheaper.

`frequency` is repeat purchases, `mean_spend` the mean of those same purchases, in any unit: `v` and the answers are in the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from services.segmentation.clv.fitting import FEWEST_CUSTOMERS, Floats, Grouped, Likelihood, by_value, grouped, maximise, mean_of, require

# Above 1,000, purchases (p) or customers (q) are as good as equal.
_BOUNDS = (1e-3, 1e3)


class SpendModel(NamedTuple):
    p: float
    q: float
    v: float
    log_likelihood: float
    customers: int
    """Who repeated, for more than nothing."""

    def document(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def of(cls, document: dict[str, Any]) -> SpendModel:
        return cls(*(document[name] for name in cls._fields))


def fit_spend(frequency: ArrayLike, mean_spend: ArrayLike, weights: ArrayLike | None = None) -> SpendModel:
    """By maximum likelihood, over those who repeated for more than nothing; the others may be among the rows. One value per customer, or per
    `weights` equal customers. CannotFit when the data carry no model, or one in which the mean over all customers is infinite (q up to 1)."""
    rows = _spenders(grouped(frequency, np.maximum(mean_spend, 0), weights=weights))
    require(rows.customers >= FEWEST_CUSTOMERS, f"{rows.customers} customers who repeated are too few: {FEWEST_CUSTOMERS} are needed")
    mean = float(np.average(rows.columns[1], weights=rows.weights))
    starts = [(1.0, 2.0, mean), (10.0, 5.0, mean / 2)]
    fit = maximise(_likelihood(rows), starts, [_BOUNDS, _BOUNDS, (1e-6 * mean, 1e6 * mean)], customers=float(rows.weights.sum()))
    p, q, v = fit.parameters
    require(q > 1, "a few customers spend so much more than the others that there is no mean over all of them")
    return SpendModel(p, q, v, log_likelihood=fit.log_likelihood, customers=rows.customers)


def expected_spend(model: SpendModel, frequency: ArrayLike, mean_spend: ArrayLike) -> Floats:
    """The mean of a customer's purchases to come; everybody's for who never repeated. Takes numbers or arrays of one shape. A mean below
    zero (more was taken back than paid) counts as nothing."""
    counts = np.asarray(frequency, dtype=np.float64)
    means = np.where(counts > 0, np.maximum(mean_spend, 0), 0.0)
    return np.asarray(model.p * (model.v + counts * means) / (model.p * counts + model.q - 1))


def _spenders(rows: Grouped) -> Grouped:
    """Not one who paid nothing: the logarithm of nothing would be all that the fit sees."""
    counts, means = rows.columns
    spends = (counts > 0) & (means > 0)
    return Grouped((counts[spends], means[spends]), rows.weights[spends])


def _likelihood(rows: Grouped) -> Likelihood:
    """Equation 1a of the 2013 note. The gamma functions, which take long, are added up once per frequency."""
    counts, means = rows.columns
    share = rows.weights / rows.weights.sum()
    distinct, share_of = by_value(counts, share)
    sums, log_sums, log_mean = counts * means, np.log(counts * means), mean_of(np.log(means), share)

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        p, q, v = parameters
        log_all, shapes = np.log(v + sums), p * distinct
        by_count = gammaln(shapes + q) - gammaln(shapes) - gammaln(q)
        value = mean_of(by_count, share_of) + q * np.log(v) - log_mean + mean_of(p * counts * log_sums - (p * counts + q) * log_all, share)
        slope_p = mean_of(distinct * (psi(shapes + q) - psi(shapes)), share_of) + mean_of(counts * (log_sums - log_all), share)
        slope_q = mean_of(psi(shapes + q), share_of) - psi(q) + np.log(v) - mean_of(log_all, share)
        slope_v = q / v - mean_of((p * counts + q) / (v + sums), share)
        return float(value), np.array([slope_p, slope_q, slope_v])

    return likelihood
