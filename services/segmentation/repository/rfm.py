"""RFM scores, their history, re-cuts and cut points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from services.segmentation.features import UNKNOWN
from services.segmentation.rfm import CutPoints, Snapshot
from services.segmentation.tables import CUTS, FEATURES, RECUTS, RFM, RFM_HISTORY, STANDINGS
from services.segmentation.words import Segment
from shared.database import Transaction, among, insert_rows

HISTOGRAM_ROWS = 5_000

_RFM_NAMES = tuple(column.name for column in RFM.c)


async def rfm_of(tx: Transaction, customer_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    rows = await tx.execute(sa.select(RFM).where(among(tx, RFM.c.customer_id, customer_ids)))
    return {row.customer_id: row for row in rows}


async def save_rfm(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: str(row["customer_id"]))
    await insert_rows(tx, RFM, ordered, key=("customer_id",), merge=dict.fromkeys(_RFM_NAMES[1:], "replace"))


async def drop_rfm(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(RFM.delete().where(among(tx, RFM.c.customer_id, customer_ids)))


async def add_history(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    names = [column.name for column in RFM_HISTORY.c]
    ordered = sorted(rows, key=lambda row: str(row["customer_id"]))
    await insert_rows(tx, RFM_HISTORY, [{name: row.get(name) for name in names} for row in ordered])


async def drop_history(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(RFM_HISTORY.delete().where(among(tx, RFM_HISTORY.c.customer_id, customer_ids)))


async def last_published(tx: Transaction, customer_ids: Collection[str]) -> dict[str, int]:
    """The sequence of the last that was published about them, also when it was that they have no score any more."""
    query = sa.select(RFM_HISTORY.c.customer_id, sa.func.max(RFM_HISTORY.c.published)).where(among(tx, RFM_HISTORY.c.customer_id, customer_ids))
    return {row[0]: row[1] for row in await tx.execute(query.group_by(RFM_HISTORY.c.customer_id))}


async def rfm_as_of(tx: Transaction, customer_id: str, moment: datetime) -> sa.Row[Any] | None:
    """As it was known then."""
    query = sa.select(RFM_HISTORY).where(RFM_HISTORY.c.customer_id == customer_id, RFM_HISTORY.c.scored_at <= moment)
    return (await tx.execute(query.order_by(RFM_HISTORY.c.published.desc()).limit(1))).one_or_none()


async def left_segment_since(tx: Transaction, customer_ids: Collection[str], segments: Collection[str], since: datetime) -> dict[str, tuple[Segment, date]]:
    """Of those among them who left one of the segments since then: the last of these, and the day it ended."""
    was, then = RFM_HISTORY.alias("was"), RFM_HISTORY.alias("next")
    follows = sa.and_(then.c.customer_id == was.c.customer_id, then.c.published == was.c.published + 1)
    query = (
        sa.select(was.c.customer_id, was.c.segment, then.c.scored_at)
        .select_from(was.join(then, follows))
        .where(among(tx, was.c.customer_id, customer_ids), was.c.segment.in_(segments), then.c.scored_at >= since)
        .order_by(was.c.customer_id, was.c.published)
    )
    return {row.customer_id: (row.segment, row.scored_at.date()) for row in await tx.execute(query)}


async def scored_by_older(tx: Transaction, version: int, is_cut: Callable[[str], bool], *, limit: int) -> Sequence[str]:
    """Whose scores are not by this cut, of the populations that are in it and scored by cuts."""
    populations = [row.population for row in await cuts_of(tx, [version]) if is_cut(row.population)]
    query = sa.select(RFM.c.customer_id).where(RFM.c.cut_version < version, among(tx, RFM.c.population, populations))
    return (await tx.scalars(query.order_by(RFM.c.customer_id).limit(limit))).all()


async def newest_purchase_day(tx: Transaction) -> date | None:
    day = await tx.scalar(sa.select(sa.func.max(RFM.c.last_day)))
    return date.fromisoformat(day) if day else None


async def histogram(tx: Transaction, measure: str, *, by: Literal["population", "brand", "payment_type"]) -> AsyncIterator[tuple[str, int, Any, int]]:
    """(population, its customers, value, who has it) for every value of a column of `rfm`, in ascending order per population: the one
    that customers were last scored among, or the one they will be by a feature of theirs."""
    population = RFM.c.population if by == "population" else sa.func.coalesce(sa.func.nullif(FEATURES.c[by], ""), UNKNOWN)
    source = RFM if by == "population" else RFM.join(FEATURES, RFM.c.customer_id == FEATURES.c.customer_id)
    rows = sa.select(population.label("population"), RFM.c[measure].label("value")).select_from(source).subquery()
    holders = sa.func.count()
    customers = sa.cast(sa.func.sum(holders).over(partition_by=rows.c.population), sa.BigInteger)
    query = sa.select(rows.c.population, customers, rows.c.value, holders).group_by(rows.c.population, rows.c.value)
    result = await tx.stream(query.order_by(rows.c.population, rows.c.value), execution_options={"yield_per": HISTOGRAM_ROWS})
    async for row in result:
        yield row[0], row[1], row[2], row[3]


async def lock_recuts(tx: Transaction) -> None:
    """One at a time asks for a re-cut or carries one on. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        await tx.execute(sa.text("LOCK TABLE recuts IN EXCLUSIVE MODE"))


