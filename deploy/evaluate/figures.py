"""The table of alerts beside the truth: the figures of every kind, and which causes are seen at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from deploy.demo.population import Cause
from deploy.evaluate.metrics import Figures, Raised, measure
from deploy.evaluate.truth import ANY, CHURN, LEAVERS, Truth
from shared.contracts.segmentation import AlertKind

Alert = Mapping[str, Any]


class OfCause(NamedTuple):
    """Drifts of one cause, by any warning of `CHURN` and by the most telling kind of them."""

    cause: str
    figures: Figures
    by_kind: dict[str, int]
    """Drifts that a kind found in time."""


def figures(alerts: Sequence[Alert], truth: Truth) -> list[Figures]:
    left = truth.left()
    found = []
    for kind in (*get_args(AlertKind), ANY, LEAVERS):
        days = truth.group_days() if kind == "group_churn" else truth.customer_days()
        found.append(measure(kind, raised(alerts, kind, truth), truth.episodes(kind), window=truth.window, at_risk_days=days, left=left))
    return found


def raised(alerts: Iterable[Alert], kind: str, truth: Truth) -> list[Raised]:
    """Of the sums of kinds, each warning as it came; of a group that was warned, one warning and not one per member."""
    if kind == "group_churn":
        return sorted({Raised(alert["evidence"]["group"], alert["raised_at"].date()) for alert in alerts if alert["kind"] == kind})
    return _to_persons(alerts, CHURN if kind in (ANY, LEAVERS) else (kind,), truth)


def of_causes(alerts: Sequence[Alert], truth: Truth) -> Iterator[OfCause]:
    for cause in Cause:
        part = truth._replace(lines=[line for line in truth.lines if line["cause"] == cause])
        if not part.episodes(ANY):
            continue
        yield OfCause(cause, _of_cause(alerts, part, ANY), {kind: _of_cause(alerts, part, kind).recall.hits for kind in CHURN})


def _to_persons(alerts: Iterable[Alert], kinds: Collection[str], truth: Truth) -> list[Raised]:
    return [Raised(truth.person(alert["customer_id"]), alert["raised_at"].date()) for alert in alerts if alert["kind"] in kinds]


def _of_cause(alerts: Sequence[Alert], part: Truth, kind: str) -> Figures:
    warnings = [
        Raised(part.person(alert["customer_id"]), alert["raised_at"].date()) for alert in alerts if alert["kind"] in (CHURN if kind == ANY else (kind,))
    ]
    return measure(kind, warnings, part.episodes(ANY), window=part.window, at_risk_days=part.customer_days(), left=part.left())
