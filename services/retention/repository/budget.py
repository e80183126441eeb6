"""The budget ledger: what tasks reserve, release and spend."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.retention.tables import BUDGET_ENTRIES, TASKS
from shared.database import Transaction, among, insert_rows

_USES = sa.case((BUDGET_ENTRIES.c.kind == "release", -BUDGET_ENTRIES.c.amount_minor), else_=BUDGET_ENTRIES.c.amount_minor)


async def book(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each once: what was booked first stays."""
    ordered = sorted(rows, key=lambda row: (row["task_id"], row["kind"]))
    await insert_rows(tx, BUDGET_ENTRIES, ordered, key=("task_id", "kind"))


async def used(tx: Transaction, month: str) -> dict[str, int]:
    """By campaign, in minor units: reserved and not released, and spent. Their campaigns are locked by whoever decides."""
    query = sa.select(BUDGET_ENTRIES.c.campaign_id, sa.cast(sa.func.sum(_USES), sa.BigInteger)).where(BUDGET_ENTRIES.c.month == month)
    return {row[0]: row[1] for row in await tx.execute(query.group_by(BUDGET_ENTRIES.c.campaign_id))}


async def release(tx: Transaction, task_ids: Collection[str], *, at: datetime) -> None:
    """What they reserved, in the month they did."""
    query = sa.select(BUDGET_ENTRIES).where(among(tx, BUDGET_ENTRIES.c.task_id, task_ids), BUDGET_ENTRIES.c.kind == "reserve")
    reserved = (await tx.execute(query)).all()
    await book(tx, [{**row._mapping, "kind": "release", "expected_saved_minor": None, "booked_at": at} for row in reserved])


async def months(tx: Transaction, campaign_id: str) -> Sequence[Any]:
    """(month, reserved, released, spent, expected_saved, contacts), the newest first."""

    def total(kind: str, column: sa.Column[Any] = BUDGET_ENTRIES.c.amount_minor) -> Any:
        return sa.cast(sa.func.coalesce(sa.func.sum(sa.case((BUDGET_ENTRIES.c.kind == kind, column))), 0), sa.BigInteger)

    query = sa.select(
        BUDGET_ENTRIES.c.month,
        total("reserve").label("reserved_minor"),
        total("release").label("released_minor"),
        total("spend").label("spent_minor"),
        total("reserve", BUDGET_ENTRIES.c.expected_saved_minor).label("expected_saved_minor"),
        sa.func.sum(sa.case((BUDGET_ENTRIES.c.kind == "reserve", 1), else_=0)).label("contacts"),
    ).where(BUDGET_ENTRIES.c.campaign_id == campaign_id)
    return (await tx.execute(query.group_by(BUDGET_ENTRIES.c.month).order_by(BUDGET_ENTRIES.c.month.desc()))).all()


async def unbalanced(tx: Transaction, campaign_id: str, *, limit: int) -> list[str]:
    """Tasks whose entries do not fit what became of them: an open one holds its reserve, one that ended has released it."""
    counts = sa.func.count(BUDGET_ENTRIES.c.kind).filter(BUDGET_ENTRIES.c.kind != "spend")
    joined = TASKS.join(BUDGET_ENTRIES, TASKS.c.task_id == BUDGET_ENTRIES.c.task_id, isouter=True)
    query = sa.select(TASKS.c.task_id).select_from(joined).where(TASKS.c.campaign_id == campaign_id).group_by(TASKS.c.task_id, TASKS.c.status)
    query = query.having(counts != sa.case((TASKS.c.status == "open", 1), else_=2)).order_by(TASKS.c.task_id).limit(limit)
    return list(await tx.scalars(query))
