"""Among whom a customer is scored, or why not at all: what makes a newcomer leave is not what makes others leave, and of visitors,
of who does not pay themselves and of who is about to be cut off, a score would say nothing that anybody could act on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple, get_args

from services.segmentation.features import Features
from services.segmentation.parameters import ChurnScore

Group = Literal["newcomers", "visitors", "employer_paid", "involuntary"]

Population = Literal["established", Group]
ESTABLISHED: Population = "established"
POPULATIONS = (ESTABLISHED, *get_args(Group))


class Placed(NamedTuple):
    population: Population | None
    """None: not scored by a model."""
    reason: str
    """For a person to read."""


def place(features: Features, *, dunning_level: int, today: date, parameters: ChurnScore) -> Placed:
    """The first group that the customer belongs to and that is not scored together with the others."""
    if not features.live:
        return Placed(None, "is no customer now")
    for group, reason in _groups(features, dunning_level, today, parameters):
        how = parameters.of(group)
        if how == "excluded":
            return Placed(None, f"{reason}: not scored by a model")
        if how == "apart":
            return Placed(group, f"{reason}: scored among their like")
    return Placed(ESTABLISHED, "scored among all established customers")


def _groups(features: Features, dunning_level: int, today: date, parameters: ChurnScore) -> Iterator[tuple[Group, str]]:
    joined = features.joined_on
    if features.holding.get("visitor"):
        yield "visitors", "is a visitor, who leaves when the visit ends"
    if features.holding.get("employer_paid"):
        yield "employer_paid", "is paid for by an employer, who decides"
    if dunning_level >= parameters.involuntary_level:
        yield "involuntary", f"is at dunning level {dunning_level}: an end would be ours"
    if joined and (today - joined).days < parameters.newcomer_days:
        yield "newcomers", f"has been here for less than {parameters.newcomer_days} days"
