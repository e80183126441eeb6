"""What segmentation told of each customer, what came of each offer, and who stayed of each arm."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.retention.arbitration import Record
from services.retention.effect import Arm
from services.retention.strata import UNKNOWN
from services.retention.tables import ASSIGNMENTS, BUDGET_ENTRIES, CONTACTABLES, OUTCOMES, TASKS, WORTHS
from services.retention.worth import Worth
from shared.database import Transaction, among, insert_rows

_NAMES = tuple(one.name for one in fields(Worth))
REACHED = ("saved", "lost", "undecided")


async def lock(tx: Transaction, customer_ids: Iterable[str]) -> dict[str, Worth]:
    """Those never told of included."""
    ids = sorted(set(customer_ids))
    await insert_rows(tx, WORTHS, [asdict(Worth(one)) for one in ids], key=("customer_id",))
    query = sa.select(WORTHS).where(among(tx, WORTHS.c.customer_id, ids)).order_by(WORTHS.c.customer_id).with_for_update()
    return {row.customer_id: Worth(**row._mapping) for row in await tx.execute(query)}


async def save(tx: Transaction, worths: Iterable[Worth]) -> None:
    rows = [asdict(one) for one in sorted(worths, key=lambda one: one.customer_id)]
    await insert_rows(tx, WORTHS, rows, key=("customer_id",), merge=dict.fromkeys(_NAMES[1:], "replace"))


async def of(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Worth]:
    rows = await tx.execute(sa.select(WORTHS).where(among(tx, WORTHS.c.customer_id, customer_ids)))
    return {row.customer_id: Worth(**row._mapping) for row in rows}


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(WORTHS.delete().where(among(tx, WORTHS.c.customer_id, customer_ids)))


async def records(tx: Transaction) -> dict[str, Record]:
    """By offer: what came of it with whom it was spoken of."""
    reached = OUTCOMES.c.result.in_(REACHED)
    query = (
        sa.select(
            TASKS.c.offer_id,
            sa.func.count(),
            sa.func.sum(sa.case((OUTCOMES.c.result == "saved", 1), else_=0)),
            sa.func.sum(sa.case((OUTCOMES.c.offer_accepted, 1), else_=0)),
        )
        .select_from(OUTCOMES.join(TASKS, OUTCOMES.c.task_id == TASKS.c.task_id))
        .where(reached)
        .group_by(TASKS.c.offer_id)
    )
    return {offer_id: Record(outcomes, int(saved), int(accepted)) for offer_id, outcomes, saved, accepted in await tx.execute(query)}


async def cells(tx: Transaction, campaign_id: str, *, days: int, exposed_before: datetime) -> list[tuple[str, str | None, str, Arm]]:
    """(arm, variant, stratum, counts), of the customers exposed before then: how many, and how many were still here so many days after. Who was merged into
    somebody is counted as who carries on, who was erased not at all."""
    left_within = _within(tx, CONTACTABLES.c.left_at, ASSIGNMENTS.c.assigned_at, days)
    still_here = sa.case((sa.and_(CONTACTABLES.c.left_at.is_not(None), left_within), 0), else_=1)
    query = (
        sa.select(ASSIGNMENTS.c.arm, ASSIGNMENTS.c.variant, ASSIGNMENTS.c.stratum, sa.func.count(), sa.func.sum(still_here))
        .select_from(ASSIGNMENTS.join(CONTACTABLES, ASSIGNMENTS.c.customer_id == CONTACTABLES.c.customer_id))
        .where(ASSIGNMENTS.c.campaign_id == campaign_id, ASSIGNMENTS.c.assigned_at <= exposed_before)
        .where(CONTACTABLES.c.merged_into.is_(None), CONTACTABLES.c.erased.is_(sa.false()))
        .group_by(ASSIGNMENTS.c.arm, ASSIGNMENTS.c.variant, ASSIGNMENTS.c.stratum)
    )
    rows = await tx.execute(query)
    return [(arm, variant, stratum or UNKNOWN, Arm(customers, int(retained))) for arm, variant, stratum, customers, retained in rows]


async def spent(tx: Transaction, campaign_id: str) -> tuple[int, int]:
    """(contacts that ended or were written, what they and the offers that were taken did cost in minor units)."""
    mine = sa.and_(BUDGET_ENTRIES.c.campaign_id == campaign_id, BUDGET_ENTRIES.c.kind == "spend")
    contacts, spent_minor = (await tx.execute(sa.select(sa.func.count(), sa.func.sum(BUDGET_ENTRIES.c.amount_minor)).where(mine))).one()
    return int(contacts), int(spent_minor or 0)


async def mean_value_minor(tx: Transaction, campaign_id: str) -> int | None:
    """The future value of the treatment arm at its first exposure; None while it was known of nobody."""
    mine = sa.and_(ASSIGNMENTS.c.campaign_id == campaign_id, ASSIGNMENTS.c.arm == "treatment", ASSIGNMENTS.c.future_value_minor.is_not(None))
    mean: Any = await tx.scalar(sa.select(sa.func.avg(ASSIGNMENTS.c.future_value_minor)).where(mine))
    return None if mean is None else round(float(mean))


def _within(tx: Transaction, later: sa.ColumnElement[Any], earlier: sa.ColumnElement[Any], days: int) -> Any:
    if tx.dialect.name == "postgresql":
        return later <= earlier + sa.func.make_interval(0, 0, 0, days)
    return sa.func.julianday(later) - sa.func.julianday(earlier) <= days
