"""The probability to leave within the horizon, by the warnings that are open: what came of earlier ones, against a prior.

A shrunk rate per kind of warning, (left + w x prior) / (warned + w): no model, and it says so by naming its cause. It serves
while there is no churn score, and when there is none that can be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from services.segmentation.parameters import Risk

NONE = "none"


class Observed(NamedTuple):
    customers: int
    left: int


class ChurnRisk(NamedTuple):
    probability: float
    cause: str


def rates(observed: Mapping[str, Observed], parameters: Risk) -> dict[str, dict[str, Any]]:
    """Per warning, with what it was made of; `none` is the rate of who had no warning."""
    found = {}
    for kind, prior in parameters.prior.items():
        seen = observed.get(kind, Observed(0, 0))
        rate = (seen.left + parameters.prior_customers * prior) / (seen.customers + parameters.prior_customers)
        found[kind] = {"probability": round(rate, 5), "customers": seen.customers, "left": seen.left, "prior": prior}
    return found


def churn_risk(open_kinds: Iterable[str], learned: Mapping[str, Mapping[str, Any]]) -> ChurnRisk:
    """That of the strongest warning. Arrears lead to an end that is ours, not theirs, but it is an end."""
    cause = max((kind for kind in open_kinds if kind in learned), key=lambda kind: (learned[kind]["probability"], kind), default=NONE)
    return ChurnRisk(float(learned[cause]["probability"]) if cause in learned else 0.0, cause)
