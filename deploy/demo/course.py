"""The course a customer takes: when they drift, how it ends, and what a call changes. Pure, and causal: a call changes only the days after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Literal, NamedTuple

from deploy.demo.population import LADDER, Cause, Customer, Plan, Responder

DAYS_BETWEEN_DRIFTS = 700.0  # of those who have a cause: about 3 % of all begin to drift in a month
DAYS_BETWEEN_PLANS = 800.0
DAYS_AT_REST = 60
DAYS_TO_RECOVER = 14
DAYS_UNTIL_TAKEN_OVER = 8000.0  # of everybody, once: about 4 in a thousand in a month
WEEKS_TAKEN_OVER = (1, 2)
YEARS_AHEAD = 50
COMPANIES_SINCE = date(2020, 1, 1)

DRIFT_DAYS = {
    Cause.NONE: (30, 60),
    Cause.BAD_COVERAGE: (45, 70),
    Cause.PRICE: (45, 80),
    Cause.RIVAL_OFFER: (28, 45),
    Cause.ARREARS: (75, 100),
    Cause.MULTI_SIM: (50, 90),
    Cause.EMPLOYER_PAID: (30, 34),
    Cause.VISITOR: (30, 60),
}


class Contact(NamedTuple):
    """A call that reached the customer."""

    at: datetime
    offer_accepted: bool


@dataclass(frozen=True, slots=True)
class Drift:
    began: date
    due: date  # when it comes to its end if nobody calls
    ended: date
    how: Literal["left", "saved", "recovered"]
    would_leave: bool

    def strength(self, day: date) -> float:
        """0: as ever, 1: as good as gone."""
        if day > self.ended:
            fading = 1 - (day - self.ended).days / DAYS_TO_RECOVER
            return max(0.0, fading) * self.strength(self.ended)
        return min(1.0, max(0, (day - self.began).days) / (0.7 * (self.due - self.began).days))

    def leaves_on(self, day: date) -> date | None:
        """As it stands on `day`, a later call not yet known."""
        if self.how == "left":
            return self.ended
        return self.due if self.would_leave and day < self.ended else None

    def day_at(self, share: float) -> date:
        return self.began + (self.due - self.began) * share


@dataclass(frozen=True, slots=True)
class Course:
    drifts: tuple[Drift, ...]
    plans: tuple[tuple[date, Plan], ...]
    accepted: tuple[date, ...]
    taken_over: tuple[date, ...] = ()
    """The days on which somebody else uses the number: whole weeks as they are reported."""

    @property
    def left(self) -> date | None:
        return self.drifts[-1].ended if self.drifts and self.drifts[-1].how == "left" else None

    def drift_on(self, day: date) -> Drift | None:
        """The drift under way, or the one being recovered from."""
        began = [drift for drift in self.drifts if drift.began <= day]
        return began[-1] if began and day <= began[-1].ended + timedelta(days=DAYS_TO_RECOVER) else None

    def plan_on(self, day: date) -> Plan:
        return [plan for since, plan in self.plans if since <= day][-1]


def course_of(customer: Customer, contacts: Sequence[Contact] = ()) -> Course:
    drifts = tuple(_drifts(customer, contacts))
    if customer.responder is Responder.DO_NOT_DISTURB and contacts:
        drifts = _woken(customer, drifts, contacts[0])
    accepted = tuple(contact.at.date() for contact in contacts if contact.offer_accepted)
    return Course(drifts, tuple(_plans(customer, drifts)), accepted, _taken_over(customer))


def _drifts(customer: Customer, contacts: Sequence[Contact]) -> Iterator[Drift]:
    if customer.cause is Cause.NONE:
        return
    free_from, horizon = customer.since, customer.since + timedelta(days=365 * YEARS_AHEAD)
    for nth in count():
        drift = _answered(customer, _temptation(customer, nth, free_from), contacts)
        yield drift
        free_from = drift.ended + timedelta(days=DAYS_AT_REST)
        if drift.how == "left" or free_from > horizon:
            return


def _temptation(customer: Customer, nth: int, free_from: date) -> Drift:
    dice = customer.random("drift", nth)
    began = _company_moves(customer, free_from) if customer.employer_paid else free_from + timedelta(days=1 + round(dice.expovariate(1 / DAYS_BETWEEN_DRIFTS)))
    due = began + timedelta(days=dice.randint(*DRIFT_DAYS[customer.cause]))
    would_leave = customer.responder in (Responder.PERSUADABLE, Responder.LOST)
    return Drift(began, due, ended=due, how="left" if would_leave else "recovered", would_leave=would_leave)


def _company_moves(customer: Customer, free_from: date) -> date:
    """The employer decides for all its people at once: they drift on the same day."""
    dice = Random(f"{customer.seed}:{customer.cug}")
    moves = COMPANIES_SINCE
    while moves <= free_from:
        moves += timedelta(days=1 + round(dice.expovariate(1 / DAYS_BETWEEN_DRIFTS)))
    return moves


def _answered(customer: Customer, drift: Drift, contacts: Sequence[Contact]) -> Drift:
    """A persuadable customer who takes an offer in time stays."""
    for contact in contacts:
        called = contact.at.date()
        if customer.responder is Responder.PERSUADABLE and contact.offer_accepted and drift.began <= called < drift.due:
            return replace(drift, ended=called + timedelta(days=1), how="saved")
    return drift


def _woken(customer: Customer, drifts: tuple[Drift, ...], contact: Contact) -> tuple[Drift, ...]:
    """A do-not-disturb customer who is called leaves within days, whether they were drifting or not."""
    called = contact.at.date()
    leaves = called + timedelta(days=customer.random("woken").randint(4, 10))
    before = tuple(drift for drift in drifts if drift.began <= called)
    if before and called < before[-1].ended:
        return (*before[:-1], replace(before[-1], ended=leaves, how="left"))
    return (*before, Drift(called + timedelta(days=1), leaves, ended=leaves, how="left", would_leave=False))


def _taken_over(customer: Customer) -> tuple[date, ...]:
    dice = customer.random("taken over")
    began = customer.since + timedelta(days=7 + round(dice.expovariate(1 / DAYS_UNTIL_TAKEN_OVER)))
    began += timedelta(days=(customer.reporting_weekday - began.weekday()) % 7)
    return tuple(began + timedelta(days=nth) for nth in range(7 * dice.choice(WEEKS_TAKEN_OVER)))


def _plans(customer: Customer, drifts: tuple[Drift, ...]) -> Iterator[tuple[date, Plan]]:
    """The plans they hold: now and then another of the same brand; one step down, whatever the brand, when the price hurts."""
    step = LADDER.index(customer.plan)
    yield customer.since, LADDER[step]
    for day, direction, hurts in sorted([*_whims(customer), *_economies(customer, drifts)]):
        target = step + direction
        if 0 <= target < len(LADDER) and (hurts or LADDER[target].brand == LADDER[step].brand):
            step = target
            yield day, LADDER[step]


def _whims(customer: Customer) -> Iterator[tuple[date, int, bool]]:
    dice = customer.random("plans")
    day = customer.since
    while day < customer.since + timedelta(days=365 * YEARS_AHEAD):
        day += timedelta(days=1 + round(dice.expovariate(1 / DAYS_BETWEEN_PLANS)))
        yield day, dice.choice((-1, 1)), False


def _economies(customer: Customer, drifts: tuple[Drift, ...]) -> Iterator[tuple[date, int, bool]]:
    for drift in drifts:
        if customer.cause is Cause.PRICE and drift.day_at(0.4) < drift.ended:
            yield drift.day_at(0.4), -1, True
