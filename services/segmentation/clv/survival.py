"""How long a contract lasts: the shifted beta-geometric (Fader and Hardie 2007, "How to Project Customer Retention").

Each month a customer ends the contract with a probability of their own, the same in every month; over the customers it is beta distributed
(alpha, beta). So the longer one has stayed, the likelier one is to stay. It knows nothing of when a minimum term ends.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, psi

from services.segmentation.clv.fitting import FEWEST_CUSTOMERS, Floats, Grouped, Likelihood, grouped, maximise, mean_of, require

# Far above 1, customers are as good as equal: everybody ends with alpha / (alpha + beta).
_BOUNDS = (1e-4, 1e4)


class SurvivalModel(NamedTuple):
    alpha: float
    beta: float
    log_likelihood: float
    customers: int

    def document(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def of(cls, document: dict[str, Any]) -> SurvivalModel:
        return cls(*(document[name] for name in cls._fields))


def fit_survival(months: ArrayLike, ended: ArrayLike, weights: ArrayLike | None = None, *, entered: ArrayLike | None = None) -> SurvivalModel:
    """By maximum likelihood; one value per customer, or per `weights` equal customers. CannotFit when the data carry no model.

    `ended` (0 or 1): the contract ended in its month number `months`, counted from 1. Else `months` were completed, and it went on.
    `entered`: completed months when the customer came under observation, 0 unless said. Needed where earlier contracts that had ended by then are
    not among the rows: without it the old ones, all survivors, make contracts look longer than they are.
    """
    rows = grouped(months, ended, np.zeros(np.shape(months)) if entered is None else entered, weights=weights)
    _check(rows)
    fit = maximise(_likelihood(rows), [(1.0, 1.0), (1.0, 20.0)], [_BOUNDS, _BOUNDS], customers=float(rows.weights.sum()))
    alpha, beta = fit.parameters
    return SurvivalModel(alpha, beta, log_likelihood=fit.log_likelihood, customers=rows.customers)


def survival(model: SurvivalModel, months: ArrayLike) -> Floats:
    """The share of contracts that complete so many months."""
    return np.asarray(np.exp(betaln(model.alpha, model.beta + np.asarray(months, dtype=np.float64)) - betaln(model.alpha, model.beta)))


def expected_months(model: SurvivalModel, tenure_months: ArrayLike, horizon_months: int, monthly_discount: float = 0.0) -> Floats:
    """Months of the next `horizon_months` that who has completed `tenure_months` will complete; each is worth 1 / (1 + monthly_discount) per month until
    its end. Takes a number or an array."""
    tenure = np.asarray(tenure_months, dtype=np.float64)[..., None]
    ahead = np.arange(horizon_months)
    stays = np.cumprod((model.beta + tenure + ahead) / (model.alpha + model.beta + tenure + ahead), axis=-1)
    return np.asarray((stays * (1 + monthly_discount) ** -(ahead + 1.0)).sum(axis=-1))


def _check(rows: Grouped) -> None:
    months, ended, entered = rows.columns
    require(np.isin(ended, (0, 1)).all(), "ended is neither 0 nor 1")
    require((months == np.floor(months)).all(), "months are no whole number")
    require((months - ended >= entered).all(), "a contract ended before it came under observation")
    require(rows.customers >= FEWEST_CUSTOMERS, f"{rows.customers} customers are too few: {FEWEST_CUSTOMERS} are needed")
    require(ended.any(), "no contract has ended")
    require(months.max() - entered.min() > 1, "only one month was observed")


def _likelihood(rows: Grouped) -> Likelihood:
    """Beyond `entered`, P(month t) = B(alpha+1, beta+t-1) / B(alpha, beta+entered), and B(alpha, beta+t) over the same for who goes on."""
    months, ended, entered = rows.columns
    share = rows.weights / rows.weights.sum()
    ends, stayed = mean_of(ended, share), months - ended

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        alpha, beta = parameters
        value = mean_of(betaln(alpha + ended, beta + stayed) - betaln(alpha, beta + entered), share)
        both = mean_of(psi(alpha + beta + entered) - psi(alpha + beta + months), share)
        return value, np.array([both + ends / alpha, both + mean_of(psi(beta + stayed) - psi(beta + entered), share)])

    return likelihood
