"""A randomised trial of calls on the simulated operator's own rules: what can be seen of a customer, who was called, and, of both worlds, who left.

Each customer is met once, drifting or at rest. Whom a call moves is drawn apart from all that can be seen, so nobody can learn it of one customer: what
can be learned is the mean effect on those in the same visible state.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.demo.behaviour import USAGE_LEFT
from deploy.demo.course import Contact, Course, course_of
from deploy.demo.desk import answer
from deploy.demo.population import Cause, Customer, initial
from services.segmentation.churn.model import Matrix

FEATURES = ("usage_fall", "missed_calls", "care_calls", "dropped_calls", "forwards", "bill_unpaid_days", "tenure_days", "prepaid", "employer_paid", "visitor")
HORIZON_DAYS = 30
FIRST_DAY = date(2026, 1, 1)
DRIFTING_SHARE = 0.6
NOT_REPORTED_SHARE = 0.04
NAN = float("nan")


class Trial(NamedTuple):
    rows: Matrix
    treated: NDArray[np.bool_]
    left: NDArray[np.bool_]
    saved: NDArray[np.float64]
    """What only the simulation knows: 1 if the call keeps them, -1 if it makes them leave, 0 if it changes nothing."""


def trial(customers: int, *, seed: int) -> Trial:
    rows, treated, left, saved = zip(*(_meet(one) for one in initial(seed, customers, FIRST_DAY)), strict=True)
    return Trial(np.array(rows, dtype=np.float32), np.array(treated), np.array(left), np.array(saved, dtype=np.float64))


def _meet(customer: Customer) -> tuple[list[float], bool, bool, int]:
    dice = customer.random("trial")
    alone = course_of(customer)
    day = _moment(alone, dice)
    called = course_of(customer, list(_call(customer, alone, day, dice)))
    leaves_alone, leaves_called = (_leaves_soon(course, day) for course in (alone, called))
    treated = dice.random() < 0.5
    return list(_seen(customer, alone, day, dice)), treated, leaves_called if treated else leaves_alone, leaves_alone - leaves_called


def _moment(course: Course, dice: Random) -> date:
    """In the first drift, or before it; who never drifts is met at any time."""
    if not course.drifts:
        return FIRST_DAY + timedelta(days=dice.randint(1, 700))
    first = course.drifts[0]
    if dice.random() < DRIFTING_SHARE:
        return first.day_at(dice.random())
    return FIRST_DAY + (first.began - FIRST_DAY) * dice.random()


def _call(customer: Customer, course: Course, day: date, dice: Random) -> Iterator[Contact]:
    at = datetime.combine(day, time(2), UTC)
    _, accepted, reached = answer(customer, course, at, dice)
    if reached:
        yield Contact(at, accepted)


def _leaves_soon(course: Course, day: date) -> bool:
    return course.left is not None and (course.left - day).days <= HORIZON_DAYS


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
