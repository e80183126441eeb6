"""RFM: how recently, on how many days and for how much a customer bought, each scored from 1 to 5 within their population.

A score is a percent rank: 1 + floor(5 x (rank - 1) / n), where a value's rank is 1 + the number of the n customers whose value
is worse. Ties share a rank, so no tie is ever split, and the worst value always scores 1. Worse is: longer ago, fewer, less.

A population is scored so, or by fixed points, or by business rules over several measures: the parameter set says which.

A cut finds, for each score above 1, the value that just reaches it. With these points a customer is scored alone, in the stream,
and everyone who was in the cut gets exactly their percent rank. Nobody's score moves because somebody else bought something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from services.segmentation.parameters import PopulationRfm, ScoreRule
from services.segmentation.words import Measure
from shared.contracts import billing

SCORES = 5


class CutPoints(NamedTuple):
    """What just reaches the scores 2, 3, 4 and 5. Ties can make one value reach several; a top score nobody reaches is not there."""

    r: tuple[int, ...]
    """The longest recency, in days."""
    f: tuple[int, ...]
    """The smallest frequency."""
    m: tuple[int, ...]
    """The smallest sum, in minor units."""

    @classmethod
    def of(cls, document: dict[str, list[int]]) -> CutPoints:
        return cls(*(tuple(document[measure]) for measure in cls._fields))


class Snapshot(NamedTuple):
    """The cut points of one population, as of one version."""

    version: int
    points: CutPoints


class Purchases(NamedTuple):
    """All that a customer bought. There is no recency without a payment, so there are no purchases without one."""

    last_day: date
    """Of the last payment; of a prepaid customer that of the last chargeable event, when it is later."""
    frequency: int
    monetary_minor: int
    first_day: date | None = None
    """Of the first payment."""
    paid_day: date | None = None
    """Of the last payment, whatever was used since."""

    def recency_days(self, as_of: date) -> int:
        """Negative for one who is ahead of `as_of`: a source's clock may run up to a day early."""
        return (as_of - self.last_day).days

    def rhythm(self, as_of: date) -> float | None:
        """How many of their own mean gaps between purchases ago the last one was; None: they have no rhythm yet."""
        if self.frequency < 2 or self.first_day is None or self.last_day <= self.first_day:
            return None
        return self.recency_days(as_of) * (self.frequency - 1) / (self.last_day - self.first_day).days


class Scores(NamedTuple):
    r: int
    f: int
    m: int


def score(purchases: Purchases, points: CutPoints, *, as_of: date) -> Scores:
    recency_days = purchases.recency_days(as_of)
    return Scores(
        r=1 + sum(recency_days <= longest for longest in points.r),
        f=1 + sum(purchases.frequency >= least for least in points.f),
        m=1 + sum(purchases.monetary_minor >= least for least in points.m),
    )


def snapshot_of(cut: Snapshot | None, how: PopulationRfm) -> Snapshot:
    """What a population is scored by: its newest cut, or points that are fixed. Version 0 is no cut."""
    return cut if cut and how.method == "quantile" else Snapshot(0, CutPoints(how.fixed.r, how.fixed.f, how.fixed.m))


def score_by_rules(how: PopulationRfm, measures: Mapping[Measure, int]) -> Scores:
    return Scores(*(_first_that_holds(how.rules[name], measures) for name in ("r", "f", "m")))


def _first_that_holds(rules: Sequence[ScoreRule], measures: Mapping[Measure, int]) -> int:
    return next((rule.score for rule in rules if all(condition.holds(measures) for condition in rule.when)), 1)


class Cut:
    """The points of one measure among `customers`: told every value once, from the worst to the best."""

    def __init__(self, customers: int) -> None:
        self._customers, self._worse = customers, 0
        self._points: list[int] = []

    def add(self, value: int, holders: int) -> None:
        reached = SCORES * self._worse // self._customers
        self._points += [value] * (reached - len(self._points))
        self._worse += holders

    @property
    def points(self) -> tuple[int, ...]:
        return tuple(self._points)


class Payment(NamedTuple):
    """What one fact adds to its day: money, and whether the day is one on which the customer bought."""

    payments: int
    paid_minor: int

    def plus(self, other: Payment) -> Payment:
        return Payment(self.payments + other.payments, self.paid_minor + other.paid_minor)


def payment_of(fact_type: str, data: dict[str, Any]) -> Payment | None:
    """A reversal takes money back on its own day; it is never a payment, so it makes no day a purchase day."""
    if fact_type in _PAYMENTS:
        return Payment(1, data["amount_minor"])
    return Payment(0, -data["amount_minor"]) if fact_type == billing.PaymentReversed.type else None


_PAYMENTS = frozenset({billing.PaymentReceived.type, billing.ToppedUp.type})
