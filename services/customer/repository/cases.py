"""Statements about complaints as cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.customer.cases import COMPLAINT_TYPES, STAR_TYPES, CaseFact, CaseState
from services.customer.tables import CASES, CUSTOMERS, FACTS
from shared.database import Instant, Transaction, among, insert_rows

KEY = (CASES.c.due_at, CASES.c.survivor_id, CASES.c.complaint_id)
# From feedback on it is known when a case closes by itself.
IS_WORKED_ON = CASES.c.closed_at.is_(None)


class Position(NamedTuple):
    due_at: datetime
    survivor_id: str
    complaint_id: str


async def survivors(tx: Transaction, customer_ids: Collection[str]) -> set[str]:
    """Who carries on for these, and these where they carry on themselves."""
    query = sa.select(sa.func.coalesce(CUSTOMERS.c.survivor_id, CUSTOMERS.c.customer_id)).where(among(tx, CUSTOMERS.c.customer_id, customer_ids))
    return set(await tx.scalars(query))


async def case_facts(tx: Transaction, customer_ids: Collection[str]) -> dict[str, list[CaseFact]]:
    """Customer -> what was reported about their complaints and stars."""
    query = sa.select(*(FACTS.c[name] for name in CaseFact._fields))
    found: dict[str, list[CaseFact]] = defaultdict(list)
    for row in await tx.execute(query.where(among(tx, FACTS.c.customer_id, customer_ids), among(tx, FACTS.c.type, sorted(COMPLAINT_TYPES | STAR_TYPES)))):
        found[row.customer_id].append(CaseFact(*row))
    return found


async def replace_cases(tx: Transaction, survivor_ids: Collection[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """All cases of these, and no longer those of an earlier fold."""
    await tx.execute(CASES.delete().where(among(tx, CASES.c.survivor_id, survivor_ids)))
    await insert_rows(tx, CASES, sorted(rows, key=lambda row: (row["survivor_id"], row["complaint_id"])))


async def with_cases(tx: Transaction, survivor_ids: Collection[str]) -> set[str]:
    """Those of them who have any."""
    return set(await tx.scalars(sa.select(CASES.c.survivor_id).where(among(tx, CASES.c.survivor_id, survivor_ids)).distinct()))


async def find_cases(tx: Transaction, complaint_id: str, survivor_id: str | None) -> Sequence[sa.Row[Any]]:
    """One, or several where two customers have a complaint of the same id."""
    query = sa.select(CASES).where(CASES.c.complaint_id == complaint_id)
    query = query.where(CASES.c.survivor_id == survivor_id) if survivor_id else query
    return (await tx.execute(query.limit(2))).all()


async def list_cases(
    tx: Transaction, *, state: CaseState | None, overdue: bool | None, survivor_id: str | None, now: datetime, after: Position | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """What is due first comes first."""
    query = sa.select(CASES).order_by(*KEY).limit(limit)
    query = query.where(_is_in(state, now)) if state is not None else query
    if overdue is not None:
        is_overdue = sa.and_(IS_WORKED_ON, CASES.c.due_at < now)
        query = query.where(is_overdue if overdue else sa.not_(is_overdue))
    if survivor_id is not None:
        query = query.where(CASES.c.survivor_id == survivor_id)
    if after:
        query = query.where(sa.tuple_(*KEY) > sa.tuple_(sa.literal(after.due_at, Instant()), after.survivor_id, after.complaint_id))
    return (await tx.execute(query)).all()


async def survivors_to_raise(tx: Transaction, now: datetime, *, limit: int) -> list[str]:
    """Whose cases have a stage that was not done in time."""
    query = sa.select(CASES.c.survivor_id).where(CASES.c.raise_at <= now).group_by(CASES.c.survivor_id).order_by(sa.func.min(CASES.c.raise_at)).limit(limit)
    return sorted(await tx.scalars(query))


def _is_in(state: CaseState, now: datetime) -> sa.ColumnElement[bool]:
    if state == "closed":
        return CASES.c.closed_at <= now
    if state == "feedback":
        # It closes when it is due or before: said twice, so that the index begins at now.
        return sa.and_(CASES.c.stage == state, CASES.c.closed_at > now, CASES.c.due_at > now)
    return sa.and_(IS_WORKED_ON, CASES.c.stage == state)
