"""Behaviour clusters: what a stored model is, which cluster a customer is in, and what a cluster is called.

A model is found by `clustering.py`, kept as a plain JSON document and applied here by plain arithmetic, to customers as their events arrive.
A measure is placed by: log1p where it is skewed, held between the points beyond which only extremes lie, less the mean, over the standard
deviation. A customer is in the cluster whose centre is nearest.

Names come from what is high and low in a cluster, against all customers. Each name a cluster fits has a strength, in standard deviations; the
strongest of all gets its name first, and no name is given twice. What fits none is balanced.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, NamedTuple

MEASURES = ("out_minutes", "in_minutes", "off_net_share", "international_minutes", "data_mb", "sms", "roaming_days", "spend_minor")
"""Of one customer, per covered month, as the average over the last three; `off_net_share` is of the outgoing minutes, from 0 to 1."""

Row = Mapping[str, float]


class InvalidMeasure(Exception):
    """A measure is missing, negative or not a finite number."""


class Scaling(NamedTuple):
    """How one measure is placed."""

    measure: str
    log: bool
    low: float
    high: float
    """After the logarithm; so are the next."""
    mean: float
    scale: float

    def place(self, row: Row) -> float:
        value = row.get(self.measure, -1.0)
        if not 0 <= value < math.inf:
            raise InvalidMeasure(f"{self.measure} is {row.get(self.measure)}")
        moved = math.log1p(value) if self.log else value
        return (min(max(moved, self.low), self.high) - self.mean) / self.scale


class Cluster(NamedTuple):
    id: int
    """Stays with the cluster from model to model, and is never given again."""
    name: str
    description: str
    customers: int
    """In the fit."""
    centre: tuple[float, ...]
    """As `Model.scalings` place it."""
    averages: Mapping[str, float]
    """Of each measure, in its own unit."""


@dataclass(frozen=True, slots=True)
class Model:
    parameters: str
    """Name of the set that made it."""
    customers: int
    scalings: tuple[Scaling, ...]
    averages: Mapping[str, float]
    """Of all customers."""
    clusters: tuple[Cluster, ...]
    """In order of their ids."""
    next_id: int
    silhouette: float
    """Mean over a sample, from -1 to 1: how much nearer customers are to their own cluster than to the next."""
    resampled_stability: float
    """Mean adjusted Rand index of this partition and those found in resamples: 1 is the same every time, 0 is chance."""
    stability: float | None
    """Adjusted Rand index of where the previous model and this one put the same customers; None for the first."""

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(scaling.measure for scaling in self.scalings)

    def document(self) -> dict[str, Any]:
        """Plain JSON, from which `of` makes an equal model."""
        scalings = [scaling._asdict() for scaling in self.scalings]
        clusters = [cluster._asdict() | {"centre": list(cluster.centre)} for cluster in self.clusters]
        return asdict(self) | {"scalings": scalings, "clusters": clusters}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Model:
        scalings = tuple(Scaling(**scaling) for scaling in document["scalings"])
        clusters = tuple(Cluster(**cluster | {"centre": tuple(cluster["centre"])}) for cluster in document["clusters"])
        return cls(**{**document, "scalings": scalings, "clusters": clusters})


class Assigned(NamedTuple):
    cluster: int
    name: str
    distance: float
    """To the centre, in standard deviations."""
    margin: float
    """From 0, between two clusters, to 1, at the centre: the distance to the next centre less this one, over that to the next."""


def assign(model: Model, row: Row) -> Assigned:
    """The nearest cluster; of equally near ones that with the lowest id. Raises InvalidMeasure."""
    place = [scaling.place(row) for scaling in model.scalings]
    distances = [math.dist(place, cluster.centre) for cluster in model.clusters]
    distance, following = sorted(distances)[:2]
    nearest = model.clusters[distances.index(distance)]
    return Assigned(nearest.id, nearest.name, distance, (following - distance) / following if following else 0.0)


HIGH, LOW = 0.5, -0.5
"""In standard deviations from the mean."""
MUCH = 1.5
"""Times the average."""
MUCH_OF_A_SHARE = 1.25
"""As a share can not be many times the average."""
INCOMING_SHARE = 0.6
"""Of all minutes: from here on they are mostly incoming."""


class Profile(NamedTuple):
    """What a cluster is like, against all customers. High is both half a standard deviation above the mean and `MUCH` times the average; low
    is the opposite. The centre alone would call high what is a tenth above the average; the average alone, what one in a hundred does."""

    centre: Mapping[str, float]
    """In standard deviations from the mean."""
    averages: Mapping[str, float]
    of_all: Mapping[str, float]

    def times(self, measure: str) -> float:
        return self.averages[measure] / self.of_all[measure] if self.of_all[measure] > 0 else 1.0

    def is_high(self, measure: str) -> bool:
        return self.centre[measure] >= HIGH and self.times(measure) >= _much(measure)

    def is_low(self, measure: str) -> bool:
        return self.centre[measure] <= LOW and self.times(measure) <= 1 / _much(measure)


def names_of(profiles: Sequence[Profile], before: Sequence[str | None]) -> list[str]:
    """A name for each cluster, no two alike. A name from `before`, that of the same cluster in the previous model, stays while it fits about as
    well as any; one that is taken already gets a number."""
    strengths = [dict(_strengths(profile)) or {"balanced": 0.0} for profile in profiles]
    names = {index: name for index, name in enumerate(before) if name and _still_fits(name, strengths[index])}
    ranked = sorted((-strength, name, index) for index, fitting in enumerate(strengths) for name, strength in fitting.items())
    for _, name, index in ranked:
        if index not in names and name not in names.values():
            names[index] = name
    for _, name, index in ranked:
        if index not in names:
            names[index] = next(free for number in range(2, len(profiles) + 2) if (free := f"{name}_{number}") not in names.values())
    return [names[index] for index in range(len(profiles))]


def describe(profile: Profile) -> str:
    """One sentence with the figures of what is high and low, the furthest from the average first: at most three of the one and two of the other."""
    ranked = sorted(MEASURES, key=profile.times)
    above = [measure for measure in reversed(ranked) if profile.is_high(measure)]
    below = [measure for measure in ranked if profile.is_low(measure)]
    sentence = ", ".join(_told(measure, profile.times(measure)) for measure in above[:3] + below[:2] or _USUAL)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _still_fits(name: str, strengths: Mapping[str, float]) -> bool:
    return strengths.get(name.rstrip("0123456789").removesuffix("_"), -1.0) >= max(strengths.values()) / 2


def _strengths(profile: Profile) -> Iterator[tuple[str, float]]:
    """Each name that fits and how well. One trait is strong when it stands out of the cluster's own, not only because everything is high."""
    used = [measure for measure in _USAGE if profile.of_all[measure] > 0] or _USAGE
    usage = fmean(profile.centre[measure] for measure in used)
    high, low = sum(map(profile.is_high, used)), sum(map(profile.is_low, used))
    yield from ((name, max(profile.centre[measure] - usage, 0.0)) for name, measure in _HIGH_IN_ONE.items() if profile.is_high(measure))
    if high > len(used) / 2 and not low:
        yield "heavy_users", usage
    if low > len(used) / 2 and not high:
        yield "light_users", -usage
    yield from _one_sided(profile)


