"""The cubes of business analysis, what is recorded of them, and their recounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from services.segmentation.analysis.cells import (
    ASPECT_CELLS,
    COUNTING,
    CUBES,
    FLOW_CELLS,
    FLOWS,
    HELD,
    MONTH_CELLS,
    STOCK,
    STOCK_CELLS,
    Cube,
)  # fmt: skip
from services.segmentation.analysis.counting import STANDING_READ, Counted, snapshot_of
from services.segmentation.analysis.series import Question, Sums
from services.segmentation.analysis.subjects import KEY_TIERS, TIER_OF
from services.segmentation.features import Features
from services.segmentation.tables import FEATURES, RFM, STANDINGS
from services.segmentation.tables.analysis import CELLS, RECOUNTS, STOCK_DAYS, STOCK_MONTHS
from shared.database import Transaction, among, insert_rows
from shared.errors import InvalidRequest

FETCHED_ROWS = 100_000

_MONTHS, _FLOWS, _STOCK, _ASPECTS = (CELLS[cube.name] for cube in (MONTH_CELLS, FLOW_CELLS, STOCK_CELLS, ASPECT_CELLS))
_FEATURE_NAMES = ("customer_id", "brand", "payment_type", "months", "holding", "merged_into", "erased")


async def lock_out_recount(tx: Transaction) -> None:
    """Until the transaction ends no recount takes a step; others who change cells go on. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        await tx.execute(sa.text("LOCK TABLE recounts IN ROW SHARE MODE"))


async def lock_recounts(tx: Transaction) -> None:
    """Nobody changes cells until the transaction ends, and who waits to sees what it did."""
    if tx.dialect.name == "postgresql":
        await tx.execute(sa.text("LOCK TABLE recounts IN EXCLUSIVE MODE"))


