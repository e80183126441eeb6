"""Why a customer is as likely to leave as a model says: causes in words, that add up to the score, each with what is behind it and
what the score would be if it went away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import fsum, isnan, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.segmentation.churn.model import Matrix
from services.segmentation.churn.reasons.causes import CAUSE_OF, Cause
from services.segmentation.churn.reasons.words import WORDS, sentence
from services.segmentation.churn.row import CATALOGUE, FEATURES, Row, Topic, View

_TOPICS: dict[str, Topic] = {feature.name: feature.topic for feature in CATALOGUE}
_COLUMNS = {name: column for column, name in enumerate(FEATURES)}

Numbers = Sequence[float] | NDArray[np.float32]


class Reason(NamedTuple):
    """One cause, worded by the feature that weighs most in it."""

    cause: str
    feature: str
    topic: Topic
    contribution: float
    """Log-odds, of all its features; positive: towards leaving."""
    text: str
    value: float | None
    """Of the feature; None: not known."""
    baseline: float | None
    """The customer's own where there is one, else the typical value."""
    evidence: dict[str, Any]
    shares: dict[str, float]
    """What each of its features contributes."""
    remedied: dict[str, float]
    """Feature -> its value if the cause went away; empty: nothing can be done about it, or it is in the customer's favour."""
    remedy: str | None
    if_remedied: float | None = None
    """The probability then; None while it is not known."""


def reasons_of(
    view: View, row: Row | Matrix, contributions: Numbers, *, model_features: Sequence[str], typical: Mapping[str, float], most: int = 5
) -> list[Reason]:
    """The `most` causes that weigh most: those that raise the risk first, then those that lower it, the strongest first.
    `row` is as `FEATURES`, `contributions` as `model_features`."""
    values = dict(zip(FEATURES, map(float, row), strict=True))
    weighed = [(fsum(shares.values()), cause, shares) for cause, shares in shares_of(contributions, model_features=model_features)]
    heaviest = sorted((one for one in weighed if one[0]), key=lambda one: -abs(one[0]))[:most]
    return [_reason(view, values, typical, cause, shares) for _, cause, shares in sorted(heaviest, key=lambda one: one[0] < 0)]


def shares_of(contributions: Numbers, *, model_features: Sequence[str]) -> list[tuple[Cause, dict[str, float]]]:
    """All that the model knows of, cause by cause: with the base they add up to the log-odds."""
    return [(cause, {model_features[one]: float(contributions[one]) for one in columns}) for cause, columns in _grouped(tuple(model_features))]


def remedied_rows(row: Row | Matrix, reasons: Sequence[Reason]) -> Matrix:
    """(reasons with a remedy, features): the row as it would be with each one's cause gone, in their order, for one call of the model."""
    remediable = [reason for reason in reasons if reason.remedied]
    rows = np.tile(np.asarray(row, dtype=np.float32), (len(remediable), 1))
    for nth, reason in enumerate(remediable):
        for name, value in reason.remedied.items():
            rows[nth, _COLUMNS[name]] = value
    return rows


def with_counterfactuals(reasons: Sequence[Reason], probabilities: Iterable[float], *, now: float) -> list[Reason]:
    """`probabilities`: of `remedied_rows`; `now`: of the row as it is. A remedy that the model expects nothing of is not suggested."""
    scored = iter(probabilities)
    return [_judged(reason, float(next(scored)), now) if reason.remedied else reason for reason in reasons]


def _judged(reason: Reason, probability: float, now: float) -> Reason:
    return reason._replace(if_remedied=probability) if probability < now else reason._replace(remedy=None, remedied={})


@lru_cache(maxsize=64)
def _grouped(model_features: tuple[str, ...]) -> list[tuple[Cause, list[int]]]:
    found: dict[str, tuple[Cause, list[int]]] = {}
    for column, name in enumerate(model_features):
        cause = CAUSE_OF[name]
        found.setdefault(cause.name, (cause, []))[1].append(column)
    return list(found.values())


def _reason(view: View, values: Mapping[str, float], typical: Mapping[str, float], cause: Cause, shares: dict[str, float]) -> Reason:
    contribution = fsum(shares.values())
    feature = max(shares, key=lambda name: shares[name] * contribution)
    wording, value, usual = WORDS[feature], values[feature], typical.get(feature, nan)
    own = wording.own(view) if wording.own else nan
    remedied = cause.remedy.changes(view, values, typical) if cause.remedy and contribution > 0 else {}
    return Reason(
        cause=cause.name,
        feature=feature,
        topic=_TOPICS[feature],
        contribution=contribution,
        text=sentence(wording, value, own=own, typical=usual),
        value=_known(value),
        baseline=_known(usual if isnan(own) else own),
        evidence=cause.evidence(view),
        shares=shares,
        remedied=remedied,
        remedy=cause.remedy.words(view) if cause.remedy and remedied else None,
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else value
