"""RFM: how recently, on how many days and for how much a customer bought, each scored from 1 to 5 within their population.

A score is a percent rank: 1 + floor(5 x (rank - 1) / n), where a value's rank is 1 + the number of the n customers whose value
is worse. Ties share a rank, so no tie is ever split, and the worst value always scores 1. Worse is: longer ago, fewer, less.

A cut finds, for each score above 1, the value that just reaches it. With these points a customer is scored alone, in the stream,
and everyone who was in the cut gets exactly their percent rank. Nobody's score moves because somebody else bought something.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

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


# Until a population is first cut. Recency and frequency suit who pays monthly; money is in hundredths.
BUILT_IN = Snapshot(0, CutPoints(r=(180, 90, 60, 30), f=(2, 4, 8, 12), m=(5_000, 20_000, 50_000, 100_000)))


class Purchases(NamedTuple):
    """All that a customer bought. There is no recency without a payment, so there are no purchases without one."""

    last_day: date
    frequency: int
    monetary_minor: int

    def recency_days(self, as_of: date) -> int:
        """Negative for one who is ahead of `as_of`: a source's clock may run up to a day early."""
        return (as_of - self.last_day).days


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