async def newest_recut(tx: Transaction) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(RECUTS).order_by(RECUTS.c.version.desc()).limit(1))).one_or_none()


async def customers_before(tx: Transaction, version: int) -> int:
    """How many were assessed by the newest re-cut that was finished before this one; 0: there is none."""
    finished = sa.select(RECUTS.c.customers).where(RECUTS.c.version < version, RECUTS.c.finished_at.is_not(None))
    return int(await tx.scalar(finished.order_by(RECUTS.c.version.desc()).limit(1)) or 0)


async def last_cut_by(tx: Transaction) -> int | None:
    """The version of the parameter set that the newest cut was made by; None: there is none."""
    query = sa.select(RECUTS.c.parameter_version).where(RECUTS.c.cut_at.is_not(None)).order_by(RECUTS.c.version.desc()).limit(1)
    version: int | None = await tx.scalar(query)
    return version


async def insert_recut(tx: Transaction, **columns: Any) -> None:
    await tx.execute(sa.insert(RECUTS).values(**columns))


async def update_recut(tx: Transaction, version: int, **columns: Any) -> None:
    await tx.execute(sa.update(RECUTS).where(RECUTS.c.version == version).values(**columns))


async def insert_cuts(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, CUTS, rows)


async def newest_cuts(tx: Transaction) -> dict[str, Snapshot]:
    """Of each population that was ever cut."""
    newest = sa.select(CUTS.c.population, sa.func.max(CUTS.c.version).label("version")).group_by(CUTS.c.population).subquery()
    query = sa.select(CUTS).join(newest, sa.and_(CUTS.c.population == newest.c.population, CUTS.c.version == newest.c.version))
    return {row.population: Snapshot(row.version, CutPoints.of(row.points)) for row in await tx.execute(query)}


async def list_recuts(tx: Transaction, *, before: int | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(RECUTS).order_by(RECUTS.c.version.desc()).limit(limit)
    return (await tx.execute(query if before is None else query.where(RECUTS.c.version < before))).all()


async def cuts_of(tx: Transaction, versions: Collection[int]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(CUTS).where(among(tx, CUTS.c.version, versions)).order_by(CUTS.c.population))).all()


async def segment_counts(tx: Transaction) -> Sequence[sa.Row[Any]]:
    grouped = (RFM.c.population, RFM.c.segment, RFM.c.returned)
    return (await tx.execute(sa.select(*grouped, sa.func.count().label("customers")).group_by(*grouped).order_by(*grouped))).all()


async def map_counts(tx: Transaction, population: str | None) -> Sequence[sa.Row[Any]]:
    """Customers and the sum of their value by their scores."""
    scores = (RFM.c.r, RFM.c.f, RFM.c.m, RFM.c.segment)
    value = sa.cast(sa.func.sum(STANDINGS.c.value_minor), sa.BigInteger).label("value_minor")
    joined = RFM.outerjoin(STANDINGS, RFM.c.customer_id == STANDINGS.c.customer_id)
    query = sa.select(*scores, sa.func.count().label("customers"), value).select_from(joined).group_by(*scores)
    return (await tx.execute(query if population is None else query.where(RFM.c.population == population))).all()
