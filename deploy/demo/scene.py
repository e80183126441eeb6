"""One customer on one day: what every act of behaviour.py looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from deploy.demo.course import Course, Drift
from deploy.demo.events import midnight
from deploy.demo.population import Cause, Customer, Plan


@dataclass(frozen=True, slots=True)
class Scene:
    """The dice are the day's own, so that a day can be told again at any time."""

    customer: Customer
    course: Course
    day: date
    dice: Random
    drift: Drift | None
    strength: float

    def at(self, *, days: int = 0) -> datetime:
        """A moment of the waking hours: this day, or `days` later."""
        return midnight(self.day) + timedelta(days=days, seconds=self.dice.randint(3600, 13 * 3600))

    def happens(self, times_a_year: float) -> bool:
        return self.dice.random() < times_a_year / 365

    def drifting(self, *causes: Cause) -> bool:
        """Away from us, for one of these causes, and not on the way back."""
        return self.drift is not None and self.day <= self.drift.ended and (not causes or self.customer.cause in causes)

    def reaches(self, share: float) -> bool:
        return self.drift is not None and self.day == self.drift.day_at(share) and self.day < self.drift.ended

    @property
    def by_number(self) -> str:
        return f"msisdn:{self.customer.msisdn}"

    @property
    def by_account(self) -> str:
        return f"account:{self.customer.account}"

    @property
    def by_customer(self) -> str:
        return f"customer:{self.customer.customer_id}"

    @property
    def plan(self) -> Plan:
        return self.course.plan_on(self.day)

    def name(self, prefix: str) -> str:
        return f"{prefix}-{self.customer.number:05d}-{self.day:%Y%m%d}"
