"""Where customers stand and stood, and the moments they reached."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation.tables import ALERTS, MOMENTS, RFM_HISTORY, STANDING_HISTORY, STANDINGS
from shared.database import Transaction, among, insert_rows

_NAMES = tuple(column.name for column in STANDINGS.c)
_PLAIN = tuple(name for name in _NAMES if name not in {"value_terms", "bad_debt_points", "stale_feeds", "tier_reason"})
_HISTORY_NAMES = tuple(column.name for column in STANDING_HISTORY.c)


async def of(tx: Transaction, customer_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    rows = await tx.execute(sa.select(STANDINGS).where(among(tx, STANDINGS.c.customer_id, customer_ids)))
    return {row.customer_id: row for row in rows}


async def before(tx: Transaction, customer_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    """Without the documents, which no rule reads again."""
    query = sa.select(*(STANDINGS.c[name] for name in _PLAIN)).where(among(tx, STANDINGS.c.customer_id, customer_ids))
    return {row.customer_id: row for row in await tx.execute(query)}


async def save(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: str(row["customer_id"]))
    await insert_rows(tx, STANDINGS, ordered, key=("customer_id",), merge=dict.fromkeys(_NAMES[1:], "replace"))


async def drop(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(STANDINGS.delete().where(among(tx, STANDINGS.c.customer_id, customer_ids)))


async def add_history(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: str(row["customer_id"]))
    await insert_rows(tx, STANDING_HISTORY, [{name: row.get(name) for name in _HISTORY_NAMES} for row in ordered])


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    """Of who was erased: their history and their moments."""
    if customer_ids:
        for table in (STANDING_HISTORY, MOMENTS):
            await tx.execute(table.delete().where(among(tx, table.c.customer_id, customer_ids)))


async def last_published(tx: Transaction, customer_ids: Collection[str]) -> dict[str, int]:
    """The sequence of the last that was published about them, also when it was that they stand nowhere any more."""
    history = STANDING_HISTORY.c
    query = sa.select(history.customer_id, sa.func.max(history.published)).where(among(tx, history.customer_id, customer_ids))
    return {row[0]: row[1] for row in await tx.execute(query.group_by(history.customer_id))}


async def as_of(tx: Transaction, customer_id: str, moment: datetime) -> sa.Row[Any] | None:
    """As it was known then."""
    history = STANDING_HISTORY
    query = sa.select(history).where(history.c.customer_id == customer_id, history.c.assessed_at <= moment)
    return (await tx.execute(query.order_by(history.c.published.desc()).limit(1))).one_or_none()


async def insert_moments(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of those that were not there yet."""
    ordered = sorted(rows, key=lambda row: str(row["moment_id"]))
    return {row.moment_id for row in await insert_rows(tx, MOMENTS, ordered, key=("moment_id",), returning=("moment_id",))}


