"""Work orders as they are promised and done, and what is owed for those that were late."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.retention import compensation
from services.retention.compensation import PROPOSED_WITHIN, WORK_TYPES, Place, Report, Work, owed, promised, work_of
from services.retention.contactable import Contactable
from services.retention.repository import credits as repository
from services.retention.repository.credits import DEFAULT
from services.retention.service_levels import PERCENT_A_DAY, grade_of
from services.retention.use_cases.credits import Proposal, propose
from services.retention.working_days import Calendar
from shared import clock
from shared.clock import zone_of
from shared.contracts.customer import Activity, Fact
from shared.database import Database, Transaction
from shared.errors import NotFound
from shared.pii import Keyring

LOOK_SECONDS = 5.0
PAGE = 200

Document = dict[str, Any]
Calendars = Mapping[str, Calendar]


class Told(NamedTuple):
    """A fact about a work order, told of a customer, and when."""

    customer_id: str
    at: datetime
    fact: Fact


def told_by(customer_id: str, at: datetime, activity: Activity) -> list[Told]:
    return [Told(customer_id, at, fact) for fact in activity.facts if fact.type in WORK_TYPES]


async def take_in(tx: Transaction, told: Sequence[Told], customers: Mapping[str, Contactable], *, default_zone: str) -> None:
    """Put each report down once, and propose, correct or withdraw what follows. The customers are locked.

    A work order belongs to whom it was told of last; by which grade, clock and calendar it is counted stays as at first.
    """
    if not told:
        return
    calendars = await repository.calendars(tx, lock=True)
    by_work: dict[str, list[Told]] = {}
    for one in told:
        by_work.setdefault(one.fact.data["work_id"], []).append(one)
    new = [_new(work_id, listed[0], customers[listed[0].customer_id], default_zone) for work_id, listed in by_work.items()]
    rows = {work_id: dict(row._mapping) for work_id, row in (await repository.lock_works(tx, by_work, new)).items()}
    await _settle(tx, [_heard(rows[work_id], listed, calendars) for work_id, listed in by_work.items()], calendars)


async def count_again(database: Database, _: Keyring | None) -> bool:
    """A page of those whose calendar was changed; whether there may be more."""
    async with database.reading() as connection:
        if not await repository.to_count(connection, clock.now(), limit=1):
            return False
    async with database.transaction() as tx:
        calendars = await repository.calendars(tx, lock=True)
        due = await repository.to_count(tx, clock.now(), limit=PAGE)
        await _settle(tx, [dict(row._mapping) for row in (await repository.lock_works(tx, due)).values()], calendars)
    return len(due) == PAGE


async def accruing(tx: Transaction, *, after: tuple[datetime, str] | None, limit: int) -> list[Document]:
    """What is late and not done yet, with what would be owed if it were done now."""
    calendars = await repository.calendars(tx)
    return [_view(dict(row._mapping), calendars) for row in await repository.overdue(tx, clock.now(), after=after, limit=limit)]


async def work(tx: Transaction, work_id: str) -> Document:
    """As it stands, also after its credit was decided. Raises NotFound."""
    row = await repository.work(tx, work_id)
    if row is None or row.promised_by is None:
        raise NotFound(f"no promised work {work_id}")
    return _view(dict(row._mapping), await repository.calendars(tx))


def _new(work_id: str, told: Told, customer: Contactable, default_zone: str) -> Document:
    zone = zone_of(customer.timezone or default_zone)
    place = {"grade": grade_of(customer.service_star), "timezone": zone.key if zone else default_zone, "region": customer.region}
    return {"work_id": work_id, "customer_id": told.customer_id, "told_at": told.at, "reports": [], **place}


def _heard(row: Document, told: Sequence[Told], calendars: Calendars) -> Document:
    """What was put down first stays: a promise by the service level does not move with the calendar."""
    reports = {one[1:3]: one for one in _reports(row)}
    for customer_id, at, fact in told:
        report = promised(Report(fact.time, fact.source, fact.id, fact.type, fact.data), _place(row), _calendar(row, calendars), ZoneInfo(row["timezone"]))
        reports.setdefault(report[1:3], report)
        if at >= row["told_at"]:
            row = row | {"customer_id": customer_id, "told_at": at}
    return row | {"reports": [one._asdict() | {"said_at": one.said_at.isoformat()} for one in reports.values()]}


async def _settle(tx: Transaction, rows: Sequence[Document], calendars: Calendars) -> None:
    found = [(row, work_of(row["work_id"], _reports(row))) for row in rows]
    saved = [row | {"promised_by": one and one.promised_by, "ended_at": one and one.ended_at, "count_at": None} for row, one in found]
    await repository.save_works(tx, saved)
    await propose(tx, [_proposal(row, one, calendars) for row, one in found if one and one.ended_at])


def _proposal(row: Document, work: Work, calendars: Calendars) -> Proposal:
    calendar, now = _calendar(row, calendars), clock.now()
    found = owed(work, calendar, ZoneInfo(row["timezone"]), now=now)
    basis = {
        "kind": work.kind,
        "one_off_fee_minor": work.fee_minor,
        "promised_by": work.promised_by.isoformat(),
        "ended_at": work.ended_at and work.ended_at.isoformat(),
        "days": [day.isoformat() for day in found.days],
        "percent_a_day": PERCENT_A_DAY,
        "grade": row["grade"],
        "timezone": row["timezone"],
        "calendar": calendar.region,
        "calendar_revision": calendar.revision,
    }
    is_news = work.ended_at is not None and work.ended_at > now - PROPOSED_WITHIN
    return Proposal("late_work", work.work_id, work.work_id, row["customer_id"], found.amount_minor, work.currency, basis, is_news)


def _view(row: Mapping[str, Any], calendars: Calendars) -> Document:
    found = work_of(row["work_id"], _reports(row))
    assert found, "it was promised"
    now_owed = owed(found, _calendar(row, calendars), ZoneInfo(row["timezone"]), now=clock.now())
    said = {name: getattr(found, name) for name in ("work_id", "kind", "currency", "promised_by", "ended_at", "cancelled")}
    credit_id = compensation.credit_id("late_work", found.work_id)
    more = {"one_off_fee_minor": found.fee_minor, "days": now_owed.days, "amount_minor": now_owed.amount_minor, "credit_id": credit_id}
    return said | more | {name: row[name] for name in ("customer_id", "grade", "timezone", "region")}


def _reports(row: Mapping[str, Any]) -> Collection[Report]:
    return [Report(**one | {"said_at": datetime.fromisoformat(one["said_at"])}) for one in row["reports"]]


def _place(row: Mapping[str, Any]) -> Place:
    return Place(row["grade"], row["timezone"], row["region"])


def _calendar(row: Mapping[str, Any], calendars: Calendars) -> Calendar:
    return calendars.get(row["region"] or DEFAULT) or calendars[DEFAULT]
