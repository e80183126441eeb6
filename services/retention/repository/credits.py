"""Every statement about work orders, the calendars they are counted by, and credits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.retention.tables import CALENDARS, CREDITS, WORKS
from services.retention.working_days import Calendar
from shared.database import Transaction, among, insert_rows

Row = Mapping[str, Any]
DEFAULT = "default"


async def calendars(tx: Transaction, *, lock: bool = False) -> dict[str, Calendar]:
    """By region. Locked together with others who only read: who replaces one waits for what is counted by it to be seen. Read again under
    the lock: a region that got its own while it was waited for is not among what was locked."""
    query = sa.select(CALENDARS).order_by(CALENDARS.c.region)
    if lock:
        await tx.execute(query.with_for_update(read=True))
    return {row.region: calendar_of(row) for row in await tx.execute(query)}


def calendar_of(row: sa.Row[Any]) -> Calendar:
    exceptions = {date.fromisoformat(day): said["working"] for day, said in row.exceptions.items()}
    return Calendar(row.rest, exceptions, row.region, row.revision)


async def list_calendars(tx: Transaction) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(CALENDARS).order_by(CALENDARS.c.region))).all()


async def calendar(tx: Transaction, region: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(CALENDARS).where(CALENDARS.c.region == region))).one_or_none()


async def lock_all_calendars(tx: Transaction) -> dict[str, sa.Row[Any]]:
    """Against everybody: a region that gets its own was counted by the default one before."""
    return {row.region: row for row in await tx.execute(sa.select(CALENDARS).order_by(CALENDARS.c.region).with_for_update())}


async def save_calendar(tx: Transaction, row: Row) -> None:
    await insert_rows(tx, CALENDARS, [row], key=("region",), merge=dict.fromkeys((name for name in row if name != "region"), "replace"))


async def count_again(tx: Transaction, regions: Collection[str], *, but: bool, promised_after: datetime, at: datetime) -> None:
    """The works of these regions; `but`: of all others, and of no region."""
    theirs = among(tx, WORKS.c.region, regions)
    theirs = sa.or_(WORKS.c.region.is_(None), sa.not_(theirs)) if but else theirs
    await tx.execute(sa.update(WORKS).where(theirs, WORKS.c.promised_by > promised_after, WORKS.c.ended_at.is_not(None)).values(count_at=at))


async def to_count(tx: Transaction, now: datetime, *, limit: int) -> list[str]:
    return list(await tx.scalars(sa.select(WORKS.c.work_id).where(WORKS.c.count_at <= now).order_by(WORKS.c.count_at, WORKS.c.work_id).limit(limit)))


async def lock_works(tx: Transaction, work_ids: Collection[str], new: Sequence[Row] = ()) -> dict[str, sa.Row[Any]]:
    """Those of `new` that nobody put down before included."""
    await insert_rows(tx, WORKS, sorted(new, key=lambda row: str(row["work_id"])), key=("work_id",))
    query = sa.select(WORKS).where(among(tx, WORKS.c.work_id, work_ids)).order_by(WORKS.c.work_id).with_for_update()
    return {row.work_id: row for row in await tx.execute(query)}


async def save_works(tx: Transaction, rows: Sequence[Row]) -> None:
    columns = ("customer_id", "told_at", "reports", "promised_by", "ended_at", "count_at")
    await insert_rows(tx, WORKS, sorted(rows, key=lambda row: str(row["work_id"])), key=("work_id",), merge=dict.fromkeys(columns, "replace"))


async def work(tx: Transaction, work_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(WORKS).where(WORKS.c.work_id == work_id))).one_or_none()


async def overdue(tx: Transaction, now: datetime, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Works that are not done though they were promised, what was promised first comes first."""
    query = sa.select(WORKS).where(WORKS.c.ended_at.is_(None), WORKS.c.promised_by < now)
    if after is not None:
        query = query.where(sa.tuple_(WORKS.c.promised_by, WORKS.c.work_id) > sa.tuple_(*_literals(after, WORKS.c.promised_by)))
    return (await tx.execute(query.order_by(WORKS.c.promised_by, WORKS.c.work_id).limit(limit))).all()


async def insert_credits(tx: Transaction, rows: Sequence[Row]) -> set[str]:
    """The ids of those that were not there."""
    ordered = sorted(rows, key=lambda row: str(row["credit_id"]))
    return {row.credit_id for row in await insert_rows(tx, CREDITS, ordered, key=("credit_id",), returning=("credit_id",))}


async def lock_credits(tx: Transaction, credit_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    query = sa.select(CREDITS).where(among(tx, CREDITS.c.credit_id, credit_ids)).order_by(CREDITS.c.credit_id).with_for_update()
    return {row.credit_id: row for row in await tx.execute(query)}


async def update_credit(tx: Transaction, credit_id: str, **changes: Any) -> None:
    await tx.execute(sa.update(CREDITS).where(CREDITS.c.credit_id == credit_id).values(**changes))


async def credit(tx: Transaction, credit_id: str, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(CREDITS).where(CREDITS.c.credit_id == credit_id)
    return (await tx.execute(query.with_for_update() if lock else query)).one_or_none()


async def made_good(tx: Transaction, customer_ids: Collection[str]) -> dict[tuple[str, str], str]:
    """(customer, outage) -> the credit that there is for it."""
    query = sa.select(CREDITS).where(among(tx, CREDITS.c.customer_id, customer_ids), CREDITS.c.cause == "outage", CREDITS.c.state != "withdrawn")
    return {(row.customer_id, row.cause_id): row.credit_id for row in await tx.execute(query)}


async def list_credits(
    tx: Transaction, *, state: str | None, customer_ids: Collection[str] | None, after: tuple[datetime, str] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """In the order they were proposed."""
    query = sa.select(CREDITS).order_by(CREDITS.c.proposed_at, CREDITS.c.credit_id).limit(limit)
    if state is not None:
        query = query.where(CREDITS.c.state == state)
    if customer_ids is not None:
        query = query.where(among(tx, CREDITS.c.customer_id, customer_ids))
    if after is not None:
        query = query.where(sa.tuple_(CREDITS.c.proposed_at, CREDITS.c.credit_id) > sa.tuple_(*_literals(after, CREDITS.c.proposed_at)))
    return (await tx.execute(query)).all()


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    """What was decided stays, of nobody: billing was told. All else goes."""
    if not customer_ids:
        return
    theirs = among(tx, CREDITS.c.customer_id, customer_ids)
    await tx.execute(WORKS.delete().where(among(tx, WORKS.c.customer_id, customer_ids)))
    await tx.execute(CREDITS.delete().where(theirs, CREDITS.c.state.in_(("proposed", "withdrawn"))))
    await tx.execute(sa.update(CREDITS).where(theirs).values(customer_id=None, cause_id="", basis={}, reason=""))


def _literals(after: tuple[datetime, str], column: sa.Column[Any]) -> tuple[Any, Any]:
    return sa.literal(after[0], column.type), sa.literal(after[1])