def _one_sided(profile: Profile) -> Iterator[tuple[str, float]]:
    outgoing, incoming, data = (profile.centre[measure] for measure in ("out_minutes", "in_minutes", "data_mb"))
    less_calling, less_data = profile.is_low("out_minutes") and profile.is_low("in_minutes"), profile.is_low("data_mb")
    if less_data and not less_calling and not profile.is_high("out_minutes"):
        yield "mostly_voice", (outgoing + incoming) / 2 - data
    if less_calling and not less_data and not profile.is_high("data_mb") and profile.of_all["data_mb"] > 0:
        yield "mostly_data", data - (outgoing + incoming) / 2
    minutes = profile.averages["in_minutes"] + profile.averages["out_minutes"]
    if profile.averages["in_minutes"] >= INCOMING_SHARE * minutes and incoming >= outgoing + HIGH:
        yield "receivers", incoming - outgoing


def _much(measure: str) -> float:
    return MUCH_OF_A_SHARE if measure == "off_net_share" else MUCH


def _told(measure: str, times: float) -> str:
    if times < 0.5:
        return f"little {_LABELS[measure]} ({times:.{2 if times < 0.1 else 1}f} times the average)"
    return f"{times:.{0 if times >= 10 else 1}f} times the average {_LABELS[measure]}"


_USAGE = ("out_minutes", "in_minutes", "data_mb", "sms")
_USUAL = ["out_minutes", "data_mb", "spend_minor"]
"""Told of a cluster that is neither high nor low in anything."""

_HIGH_IN_ONE = {
    "heavy_data": "data_mb",
    "high_spenders": "spend_minor",
    "international_callers": "international_minutes",
    "off_net_callers": "off_net_share",
    "talkers": "out_minutes",
    "texters": "sms",
    "travellers": "roaming_days",
}

_LABELS = {
    "out_minutes": "outgoing voice",
    "in_minutes": "incoming voice",
    "off_net_share": "share of voice to other networks",
    "international_minutes": "international voice",
    "data_mb": "data",
    "sms": "texting",
    "roaming_days": "roaming",
    "spend_minor": "spending",
}