async def add(tx: Transaction, deltas: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """By cube, in the order of their keys."""
    for cube in CUBES:
        merge = dict.fromkeys(cube.measures, "add")
        await insert_rows(tx, CELLS[cube.name], deltas[cube.name], key=(*cube.keys, "part"), merge=merge)  # type: ignore[arg-type]


# What is asked of the cubes.


async def measured(tx: Transaction, names: Collection[str], since: str, until: str, question: Question) -> Sums:
    listed = sorted(names)
    return await _per_month(tx, _MONTHS, [_sum(_MONTHS.c[name]) for name in listed], since, until, question)


async def flows(tx: Transaction, since: str, question: Question) -> Sums:
    """From a month on, with all that came after."""
    return await _per_month(tx, _FLOWS, [_sum(_FLOWS.c[name]) for name in FLOWS], since, "9999", question)


async def recorded(tx: Transaction, names: Collection[str], since: str, until: str, question: Question) -> Sums:
    """Names of RECORDED."""
    return await _per_month(tx, STOCK_MONTHS, [_stock_sum(STOCK_MONTHS, name) for name in names], since, until, question)


async def stock(tx: Transaction, names: Collection[str], at: str, question: Question) -> Sums:
    """Names of RECORDED, as they are now, as of the month or day `at`."""
    keys, sums = [_STOCK.c[name] for name in question.by], [_stock_sum(_STOCK, name) for name in names]
    query = sa.select(sa.literal(at, sa.Text), *keys, *sums).where(*_within(tx, _STOCK, question)).group_by(*keys)
    return Sums(tuple(names), [tuple(row) for row in await _fetch(tx, query.having(sa.func.count() > 0))])


async def stock_days(tx: Transaction, since: str, until: str, question: Question) -> Sequence[sa.Row[Any]]:
    """By day, then by group."""
    keys = [STOCK_DAYS.c[name] for name in ("day", *question.by)]
    query = sa.select(*keys, *map(_sum, (STOCK_DAYS.c[name] for name in STOCK))).where(
        STOCK_DAYS.c.day.between(_inline(since), _inline(until)), *_within(tx, STOCK_DAYS, question)
    )
    return await _fetch(tx, query.group_by(*keys).order_by(*keys))


async def aspect(tx: Transaction, name: str, question: Question) -> Sequence[sa.Row[Any]]:
    """Customers and prospects by value of the aspect, then by group."""
    keys = [_ASPECTS.c[name] for name in ("value", *question.by)]
    customers = _sum(_ASPECTS.c.customers)
    query = sa.select(*keys, customers).where(_ASPECTS.c.aspect == name, *_within(tx, _ASPECTS, question)).group_by(*keys)
    return await _fetch(tx, query.having(sa.func.sum(_ASPECTS.c.customers) != 0).order_by(*keys))


async def _per_month(tx: Transaction, table: sa.Table, sums: Sequence[sa.Label[int]], since: str, until: str, question: Question) -> Sums:
    if not sums:
        return Sums((), ())
    keys = [table.c[name] for name in ("month", *question.by)]
    query = sa.select(*keys, *sums).where(table.c.month.between(_inline(since), _inline(until)), *_within(tx, table, question)).group_by(*keys)
    return Sums(tuple(one.name for one in sums), [tuple(row) for row in await _fetch(tx, query)])


async def _fetch(tx: Transaction, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    """Raises InvalidRequest where it would be too much for one answer."""
    rows = (await tx.execute(query.limit(sa.literal_column(f"{FETCHED_ROWS + 1}")))).all()
    if len(rows) > FETCHED_ROWS:
        raise InvalidRequest("the answer is too long: ask for fewer months or dimensions, or filter")
    return list(rows)


def _inline(text: str) -> sa.BindParameter[str]:
    """In the statement's own text: a prepared one is planned once for every period, which takes twice the time for a long one."""
    return sa.bindparam(None, text, sa.Text, unique=True, literal_execute=True)


def _within(tx: Transaction, table: sa.Table, question: Question) -> list[sa.ColumnElement[bool]]:
    found = [among(tx, table.c[name], values) for name, values in question.only.items()]
    if "part" in table.c:
        found.append(table.c.part != _inline(COUNTING))
    if question.key_accounts:
        found.append(sa.or_(table.c.key_account == "yes", table.c.tier.in_(KEY_TIERS)))
    return found


def _sum(column: sa.ColumnElement[int]) -> sa.Label[int]:
    return sa.cast(sa.func.sum(column), sa.BigInteger).label(column.name)


def _stock_sum(table: sa.Table, name: str) -> sa.Label[int]:
    tier = TIER_OF.get(name)
    counted = table.c[name] if tier is None else sa.case((table.c.tier == tier, table.c.customers), else_=0)
    return sa.cast(sa.func.sum(counted), sa.BigInteger).label(name)


# What is recorded.


async def record_day(tx: Transaction, day: str) -> None:
    """The state of now as that of the day, and of its month unless a later day of it is recorded."""
    await _record(tx, STOCK_DAYS, day=day)
    if await tx.scalar(sa.select(sa.func.max(STOCK_DAYS.c.day)).where(STOCK_DAYS.c.day.between(day, f"{day[:7]}-31"))) in {day, None}:
        await _record(tx, STOCK_MONTHS, month=day[:7])


async def thin_days(tx: Transaction, before: str) -> None:
    """Of the days before, only the last that each month has stays."""
    last = sa.select(sa.func.max(STOCK_DAYS.c.day)).group_by(sa.func.substr(STOCK_DAYS.c.day, 1, 7))
    await tx.execute(STOCK_DAYS.delete().where(STOCK_DAYS.c.day < before, STOCK_DAYS.c.day.not_in(last)))


async def _record(tx: Transaction, table: sa.Table, **at: str) -> None:
    ((name, value),) = at.items()
    await tx.execute(table.delete().where(table.c[name] == value))
    keys = [_STOCK.c[column.name] for column in table.primary_key if column.name != name]
    sums = [_sum(_STOCK.c[one]) for one in STOCK]
    there = sa.or_(*(sa.func.sum(_STOCK.c[one]) != 0 for one in STOCK))
    query = sa.select(sa.literal(value, sa.Text), *keys, *sums).where(_STOCK.c.part == HELD).group_by(*keys).having(there)
    await tx.execute(table.insert().from_select([name, *(key.name for key in keys), *STOCK], query))


# Recounts.


async def newest_recount(tx: Transaction) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(RECOUNTS).order_by(RECOUNTS.c.version.desc()).limit(1))).one_or_none()