async def list_moments(
    tx: Transaction, *, moment: str | None, customer_id: str | None, before: tuple[datetime, str] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Newest first, those before the position `before`."""
    columns = MOMENTS.c
    query = sa.select(MOMENTS).order_by(columns.reached_at.desc(), columns.moment_id.desc()).limit(limit)
    if moment is not None:
        query = query.where(columns.moment == moment)
    if customer_id is not None:
        query = query.where(columns.customer_id == customer_id)
    if before is not None:
        query = query.where(sa.tuple_(columns.reached_at, columns.moment_id) < sa.tuple_(*before, types=[columns.reached_at.type, columns.moment_id.type]))
    return (await tx.execute(query)).all()


async def value_counts(tx: Transaction) -> Sequence[sa.Row[Any]]:
    """(value, customers) of who has a tier, highest value first."""
    value = STANDINGS.c.value_minor
    query = sa.select(value, sa.func.count().label("customers")).where(STANDINGS.c.tier.is_not(None), STANDINGS.c.left_on.is_(None))
    return (await tx.execute(query.group_by(value).order_by(value.desc()))).all()


async def counts(tx: Transaction, name: str, *, here: bool = False) -> Sequence[sa.Row[Any]]:
    """Customers and the sum of their value, by a column of the standing; `here`: without those who left."""
    column = STANDINGS.c[name]
    value = sa.cast(sa.func.sum(STANDINGS.c.value_minor), sa.BigInteger).label("value_minor")
    query = sa.select(column.label("name"), sa.func.count().label("customers"), value).group_by(column).order_by(column)
    return (await tx.execute(query.where(STANDINGS.c.left_on.is_(None)) if here else query)).all()


async def list_worst(tx: Transaction, *, level: int, before: tuple[int, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Who owes, at this dunning level at least; most first."""
    columns = STANDINGS.c
    query = sa.select(STANDINGS).where(columns.dunning_level >= level).order_by(columns.owed_minor.desc(), columns.customer_id).limit(limit)
    if before is not None:
        owed, customer_id = before
        query = query.where(sa.or_(columns.owed_minor < owed, sa.and_(columns.owed_minor == owed, columns.customer_id > customer_id)))
    return (await tx.execute(query)).all()


async def migration(tx: Transaction, name: str, since: datetime, until: datetime) -> Sequence[sa.Row[Any]]:
    """(before, after, customers): where everybody stood at the two moments; null: nowhere."""
    history, at = (RFM_HISTORY, RFM_HISTORY.c.scored_at) if name == "segment" else (STANDING_HISTORY, STANDING_HISTORY.c.assessed_at)

    def known(moment: datetime) -> sa.Subquery:
        newest = sa.select(history.c.customer_id, sa.func.max(history.c.published).label("published")).where(at <= moment).group_by(history.c.customer_id)
        last = newest.subquery()
        joined = history.join(last, sa.and_(history.c.customer_id == last.c.customer_id, history.c.published == last.c.published))
        return sa.select(history.c.customer_id, history.c[name].label("name")).select_from(joined).where(history.c.dropped.is_(None)).subquery()

    earlier, later = known(since), known(until)
    both = earlier.join(later, earlier.c.customer_id == later.c.customer_id, full=True)
    query = sa.select(earlier.c.name.label("before"), later.c.name.label("after"), sa.func.count().label("customers")).select_from(both)
    return (await tx.execute(query.group_by(earlier.c.name, later.c.name))).all()


async def warned_and_left(tx: Transaction, *, since: datetime, until: datetime, horizon_days: int) -> Sequence[sa.Row[Any]]:
    """(kind, customers, left) of the warnings raised in between: who of those warned left within the horizon."""
    last_day = sa.func.date(ALERTS.c.raised_at, f"+{horizon_days} days") if tx.dialect.name == "sqlite" else _text_day(ALERTS.c.raised_at, horizon_days)
    left = sa.case((sa.and_(STANDINGS.c.left_on.is_not(None), STANDINGS.c.left_on <= last_day), 1), else_=0)
    joined = ALERTS.join(STANDINGS, ALERTS.c.customer_id == STANDINGS.c.customer_id)
    query = sa.select(ALERTS.c.kind, sa.func.count().label("customers"), sa.cast(sa.func.sum(left), sa.BigInteger).label("left")).select_from(joined)
    return (await tx.execute(query.where(ALERTS.c.raised_at >= since, ALERTS.c.raised_at < until).group_by(ALERTS.c.kind))).all()


async def unwarned_and_left(tx: Transaction, *, since: datetime, until: datetime) -> tuple[int, int]:
    """(customers, left): of those with no warning in between and here at its beginning, who left before its end."""
    warned = sa.exists().where(ALERTS.c.customer_id == STANDINGS.c.customer_id, ALERTS.c.raised_at >= since, ALERTS.c.raised_at < until)
    first, last = since.date().isoformat(), until.date().isoformat()
    there = sa.and_(STANDINGS.c.tier.is_not(None), sa.or_(STANDINGS.c.left_on.is_(None), STANDINGS.c.left_on > first), ~warned)
    left = sa.case((sa.and_(STANDINGS.c.left_on.is_not(None), STANDINGS.c.left_on <= last), 1), else_=0)
    row = (await tx.execute(sa.select(sa.func.count(), sa.cast(sa.func.coalesce(sa.func.sum(left), 0), sa.BigInteger)).where(there))).one()
    return row[0], row[1]


def _text_day(moment: sa.ColumnElement[Any], days: int) -> sa.ColumnElement[str]:
    return sa.func.to_char(moment + sa.func.make_interval(0, 0, 0, days), "YYYY-MM-DD")
