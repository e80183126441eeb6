"""What is promised to whom, and what a broken promise or a trouble is made good by: every parameter of it stands here.

service star   5, 4   3   2, 1 or none
grade             1   2   3
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Literal, NamedTuple

from shared.contracts.orders import WorkKind
from shared.contracts.retention import CreditCause

Grade = Literal[1, 2, 3]
GRADES: tuple[Grade, ...] = (1, 2, 3)

# Working days after that of the order, by grade.
WORKING_DAYS: Mapping[WorkKind, tuple[int, int, int]] = {
    "installation":  (3, 5, 7),
    "repair":        (1, 2, 3),
    "relocation":    (3, 5, 7),
    "number_change": (1, 1, 2),
    "other":         (3, 5, 7),
}  # fmt: skip

PERCENT_A_DAY = 5
MOST_DAYS = 100 // PERCENT_A_DAY
"""So late, the whole fee is paid back."""

PATIENCE_HOURS: Mapping[CreditCause, tuple[int, int, int]] = {"complaint": (24, 48, 72), "bill_dispute": (24, 48, 72), "outage": (4, 8, 12)}
"""What is fixed within them, by grade, is not made good."""
PERCENT_OF_GRADE = (200, 150, 100)


class Rate(NamedTuple):
    """In minor units, for grade 3: at once, for each further day that began, and the most of both."""

    base_minor: int
    per_day_minor: int
    most_minor: int


_OF_COMPLAINT = {"minor": Rate(300, 100, 1_500), "major": Rate(1_000, 200, 3_000), "critical": Rate(2_000, 500, 6_000)}
RATES: Mapping[CreditCause, Mapping[str, Rate]] = {
    "complaint": _OF_COMPLAINT,
    "bill_dispute": _OF_COMPLAINT,
    "outage": {"outage": Rate(500, 500, 3_000), "degraded": Rate(200, 200, 1_200), "fault": Rate(200, 200, 1_200)},
}


class MakeGood(NamedTuple):
    """`days`: that began after the patience, the first one not counted."""

    amount_minor: int
    days: int


def grade_of(star: int | None) -> Grade:
    return 1 if star in {4, 5} else 2 if star == 3 else 3


def working_days_for(kind: WorkKind, grade: Grade) -> int:
    return WORKING_DAYS[kind][grade - 1]


def patience(cause: CreditCause, grade: Grade) -> timedelta:
    return timedelta(hours=PATIENCE_HOURS[cause][grade - 1])


def share_of_fee(fee_minor: int, days_late: int) -> int:
    """In minor units, rounded once, a half up; never more than the fee."""
    percent = PERCENT_A_DAY * min(days_late, MOST_DAYS)
    return (fee_minor * percent + 50) // 100


def make_good(cause: CreditCause, severity: str, lasted: timedelta, grade: Grade) -> MakeGood:
    """Nothing for what was fixed within the patience, or is of a severity we know no rate of."""
    rate = RATES[cause].get(severity)
    over = lasted - patience(cause, grade)
    if rate is None or over <= timedelta(0):
        return MakeGood(0, 0)
    days = ceil(over / timedelta(days=1)) - 1
    amount = min(rate.most_minor, rate.base_minor + days * rate.per_day_minor)
    return MakeGood((amount * PERCENT_OF_GRADE[grade - 1] + 50) // 100, days)