async def insert_recount(tx: Transaction, **columns: Any) -> None:
    await tx.execute(sa.insert(RECOUNTS).values(**columns))


async def update_recount(tx: Transaction, version: int, **columns: Any) -> None:
    await tx.execute(sa.update(RECOUNTS).where(RECOUNTS.c.version == version).values(**columns))


async def counted_among(tx: Transaction, customer_ids: Collection[str], to: str) -> set[str]:
    """Whose ids are not behind `to`. The database says it: its order of texts is its own."""
    column = FEATURES.c.customer_id
    return set(await tx.scalars(sa.select(column).where(among(tx, column, customer_ids), column <= to)))


async def count_page(tx: Transaction, after: str, *, limit: int) -> tuple[list[Counted], int, str]:
    """What the next customers by id count for; how many rows that were, and the last id."""
    columns = (
        *(FEATURES.c[name] for name in _FEATURE_NAMES), *(STANDINGS.c[name] for name in STANDING_READ), RFM.c.segment
    )  # fmt: skip
    joined = FEATURES.outerjoin(STANDINGS, STANDINGS.c.customer_id == FEATURES.c.customer_id).outerjoin(RFM, RFM.c.customer_id == FEATURES.c.customer_id)
    query = sa.select(*columns).select_from(joined).where(FEATURES.c.customer_id > after).order_by(FEATURES.c.customer_id).limit(limit)
    rows = (await tx.execute(query)).all()
    found = [snapshot_of(_features(row), row if row.lifecycle is not None else None, row.segment) for row in rows]
    return [one for one in found if one is not None], len(rows), rows[-1].customer_id if rows else after


def _features(row: sa.Row[Any]) -> Features:
    return Features(**{name: getattr(row, name) for name in _FEATURE_NAMES})


async def differences(tx: Transaction, cube: Cube, *, limit: int) -> tuple[int, int, list[dict[str, Any]]]:
    """Cells compared, how many of them differ, and the first ones: their sums as held and as counted."""
    table, keys = CELLS[cube.name], [CELLS[cube.name].c[name] for name in cube.keys]
    both = sa.select(*keys, *_both(table, cube)).where(table.c.part.in_([HELD, COUNTING])).group_by(*keys).subquery()
    differ = sa.or_(*(both.c[f"held_{name}"] != both.c[f"counted_{name}"] for name in cube.measures))
    compared, differing = (
        await tx.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((differ, 1), else_=0)), 0)).select_from(both))
    ).one()
    rows = await tx.execute(sa.select(both).where(differ).order_by(*(both.c[name] for name in cube.keys)).limit(limit)) if differing else ()
    return compared, int(differing), [_difference(cube, row) for row in rows]


def _both(table: sa.Table, cube: Cube) -> list[sa.Label[int]]:
    return [
        sa.cast(sa.func.sum(sa.case((table.c.part == part, table.c[name]), else_=0)), sa.BigInteger).label(f"{prefix}_{name}")
        for name in cube.measures
        for part, prefix in ((HELD, "held"), (COUNTING, "counted"))
    ]


def _difference(cube: Cube, row: sa.Row[Any]) -> dict[str, Any]:
    sums = {name: {"held": getattr(row, f"held_{name}"), "counted": getattr(row, f"counted_{name}")} for name in cube.measures}
    return {
        "cube": cube.name,
        "cell": {name: getattr(row, name) for name in cube.keys},
        "sums": {name: both for name, both in sums.items() if both["held"] != both["counted"]},
    }


async def drop_counting(tx: Transaction) -> None:
    for table in CELLS.values():
        await tx.execute(table.delete().where(table.c.part == COUNTING))


async def put_counting_in_place(tx: Transaction) -> None:
    """Of what was held; what is settled stays."""
    for table in CELLS.values():
        await tx.execute(table.delete().where(table.c.part == HELD))
        await tx.execute(sa.update(table).where(table.c.part == COUNTING).values(part=HELD))
