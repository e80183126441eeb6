"""What a churn model is worth, on customers it has not seen, with the interval in which 95 % of bootstrap samples lie.

1. Contacts needed: how many customers, highest first, must be contacted to reach a share (the recall) of those who leave. Customers of
   equal score count by their expected share, so that no order among them is lucky. The ratio is how many times as many contacts at
   random would have to be: it falls to 1 as the recall rises, so it is stated with its recall, and as a whole curve.
2. Another base rate than the labels': those who stay are weighted until those who leave are that share of all, and the probabilities
   have to be those of that base rate too (`shifted`). All figures but AUC depend on it.
3. The bootstrap draws customers (groups), not rows: rows of one customer are no news of each other. Percentile intervals of a fixed
   number of draws. Calibration error is biased upwards, in the draws more than in the data: its interval lies too high, and is made to hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.metrics import auc, average_precision_score, brier_score_loss, roc_auc_score, roc_curve

from services.segmentation.churn.model import Metric

Floats = NDArray[np.float64]

DRAWS = 200
RECALLS = (0.25, 0.5, 0.75)
"""Of which the contacts needed are always told."""
TOP = 0.1
"""The share of customers that `top_decile_lift` is of."""
BINS = 10
"""Of equal numbers of customers, in which stated and found shares are compared."""
CLAIM_RANDOM, CLAIM_CONTACTS, CLAIM_BASE_RATE = 1_455, 712, 0.0613
"""What the field tells of a churn model: 712 contacts instead of 1,455 for the same churners, at this base rate and an unstated recall."""
CLAIM_RATIO = CLAIM_RANDOM / CLAIM_CONTACTS

_SMALLEST = 1e-12


class CannotEvaluate(ValueError):
    """Labels and probabilities that no figure can be made of; the message says why."""


class Curve(NamedTuple):
    """Cumulated from the highest score down, from 0, one point for every distinct score."""

    contacted: Floats
    """Customers, by weight."""
    reached: Floats
    """Share of those who leave."""
    false_alarms: Floats
    """Share of those who stay."""


class Point(NamedTuple):
    """The contacts to reach one recall."""

    recall: float
    contacts: float
    """Of as many customers as there are labels."""
    share: Metric
    """Of all customers; at random it would be the recall itself."""
    ratio: Metric
    """How many times as many contacts at random would be needed."""


class Bin(NamedTuple):
    """Customers of neighbouring scores."""

    customers: float
    stated: float
    """Their mean probability."""
    found: float
    """The share who left."""


def evaluate(
    labels: ArrayLike, probabilities: ArrayLike, *, groups: ArrayLike | None = None, seed: int = 0, base_rate: float | None = None, draws: int = DRAWS
) -> dict[str, Metric]:
    """Every figure by name. `groups`: the customer of each row; without them each row is one. Raises CannotEvaluate."""
    sample = _sample(labels, probabilities, base_rate)
    return _with_intervals(sample, _figures, groups, seed, draws)


def contacts_for(labels: ArrayLike, probabilities: ArrayLike, recall: float, *, base_rate: float | None = None) -> float:
    """Customers to contact, highest first, of as many as there are labels, to reach `recall` of those who leave. Raises CannotEvaluate."""
    sample = _sample(labels, probabilities, base_rate)
    return _contacts_share(_curve(sample), recall) * len(sample.labels)


def contacts_curve(
    labels: ArrayLike,
    probabilities: ArrayLike,
    recalls: Sequence[float],
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    base_rate: float | None = None,
    draws: int = DRAWS,
) -> list[Point]:
    """The contacts for each of `recalls`, with intervals. Raises CannotEvaluate."""
    sample = _sample(labels, probabilities, base_rate)

    def shares(drawn: Sample) -> dict[str, float]:
        curve = _curve(drawn)
        return {str(recall): _contacts_share(curve, recall) for recall in recalls}

    found = _with_intervals(sample, shares, groups, seed, draws)
    return [_point(recall, found[str(recall)], len(sample.labels)) for recall in recalls]


def recall_up_to(
    labels: ArrayLike,
    probabilities: ArrayLike,
    ratio: float,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    base_rate: float | None = None,
    draws: int = DRAWS,
) -> Metric:
    """The largest recall that takes at most 1 / `ratio` of the contacts at random; 0 where none does. Raises CannotEvaluate."""
    sample = _sample(labels, probabilities, base_rate)
    return _with_intervals(sample, lambda drawn: {"recall": _recall_up_to(_curve(drawn), ratio)}, groups, seed, draws)["recall"]


def difference(labels: ArrayLike, first: ArrayLike, second: ArrayLike, *, groups: ArrayLike | None = None, seed: int = 0, draws: int = DRAWS) -> Metric:
    """AUC of `first` less that of `second`, both on the same draws: what the two share does not widen the interval. Raises CannotEvaluate."""
    ours, theirs = _sample(labels, first, None), _sample(labels, second, None)

    def less(weights: Floats) -> dict[str, float]:
        return {"auc": _auc(ours._replace(weights=weights)) - _auc(theirs._replace(weights=weights))}

    return _intervals(less(ours.weights), (less(weights) for weights in _draws(len(ours.labels), groups, seed, draws)))["auc"]


def shifted(probabilities: ArrayLike, *, from_rate: float, to_rate: float) -> Floats:
    """The same odds ratios at another base rate: an offset in log-odds."""
    bounded = np.clip(np.asarray(probabilities, dtype=np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.asarray(expit(logit(bounded) + logit(to_rate) - logit(from_rate)), dtype=np.float64)


def reliability(labels: ArrayLike, probabilities: ArrayLike, *, base_rate: float | None = None) -> list[Bin]:
    """Stated against found, from the lowest scores up, in at most `BINS` bins; equal scores are never parted. Raises CannotEvaluate."""
    sample = _sample(labels, probabilities, base_rate)
    weight, stated, left = _binned(sample)
    return [Bin(float(one), float(mean), float(share)) for one, mean, share in zip(weight, stated / weight, left / weight, strict=True)]


class Sample(NamedTuple):
    labels: NDArray[np.int8]
    probabilities: Floats
    weights: Floats


def _sample(labels: ArrayLike, probabilities: ArrayLike, base_rate: float | None) -> Sample:
    truth, stated = np.asarray(labels).astype(np.int8), np.asarray(probabilities, dtype=np.float64)
    if truth.shape != stated.shape or truth.ndim != 1:
        raise CannotEvaluate(f"{truth.shape} labels and {stated.shape} probabilities")
    if not np.isin(truth, (0, 1)).all() or len(np.unique(truth)) < 2:
        raise CannotEvaluate("labels have to be 0 and 1, and there have to be both")
    if not ((stated >= 0) & (stated <= 1)).all():
        raise CannotEvaluate("a probability is missing, or outside 0 to 1")
    return Sample(truth, stated, _weights(truth, base_rate))


def _weights(labels: NDArray[np.int8], base_rate: float | None) -> Floats:
    """1 for who leaves; whatever makes the base rate right for who stays."""
    if base_rate is None:
        return np.ones(len(labels))
    if not 0 < base_rate < 1:
        raise CannotEvaluate(f"a base rate of {base_rate} is outside 0 to 1")
    positives = int(labels.sum())
    return np.where(labels == 1, 1.0, positives * (1 - base_rate) / base_rate / (len(labels) - positives))


def _figures(sample: Sample) -> dict[str, float]:
    labels, probabilities, weights = sample
    curve, rate = _curve(sample), float(np.average(labels, weights=weights))
    ratios = {f"contacts_ratio_{recall:.0%}".rstrip("%"): recall / _contacts_share(curve, recall) for recall in RECALLS}
    return {
        "auc": float(auc(curve.false_alarms, curve.reached)),
        "pr_auc": float(average_precision_score(labels, probabilities, sample_weight=weights)),
        "brier": float(brier_score_loss(labels, probabilities, sample_weight=weights)),
        "brier_of_base_rate": rate * (1 - rate),
        "ece": _ece(sample),
        "top_decile_lift": _reached_by(curve, TOP) / TOP,
        **ratios,
    }


def _curve(sample: Sample) -> Curve:
    labels, probabilities, weights = sample
    false_alarms, reached, _ = roc_curve(labels, probabilities, sample_weight=weights, drop_intermediate=False)
    leave = float(weights @ labels)
    return Curve(leave * reached + (float(weights.sum()) - leave) * false_alarms, reached, false_alarms)


def _auc(sample: Sample) -> float:
    return float(roc_auc_score(sample.labels, sample.probabilities, sample_weight=sample.weights))


def _contacts_share(curve: Curve, recall: float) -> float:
    """Of all customers: whole groups of equal score, and of the last the share that is expected to do."""
    if not 0 < recall <= 1:
        raise CannotEvaluate(f"a recall of {recall} is not above 0 and up to 1")
    last = max(1, int(np.searchsorted(curve.reached, recall)))
    share = (recall - curve.reached[last - 1]) / (curve.reached[last] - curve.reached[last - 1])
    contacts = curve.contacted[last - 1] + share * (curve.contacted[last] - curve.contacted[last - 1])
    return float(contacts / curve.contacted[-1])


def _reached_by(curve: Curve, share: float) -> float:
    return float(np.interp(share * curve.contacted[-1], curve.contacted, curve.reached))


def _recall_up_to(curve: Curve, ratio: float) -> float:
    """Where reached - ratio x share contacted, piecewise straight, is last at or above zero."""
    contacted = curve.contacted / curve.contacted[-1]
    ahead = curve.reached - ratio * contacted
    last = int(np.flatnonzero(ahead >= 0)[-1])
    if last in {0, len(ahead) - 1}:
        return float(curve.reached[last])
    step = ahead[last] / (ahead[last] - ahead[last + 1])
    return float(curve.reached[last] + step * (curve.reached[last + 1] - curve.reached[last]))


def _point(recall: float, share: Metric, customers: int) -> Point:
    ratio = Metric(value=recall / share.value, low=recall / share.high, high=recall / share.low)
    return Point(recall, share.value * customers, share, ratio)


def _binned(sample: Sample) -> tuple[Floats, Floats, Floats]:
    """Per bin that has anybody: weight, and weighted sums of probabilities and labels."""
    labels, probabilities, weights = sample
    order = np.argsort(probabilities, kind="stable")
    ranks = np.cumsum(weights[order]) / weights.sum()
    edges = probabilities[order][np.searchsorted(ranks, np.arange(1, BINS) / BINS)]
    bins = np.searchsorted(edges, probabilities)
    sums = np.array([np.bincount(bins, weights * of, minlength=BINS) for of in (np.ones(len(labels)), probabilities, labels)], dtype=np.float64)
    weight, stated, left = sums[:, sums[0] > 0]
    return weight, stated, left


def _ece(sample: Sample) -> float:
    """Expected calibration error: the mean distance of stated and found, by customers."""
    weight, stated, left = _binned(sample)
    return float(np.abs(stated - left).sum() / weight.sum())


def _with_intervals(sample: Sample, figures: Callable[[Sample], Mapping[str, float]], groups: ArrayLike | None, seed: int, draws: int) -> dict[str, Metric]:
    order = np.argsort(sample.probabilities, kind="stable")  # what is in order already is sorted fastest, in every draw
    in_order = Sample(sample.labels[order], sample.probabilities[order], sample.weights[order])
    again = (figures(in_order._replace(weights=in_order.weights * count[order])) for count in _draws(len(order), groups, seed, draws))
    return _intervals(figures(in_order), again)


def _intervals(values: Mapping[str, float], draws: Iterator[Mapping[str, float]]) -> dict[str, Metric]:
    drawn = list(draws)
    found = {}
    for name, value in values.items():
        low, high = np.percentile([one[name] for one in drawn], (2.5, 97.5)) if drawn else (value, value)
        found[name] = Metric(value=value, low=min(value, float(low)), high=max(value, float(high)))
    return found


def _draws(rows: int, groups: ArrayLike | None, seed: int, draws: int) -> Iterator[Floats]:
    """How often each row is drawn: as often as its group."""
    codes = np.arange(rows) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    customers, random = int(codes.max()) + 1, np.random.default_rng(seed)
    for _ in range(draws):
        drawn = np.bincount(random.integers(0, customers, customers), minlength=customers)
        yield drawn[codes].astype(np.float64)
