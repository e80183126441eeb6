"""Business analysis: the cubes kept as customers change, asked, recorded day by day, and counted again from the customers' rows.

A recount goes over all customers by id, in steps that a crash can come between, and counts into a part of the cubes of its own:
1. A row in `recounts` asks for it. `counted_to` says how far it came.
2. Each step counts a page of customers. Who changes a customer it has passed changes both parts; who is ahead of it will be met.
3. The last step compares the two parts. `verify` then drops what it counted, `replace` puts it in the place of what was held.
A step and a change of cells exclude each other by a lock on the table `recounts`, so that none sees half of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from services.segmentation.analysis import Counted
from services.segmentation.analysis.cells import COUNTING, CUBES, MEASURED, STOCK
from services.segmentation.analysis.counting import Deltas
from services.segmentation.analysis.files import Column
from services.segmentation.analysis.series import Found, Grain, Question, Sums, groups_of, months_between, period_of, rows
from services.segmentation.analysis.subjects import RECORDED, SUBJECTS, Subject, SubjectName
from services.segmentation.repository import analysis as repository
from shared import clock, telemetry
from shared.database import Transaction
from shared.errors import Conflict, InvalidRequest, NotFound

PAGE = 300  # under 0.2 s of computing: heartbeats share the loop
MONTHS_ASKED = 120
ROWS_ANSWERED = 10_000
DAYS_KEPT = 92
"""Of each day; before that, of the last day of each month."""
DIFFERENCES_KEPT = 25
"""Of each cube."""

OF_NOW = ("customers", "live_subscriptions")
"""What all that was before is counted back from."""

Purpose = Literal["verify", "replace"]
Pair = tuple[Counted | None, Counted | None]
Document = dict[str, Any]

log = telemetry.logger()


class Answer(NamedTuple):
    """Rows of one shape, and from which month or day to which they reach."""

    since: str
    until: str
    columns: Sequence[Column]
    rows: Sequence[Document]


async def apply(tx: Transaction, pairs: Iterable[Pair]) -> None:
    """What customers counted for before a change and after it, one pair each; None where that is nothing.

    They are held, and this comes last in the transaction: cells are shared by all customers, and stay locked until it ends.
    """
    listed = list(pairs)
    deltas = Deltas()
    for before, after in listed:
        deltas.change(before, after)
    if deltas.is_empty:
        return
    await repository.lock_out_recount(tx)
    recount = await repository.newest_recount(tx)
    if recount is not None and _is_open(recount) and recount.counted_to:
        await _change_counted(tx, deltas, listed, recount.counted_to)
    await repository.add(tx, _rows(deltas))


async def _change_counted(tx: Transaction, deltas: Deltas, pairs: Sequence[Pair], counted_to: str) -> None:
    by_id = {one.customer_id: pair for pair in pairs for one in pair if one is not None}
    for customer_id in await repository.counted_among(tx, by_id, counted_to):
        deltas.change(*by_id[customer_id], part=COUNTING)


def _rows(deltas: Deltas) -> dict[str, list[Document]]:
    return {cube.name: deltas.rows(cube) for cube in CUBES}


async def snapshot(tx: Transaction, day: date) -> None:
    """Record how things stand, for the trend; once more for the same day replaces it."""
    await repository.record_day(tx, day.isoformat())
    await repository.thin_days(tx, (day - timedelta(days=DAYS_KEPT)).isoformat())


async def series(tx: Transaction, name: SubjectName, *, since: str | None, until: str | None, grain: Grain, question: Question) -> Answer:
    """Months `since` to `until`, both included; without them the running one and the twelve before. Raises InvalidRequest."""
    subject, this_month = SUBJECTS[name], clock.month_of(clock.now())
    months = _months(since, until, this_month)
    found = await _found(tx, subject, months, this_month, question._replace(key_accounts=subject.key_accounts))
    _refuse_long(len(groups_of(found, len(question.by))) * len({period_of(month, grain) for month in months}))
    columns = [Column("period", "text"), Column("months", "whole"), *(Column(one, "text") for one in question.by)]
    columns += [Column(measure.name, "whole" if measure.is_whole else "number") for measure in subject.measures]
    return Answer(months[0], months[-1], columns, list(rows(subject, months, grain, question.by, found)))


async def _found(tx: Transaction, subject: Subject, months: Sequence[str], this_month: str, question: Question) -> Found:
    names, first, last = sorted(subject.inputs & set(RECORDED)), months[0], months[-1]
    recorded = await repository.recorded(tx, names, first, last, question)
    if names and last == this_month:
        running = await repository.stock(tx, names, this_month, question)
        recorded = Sums(recorded.names, [*(row for row in recorded.rows if row[0] != this_month), *running.rows])
    return Found(
        measured=await repository.measured(tx, subject.inputs & set(MEASURED), first, last, question),
        flows=await repository.flows(tx, first, question),
        now=await repository.stock(tx, OF_NOW, this_month, question),
        recorded=recorded,
    )


def _months(since: str | None, until: str | None, this_month: str) -> list[str]:
    last = until or this_month
    if last > this_month:
        raise InvalidRequest(f"to {last} lies in the future")
    found = months_between(since or clock.months_before(last, 12), last)
    if not 0 < len(found) <= MONTHS_ASKED:
        raise InvalidRequest(f"from {since} to {last} are not 1 to {MONTHS_ASKED} months")
    return found


def _refuse_long(count: int) -> None:
    if count > ROWS_ANSWERED:
        raise InvalidRequest(f"these are {count:,} rows, and {ROWS_ANSWERED:,} are answered: ask for a coarser grain, fewer months or dimensions, or filter")


async def revenue_at_risk(tx: Transaction, *, since: date | None, until: date | None, question: Question) -> Answer:
    """Each day that was recorded, and today as it is now. Without `since`, the 30 days before. Raises InvalidRequest."""
    today = clock.now().date()
    last = until or today
    first = since or last - timedelta(days=30)
    if first > last:
        raise InvalidRequest(f"from {first} is after to {last}")
    recorded = await repository.stock_days(tx, first.isoformat(), min(last, today - timedelta(days=1)).isoformat(), question)
    found = [_at_risk(row._mapping, question.by) for row in recorded]
    if first <= today <= last:
        now = await repository.stock(tx, STOCK, today.isoformat(), question)
        listed = [dict(zip(("day", *question.by, *now.names), row, strict=True)) for row in sorted(now.rows)]
        found += [_at_risk(row, question.by) for row in listed if any(row[name] for name in now.names)]
    _refuse_long(len(found))
    names = ("customers", "at_risk", "future_value_minor", "revenue_at_risk_minor")
    columns = [*(Column(one, "text") for one in ("day", *question.by)), *(Column(one, "whole") for one in names), Column("share", "number")]
    return Answer(first.isoformat(), last.isoformat(), columns, found)


def _at_risk(row: Mapping[Any, Any], by: Sequence[str]) -> Document:
    future, at_risk = row["future_value_minor"], row["revenue_at_risk_minor"]
    names = ("day", *by, "customers", "at_risk", "future_value_minor", "revenue_at_risk_minor")
    return {name: row[name] for name in names} | {"share": round(at_risk / future, 6) if future else None}


async def standing(tx: Transaction, aspect: str, question: Question) -> list[Document]:
    """How many customers and prospects there are of each value of the aspect. Raises InvalidRequest."""
    found = [dict(row._mapping) for row in await repository.aspect(tx, aspect, question)]
    _refuse_long(len(found))
    return found


async def ask_recount(tx: Transaction, purpose: Purpose) -> Document:
    """The worker does it. Raises Conflict while another one is under way."""
    await repository.lock_recounts(tx)
    newest = await repository.newest_recount(tx)
    if newest and not newest.finished_at:
        raise Conflict(f"recount {newest.version} is under way")
    version = newest.version + 1 if newest else 1
    await repository.insert_recount(tx, version=version, purpose=purpose, requested_at=clock.now())
    return {"version": version, "purpose": purpose, "state": "counting"}


async def recount_is_due(tx: Transaction) -> bool:
    """Without a lock: there mostly is none."""
    return _is_open(await repository.newest_recount(tx))


async def carry_on_recount(tx: Transaction, *, page: int = PAGE) -> bool:
    """One step, if one is asked for; whether there is another one to take."""
    await repository.lock_recounts(tx)
    recount = await repository.newest_recount(tx)
    if recount is None or not _is_open(recount):
        return False
    counted, customers, last = await repository.count_page(tx, recount.counted_to, limit=page)
    if not customers:
        await _finish(tx, recount)
        return False
    deltas = Deltas()
    for one in counted:
        deltas.change(None, one, part=COUNTING)
    await repository.add(tx, _rows(deltas))
    await repository.update_recount(tx, recount.version, counted_to=last, customers=recount.customers + customers)
    return True


def _is_open(recount: sa.Row[Any] | None) -> bool:
    return recount is not None and recount.finished_at is None


async def _finish(tx: Transaction, recount: sa.Row[Any]) -> None:
    cells, differing, differences = 0, 0, list[Document]()
    for cube in CUBES:
        compared, unlike, first = await repository.differences(tx, cube, limit=DIFFERENCES_KEPT)
        cells, differing = cells + compared, differing + unlike
        differences += first
    await (repository.put_counting_in_place(tx) if recount.purpose == "replace" else repository.drop_counting(tx))
    now = clock.now()
    await repository.update_recount(tx, recount.version, finished_at=now, cells=cells, differing=differing, differences=differences)
    log.info("recount_finished", version=recount.version, purpose=recount.purpose, customers=recount.customers, cells=cells, differing=differing)


async def last_recount(tx: Transaction) -> Document:
    """The newest, under way or finished. Raises NotFound."""
    newest = await repository.newest_recount(tx)
    if newest is None:
        raise NotFound("the cubes were never counted again: POST /analysis/verify asks for it")
    finished = newest.finished_at is not None
    state = {"state": "finished" if finished else "counting", "agrees": newest.differing == 0 if finished else None}
    return dict(newest._mapping) | state | {"differences": newest.differences or []}
