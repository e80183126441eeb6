"""What another parameter set changes: in the document, and about customers.

Customers are judged by both sets, from the same rows and as of the same moment, each as a re-cut by that set would judge them: what
comes out otherwise is what the draft does, and not what time did since they were last looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from services.segmentation import patterns, risk, tiers
from services.segmentation.features import Features
from services.segmentation.models import Learned
from services.segmentation.parameters import Parameters, ParameterSet, Risk
from services.segmentation.patterns.standing import Stands
from services.segmentation.rfm import Cut, CutPoints, Purchases, Snapshot
from services.segmentation.seen import Seen
from services.segmentation.standing import NEWS, Before, Standing, assess, debt_of, measures_of
from services.segmentation.words import TIERS, Category, Measure, Segment, Tier

Document = dict[str, Any]

KINDS = ("segment", *NEWS)
NOTHING = "none"
"""In place of a segment, tier, grade or cluster that a customer does not have."""

# What only facts to come, or what is learned next, are judged by: nobody here changes by it.
LATER = (
    "patterns.longest_fact_age_days", "patterns.usage_", "patterns.baseline_", "patterns.fall_", "patterns.urgent_", "patterns.recovered_",
    "patterns.forwardings", "patterns.incoming_", "patterns.group_", "patterns.peer_", "moments.", "fraud.", "clusters.", "churn.", "churn_score.",
)  # fmt: skip
AT_ONCE = ("moments.bad_debt_level",)


class Difference(NamedTuple):
    """A leaf of the document; a list is one."""

    path: str
    before: Any
    after: Any

    @property
    def acts_later(self) -> bool:
        return self.path.startswith(LATER) and self.path not in AT_ONCE


def merged(document: Any, patch: Any) -> Any:
    """RFC 7396: what is named is replaced, what is null taken out. What is taken out of a set is back at its built-in value."""
    if not isinstance(patch, dict):
        return patch
    found = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """In the order of the paths."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield Difference(path, before, after)
        return
    for name in sorted(before.keys() | after.keys()):
        yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)


class Side(NamedTuple):
    """One of the two sets, with what a re-cut by it would have found out about everybody."""

    in_force: ParameterSet
    learned: Learned
    cuts: Mapping[str, Snapshot]

    @property
    def parameters(self) -> Parameters:
        return self.in_force.parameters


class AsOf(NamedTuple):
    now: datetime
    seen: Seen


class Looked(NamedTuple):
    """What is known of one customer before they are judged."""

    features: Features
    purchases: Purchases | None
    before: Before
    segment: Segment | None
    """By the scores of this side."""
    fallen_from: tuple[Segment, date] | None
    """A good segment they were in shortly before a bad one, and until when."""


class Placing(NamedTuple):
    """What a tier is made from beside the value and the points, and the category from the tier."""

    tier_before: str | None
    measures: Mapping[Measure, int]
    categories: Mapping[Tier, Category]


@dataclass(slots=True)
class Judged:
    """One customer by one set."""

    words: dict[str, str]
    value_minor: int
    is_counted: bool
    """Among those whose values are cut: a customer who is here, and no prospect."""
    placing: Placing | None = None

    def place(self, points: Sequence[int], parameters: Parameters) -> None:
        """In the pyramid anew, by other points."""
        if self.placing is None:
            return
        before, measures, categories = self.placing
        tier = tiers.tier_of(self.value_minor, points=points, before=before, measures=measures, parameters=parameters.tiers).tier
        self.words |= {"category": categories[tier]} | ({} if self.words["tier"] == NOTHING else {"tier": tier})


def judge(looked: Looked, side: Side, at: AsOf, *, to_place: bool) -> Judged:
    """As a re-cut would, without a trace: `looked.features` stay as they are. `to_place`: in the pyramid anew, afterwards."""
    features, parameters = replace(looked.features, alerted=dict(looked.features.alerted)), side.parameters
    debt = debt_of(features, at.seen, side.in_force)
    segment_before, was_on = looked.fallen_from or (None, None)
    rhythm = looked.purchases.rhythm(at.seen.behaviour) if looked.purchases else None
    stands = Stands(at.seen, debt.position, debt.dunning_level, looked.segment, segment_before, was_on, rhythm)
    patterns.watch_standing(features, stands, now=at.now, parameters=parameters)
    standing, _ = assess(
        features,
        purchases=looked.purchases,
        debt=debt,
        open_alerts=patterns.open_kinds(features, now=at.now, parameters=parameters.patterns),
        before=looked.before,
        seen=at.seen,
        in_force=side.in_force,
        learned=side.learned,
    )
    found = {"segment": looked.segment} | {name: getattr(standing, name) for name in NEWS}
    return Judged(
        words={kind: NOTHING if word is None else str(word) for kind, word in found.items()},
        value_minor=standing.value_minor,
        is_counted=standing.tier is not None and standing.left_on is None,
        placing=_placing(looked, standing, parameters, at) if to_place else None,
    )


