"""Everybody of a batch scored in one call per model: the champions, whose word counts, and challengers in their shadow.

Pure: the stream, the day's re-cut and a test get the same probabilities from the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from services.segmentation.churn.model import Matrix, Model
from services.segmentation.churn.populations import Placed, place
from services.segmentation.churn.row import View, row_of
from services.segmentation.churn.sensitivity import SensitivityModel
from services.segmentation.features import Features
from services.segmentation.features.account import Position
from services.segmentation.parameters import ChurnScore
from services.segmentation.rfm import Purchases
from services.segmentation.seen import Seen

Target = Literal["leave", "brand_downgrade", "arpu_decline"]
TARGETS: tuple[Target, ...] = get_args(Target)
LEAVE: Target = "leave"

BUILT_IN_VERSION = 0
STORED = np.dtype("<f4")
"""How rows are kept."""


class Served(NamedTuple):
    version: int
    """`BUILT_IN_VERSION`, or that of the registered one."""
    model: Model


class ServedSensitivity(NamedTuple):
    version: int
    model: SensitivityModel


@dataclass(frozen=True, slots=True)
class Models:
    """What is in force, by target and population."""

    champions: Mapping[tuple[str, str], Served] = field(default_factory=dict)
    challengers: tuple[Served, ...] = ()
    sensitivity: ServedSensitivity | None = None
    troubles: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Of champions that can not be used: rules go on in their place."""


class Candidate(NamedTuple):
    features: Features
    purchases: Purchases | None
    position: Position
    dunning_level: int


@dataclass(slots=True)
class Predicted:
    """What models say of one customer."""

    placed: Placed
    view: View
    row: Matrix
    """(features,)"""
    probabilities: dict[str, float] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    shadow: dict[str, float] = field(default_factory=dict)
    contributions: NDArray[np.float32] | None = None
    """Of the model of leaving."""
    sensitivity: dict[str, Any] = field(default_factory=dict)
    """What a contact would change; empty: no model says."""

    @property
    def leaves(self) -> float | None:
        """The probability to leave; None: no model says."""
        return self.probabilities.get(LEAVE)


def predict(candidates: Iterable[Candidate], *, models: Models, seen: Seen, parameters: ChurnScore) -> dict[str, Predicted]:
    """By customer."""
    found = {one.features.customer_id: _placed(one, seen, parameters) for one in candidates}
    by_population: dict[str, list[Predicted]] = defaultdict(list)
    for one in found.values():
        if one.placed.population is not None:
            by_population[one.placed.population].append(one)
    for population, ones in by_population.items():
        _score(ones, population, models)
    if models.sensitivity and by_population:
        _judge([one for ones in by_population.values() for one in ones], models.sensitivity)
    return found


def why_model(one: Predicted) -> str:
    """Among whom, and loudly if by the model that is built in."""
    built_in = one.versions[LEAVE] == BUILT_IN_VERSION
    return f"{one.placed.reason}{'; by the built-in model, trained on a simulated operator alone: it has seen no real customer' if built_in else ''}"


def why_rules(placed: Placed, models: Models) -> str:
    """Why no model says how likely the customer leaves."""
    if placed.population is None:
        return placed.reason
    trouble = models.troubles.get((LEAVE, placed.population))
    return f"the model of {placed.population} can not be used: {trouble}" if trouble else f"there is no model of {placed.population} customers"


def stored(row: Sequence[float] | Matrix) -> bytes:
    return np.asarray(row, dtype=STORED).tobytes()


def restored(content: bytes) -> Matrix:
    return np.frombuffer(content, dtype=STORED).astype(np.float32)


def _placed(one: Candidate, seen: Seen, parameters: ChurnScore) -> Predicted:
    view = View(one.features, one.purchases, one.position, seen)
    placed = place(one.features, dunning_level=one.dunning_level, today=seen.today, parameters=parameters)
    return Predicted(placed, view, np.array(row_of(view), dtype=np.float32))


def _score(ones: Sequence[Predicted], population: str, models: Models) -> None:
    rows = np.stack([one.row for one in ones])
    for target in TARGETS:
        champion = models.champions.get((target, population))
        if champion is None:
            continue
        scored = champion.model.score(rows)
        for nth, one in enumerate(ones):
            one.probabilities[target], one.versions[target] = float(scored.probability[nth]), champion.version
            if target == LEAVE:
                one.contributions = scored.contributions[nth]
    for challenger in models.challengers:
        if challenger.model.card.population == population:
            for one, probability in zip(ones, challenger.model.score(rows).probability, strict=True):
                one.shadow[str(challenger.version)] = float(probability)


def _judge(ones: Sequence[Predicted], served: ServedSensitivity) -> None:
    found = served.model.judge(np.stack([one.row for one in ones]))
    for nth, one in enumerate(ones):
        numbers = {name: round(float(getattr(found, name)[nth]), 5) for name in ("uplift", "low", "high")}
        one.sensitivity = {"kind": str(found.kind[nth]), **numbers, "basis": "hold_outs", "version": served.version}
