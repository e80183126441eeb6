"""Whether the champions still see the customers they learned from, whether what they say comes true, and how challengers would have done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.segmentation.churn import drift
from services.segmentation.churn.model import Card, Matrix
from services.segmentation.churn.row import FEATURES
from services.segmentation.churn.scoring import LEAVE, Models, Served
from services.segmentation.parameters import ChurnScore

Document = dict[str, Any]

SCORE = "score"
WORST_TOLD = 10


class Observed(NamedTuple):
    """One customer on one day, and what became of them."""

    population: str
    row: Matrix | None
    """None: of another row version."""
    probabilities: dict[str, float]
    versions: dict[str, int]
    shadow: dict[str, float]
    label: int | None
    """1 left, 0 stayed, -1 excluded, None: not final yet."""


def health_of(newest: Sequence[Observed], labelled: Sequence[Observed], *, models: Models, parameters: ChurnScore) -> Document:
    """`newest`: of the newest days, for drift; `labelled`: of the days whose labels came last, for calibration and challengers."""
    found: Document = {"drift": [], "calibration": [], "challengers": [], "alarms": []}
    for (target, population), served in sorted(models.champions.items()):
        mine = [one for one in newest if one.population == population and one.versions.get(target) == served.version]
        seen = _drift(target, mine, served.model.card, parameters)
        found["drift"].append({"target": target, "population": population, "version": served.version, **seen})
        if seen["alarms"]:
            drifted = ", ".join(f"{one['name']} (PSI {one['psi']:.2f})" for one in seen["alarms"])
            found["alarms"].append(f"model {served.version} of {target}, {population} customers: {drifted} drifted")
    for population, ones in sorted(_by_population(labelled).items()):
        for version, told in sorted(_by_version(ones).items()):
            tallied = _calibration(told)
            found["calibration"].append({"target": LEAVE, "population": population, "version": version, **tallied})
            if tallied["alarm"]:
                said = f"{tallied['observed']} left where {tallied['expected']:.0f} were expected"
                found["alarms"].append(f"model {version} of {LEAVE}, {population} customers: not calibrated any more, {said}")
        found["challengers"] += [_beside(population, ones, one) for one in models.challengers if _is_of(one, population)]
    return found


def _drift(target: str, ones: Sequence[Observed], card: Card, parameters: ChurnScore) -> Document:
    rows = [one.row for one in ones if one.row is not None]
    if not rows:
        return {"rows": 0, "alarms": [], "worst": []}
    matrix = np.stack(rows)
    values: dict[str, NDArray[Any]] = {name: matrix[:, FEATURES.index(name)] for name in card.features}
    values[SCORE] = np.array([one.probabilities[target] for one in ones])
    judged = [
        {"name": name, **drift.drift(then, values[name], reference_rows=card.rows, watch=parameters.psi_watch, alarm=parameters.psi_alarm)._asdict()}
        for name, then in card.reference.items()
        if name in values
    ]
    worst = sorted(judged, key=lambda one: -one["psi"])
    return {"rows": len(rows), "alarms": [one for one in worst if one["level"] == "alarm"], "worst": worst[:WORST_TOLD]}


def _calibration(told: Sequence[tuple[float, int]]) -> Document:
    probabilities, outcomes = (np.array(column) for column in zip(*told, strict=True))
    found = drift.calibration(probabilities, outcomes)
    deciles = [{"customers": one.customers, "expected": one.expected, "observed": one.observed, "is_off": one.is_off} for one in found.deciles]
    total = found.total
    return {"customers": total.customers, "expected": total.expected, "observed": total.observed, "z": total.z, "alarm": found.alarm, "deciles": deciles}


def _beside(population: str, ones: Iterable[Observed], challenger: Served) -> Document:
    """Mean log loss of both on the customers that both scored; lower is better."""
    version = str(challenger.version)
    both = [(one.probabilities[LEAVE], one.shadow[version], one.label) for one in ones if version in one.shadow and LEAVE in one.probabilities]
    said: Document = {"population": population, "version": challenger.version, "customers": len(both)}
    if not both:
        return said
    champion, shadow, labels = (np.array(column, dtype=np.float64) for column in zip(*both, strict=True))
    return said | {"log_loss": _log_loss(shadow, labels), "champion_log_loss": _log_loss(champion, labels), "left": int(labels.sum())}


def _log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    bounded = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return float(-(labels * np.log(bounded) + (1 - labels) * np.log(1 - bounded)).mean())


def _is_of(challenger: Served, population: str) -> bool:
    return challenger.model.card.target == LEAVE and challenger.model.card.population == population


def _by_population(labelled: Iterable[Observed]) -> dict[str, list[Observed]]:
    found: dict[str, list[Observed]] = defaultdict(list)
    for one in labelled:
        if one.label in {0, 1}:
            found[one.population].append(one)
    return found


def _by_version(ones: Iterable[Observed]) -> dict[int, list[tuple[float, int]]]:
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for version, pair in _told(ones):
        found[version].append(pair)
    return found


def _told(ones: Iterable[Observed]) -> Iterator[tuple[int, tuple[float, int]]]:
    for one in ones:
        if LEAVE in one.probabilities and one.label is not None:
            yield one.versions[LEAVE], (one.probabilities[LEAVE], one.label)
