"""The compensation of broken promises: for each working day past the promised time a share of the one-off fee, up to the whole fee.

A work order is folded from all that was reported of it, in the order it was said, so the order of arrival does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from services.retention.service_levels import MOST_DAYS, Grade, share_of_fee, working_days_for
from services.retention.working_days import Calendar, begun_between, end_of
from shared.contracts.orders import WorkCancelled, WorkCompleted, WorkPromised
from shared.contracts.retention import CreditCause

State = Literal["proposed", "approved", "rejected", "withdrawn"]
DECIDED: frozenset[State] = frozenset({"approved", "rejected"})
"""For good. A proposal follows what becomes known; one that nothing is left of is withdrawn until there is again."""

PROPOSED_WITHIN = timedelta(days=90)
"""What ended longer ago is not proposed: years of imported history cost nothing."""

WORK_TYPES = frozenset(one.type for one in (WorkPromised, WorkCompleted, WorkCancelled))


class Report(NamedTuple):
    """What order entry said, at that time. Sorts by it."""

    said_at: datetime
    source: str
    fact_id: str
    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """By what a work order is counted: as the customer was when it was first heard of, for a promise that was given holds."""

    grade: Grade
    timezone: str
    region: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """`ended_at`: None while it is not done."""

    work_id: str
    kind: str
    fee_minor: int
    currency: str
    promised_by: datetime
    ended_at: datetime | None
    cancelled: bool


class Owed(NamedTuple):
    days: list[date]
    amount_minor: int


def credit_id(cause: CreditCause, name: str) -> str:
    """At most one per work order, complaint or fault, whoever it is told of."""
    return "cr-" + hashlib.sha256(f"{cause}|{name}".encode()).hexdigest()[:24]


def promised(report: Report, place: Place, calendar: Calendar, zone: ZoneInfo) -> Report:
    """The same with the time it is promised by, where order entry left that to the service level."""
    if report.type != WorkPromised.type or report.data.get("promised_by"):
        return report
    by = end_of(working_days_for(report.data["kind"], place.grade), report.said_at, calendar, zone)
    return report._replace(data={**report.data, "promised_by": by.isoformat()})


def work_of(work_id: str, reports: Iterable[Report]) -> Work | None:
    """None while no promise is known: what was done may be heard of first."""
    ordered = sorted(reports, key=lambda one: one[:3])
    promises = [one.data for one in ordered if one.type == WorkPromised.type]
    if not promises:
        return None
    promised_by = _by(promises[0])
    for one in promises[1:]:
        promised_by = _by(one) if one.get("asked_by_customer") else min(promised_by, _by(one))
    end = next((one for one in reversed(ordered) if one.type != WorkPromised.type), None)
    cancelled = end is not None and end.type == WorkCancelled.type
    ended_at = None if end is None else end.said_at if cancelled else datetime.fromisoformat(end.data["completed_at"])
    last = promises[-1]
    return Work(work_id, last["kind"], last["one_off_fee_minor"], last["currency"], promised_by, ended_at, cancelled)


def owed(work: Work, calendar: Calendar, zone: ZoneInfo, *, now: datetime) -> Owed:
    """For each working day that began after the promised time and before the work was done; while it is not, so far. A day counts in
    full once it has begun; that of the promise does not. Nothing for what was called off."""
    if work.cancelled:
        return Owed([], 0)
    days = begun_between(work.promised_by, work.ended_at or now, calendar, zone, most=MOST_DAYS)
    return Owed(days, share_of_fee(work.fee_minor, len(days)))


def _by(promise: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(promise["promised_by"])
