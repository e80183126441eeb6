"""A randomised trial of calls on the simulated operator's own rules: what can be seen of a customer, who was called, and, of both worlds, who left.

Each customer is met once, drifting or at rest. Whom a call moves is drawn apart from all that can be seen, so nobody can learn it of one customer: what
can be learned is the mean effect on those in the same visible state. `by_cause` is another operator, on which it shows: there the cause of the drift,
which can be seen, decides how many are moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.demo.behaviour import USAGE_LEFT
from deploy.demo.course import Contact, Course, course_of
from deploy.demo.desk import answer
from deploy.demo.population import Cause, Customer, Responder, initial
from services.segmentation.churn.model import Matrix

FEATURES = ("usage_fall", "missed_calls", "care_calls", "dropped_calls", "forwards", "bill_unpaid_days", "tenure_days", "prepaid", "employer_paid", "visitor")
HORIZON_DAYS = 30
FIRST_DAY = date(2026, 1, 1)
DRIFTING_SHARE = 0.6
NOT_REPORTED_SHARE = 0.04
NAN = float("nan")

RESPONDERS_BY_CAUSE: Mapping[Cause, tuple[int, int, int, int]] = {
    Cause.BAD_COVERAGE: (10, 25, 60, 5),  # an offer mends no network
    Cause.PRICE: (75, 15, 5, 5),
    Cause.RIVAL_OFFER: (35, 10, 50, 5),
    Cause.MULTI_SIM: (10, 20, 20, 50),  # a call reminds them of a card they hardly use
}
"""Percent persuadable, sure, lost and not to be disturbed; of the other causes as everywhere."""


class Met(NamedTuple):
    customer: Customer
    drifting: bool
    called: bool
    """By a coin."""
    seen: list[float]
    leaves_alone: bool
    leaves_called: bool
    """Within the horizon: in the world in which nobody called, and in the one in which an agent did."""
    result: str
    accepted: bool
    reached: bool
    """What came of the call, in the world in which there was one."""

    @property
    def saved(self) -> int:
        """1 if the call keeps them, -1 if it makes them leave, 0 if it changes nothing."""
        return self.leaves_alone - self.leaves_called


class Trial(NamedTuple):
    rows: Matrix
    treated: NDArray[np.bool_]
    left: NDArray[np.bool_]
    saved: NDArray[np.float64]
    """What only the simulation knows: `Met.saved`."""


def trial(customers: int, *, seed: int) -> Trial:
    found = [meet(one) for one in initial(seed, customers, FIRST_DAY)]
    treated = np.array([one.called for one in found])
    left = np.array([one.leaves_called if one.called else one.leaves_alone for one in found])
    return Trial(np.array([one.seen for one in found], dtype=np.float32), treated, left, np.array([one.saved for one in found], dtype=np.float64))


def by_cause(customer: Customer) -> Customer:
    """The same person, moved by a call as others with their cause are."""
    weights = RESPONDERS_BY_CAUSE.get(customer.cause)
    if weights is None:
        return customer
    return replace(customer, responder=customer.random("responder").choices(list(Responder), weights)[0])


def meet(customer: Customer, *, drifting_share: float = DRIFTING_SHARE, horizon_days: int = HORIZON_DAYS) -> Met:
    """`drifting_share`: of those who ever drift."""
    dice = customer.random("trial")
    alone = course_of(customer)
    day = _moment(alone, dice, drifting_share)
    at = datetime.combine(day, time(2), UTC)
    result, accepted, reached = answer(customer, alone, at, dice)
    called = course_of(customer, [Contact(at, accepted)] if reached else [])
    leaves_alone, leaves_called = (_leaves_within(course, day, horizon_days) for course in (alone, called))
    treated = dice.random() < 0.5
    drift = alone.drift_on(day)
    drifting = drift is not None and day < drift.ended
    return Met(customer, drifting, treated, list(_seen(customer, alone, day, dice)), leaves_alone, leaves_called, result, accepted, reached)


def _moment(course: Course, dice: Random, drifting_share: float) -> date:
    """In the first drift, or before it; who never drifts is met at any time."""
    if not course.drifts:
        return FIRST_DAY + timedelta(days=dice.randint(1, 700))
    first = course.drifts[0]
    if dice.random() < drifting_share:
        return first.day_at(dice.random())
    return FIRST_DAY + (first.began - FIRST_DAY) * dice.random()


def _leaves_within(course: Course, day: date, days: int) -> bool:
    return course.left is not None and (course.left - day).days <= days


def _seen(customer: Customer, course: Course, day: date, dice: Random) -> Iterator[float]:
    """As deploy/demo/behaviour.py shows a drift to the operator."""
    drift = course.drift_on(day)
    strength = drift.strength(day) if drift else 0.0
    left = 1 - (1 - USAGE_LEFT[customer.cause]) * strength
    troubled = customer.cause if drift else Cause.NONE
    yield NAN if dice.random() < NOT_REPORTED_SHARE else 1 - left * dice.uniform(0.85, 1.15)
    yield dice.randint(0, 6) + round(12 * (1 - left))
    yield dice.random() < 0.03 + 0.2 * strength
    yield dice.randint(5, 9) + round(10 * strength) if troubled is Cause.BAD_COVERAGE else dice.randint(0, 2)
    yield troubled is Cause.RIVAL_OFFER and strength > 0.3
    yield 45 * strength if troubled is Cause.ARREARS else 0
    yield (day - customer.joined.date()).days
    yield customer.payment_type == "prepaid"
    yield customer.employer_paid
    yield customer.visitor