def _placing(looked: Looked, standing: Standing, parameters: Parameters, at: AsOf) -> Placing:
    features, value_minor, today = looked.features, standing.value_minor, at.seen.behaviour
    categories = {tier: tiers.category_of(features, value_minor=value_minor, tier=tier, today=today, parameters=parameters.tiers) for tier in TIERS}
    return Placing(looked.before.tier, measures_of(features, looked.purchases, today), categories)


def moves_values(before: Parameters, after: Parameters) -> bool:
    """Whether customers have other values by it."""
    return (before.value, before.arrears) != (after.value, after.arrears)


def moves_pyramid(before: Parameters, after: Parameters) -> bool:
    """Whether other values, or other shares of the customers, make a tier."""
    return after.tiers.method == "shares" and (before.tiers.shares_percent != after.tiers.shares_percent or moves_values(before, after))


def moves_populations(before: Parameters, after: Parameters) -> bool:
    return before.rfm.populations != after.rfm.populations


def place_by_shares(judged: Sequence[Judged], parameters: Parameters) -> None:
    """Cut the pyramid anew among these customers, and place them in it."""
    points = points_of_shares(values_of(judged), parameters.tiers.shares_percent)
    if points and parameters.tiers.method == "shares":
        for one in judged:
            one.place(points, parameters)


def values_of(judged: Iterable[Judged]) -> Counter[int]:
    """How many have which value, of those among whom the pyramid is cut."""
    return Counter(one.value_minor for one in judged if one.is_counted)


def points_of_shares(customers_of: Mapping[int, int], shares_percent: Sequence[float]) -> tuple[int, ...] | None:
    """The least value of iron, gold and platinum; None without customers. `customers_of`: how many have a value."""
    rows, total = sorted(customers_of.items(), reverse=True), sum(customers_of.values())
    return tuple(_least_of_share(rows, total * share / 100) for share in reversed(shares_percent)) if rows else None


def _least_of_share(rows: Sequence[tuple[int, int]], wanted: float) -> int:
    """The lowest value, from the top, that no more than `wanted` customers reach; above all of them when the first tie is larger."""
    reached, point = 0, rows[0][0] + 1
    for value, count in rows:
        reached += count
        if reached > wanted:
            break
        point = value
    return point


def cut_of(purchases: Sequence[Purchases], as_of: date) -> CutPoints:
    """The points of one population, found among these alone."""
    days, frequencies, sums = (
        Counter(values) for values in zip(*((one.recency_days(as_of), one.frequency, one.monetary_minor) for one in purchases), strict=True)
    )
    return CutPoints(r=_points(days, sorted(days, reverse=True)), f=_points(frequencies, sorted(frequencies)), m=_points(sums, sorted(sums)))


def _points(customers_of: Mapping[int, int], worst_first: Sequence[int]) -> tuple[int, ...]:
    cut = Cut(sum(customers_of.values()))
    for value in worst_first:
        cut.add(value, customers_of[value])
    return cut.points


def rates_by(learned: Learned, parameters: Risk) -> Learned:
    """With what came of earlier warnings weighed by other priors."""
    if learned.risk is None:
        return learned
    observed = {kind: risk.Observed(rate["customers"], rate["left"]) for kind, rate in learned.risk.items()}
    return replace(learned, risk=risk.rates(observed, parameters))


@dataclass(slots=True)
class Effect:
    """How many customers change what, and how the value of them all does."""

    matrix: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    customers: int = 0
    changed: int = 0
    value_before_minor: int = 0
    value_after_minor: int = 0

    def add(self, before: Judged, after: Judged) -> None:
        for kind in KINDS:
            self.matrix[kind][before.words[kind], after.words[kind]] += 1
        self.customers += 1
        self.changed += before.words != after.words
        self.value_before_minor += before.value_minor
        self.value_after_minor += after.value_minor
