"""Objections of customers, and reviews of decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from services.retention.tables import DECISION_REVIEWS, DECISIONS, OBJECTIONS
from shared.database import Transaction, among, insert_rows


async def in_force(tx: Transaction, customer_ids: Collection[str]) -> dict[str, list[str]]:
    """Customer id -> scopes, of those who object to something."""
    mine = sa.and_(among(tx, OBJECTIONS.c.customer_id, customer_ids), OBJECTIONS.c.withdrawn_at.is_(None))
    found: dict[str, list[str]] = defaultdict(list)
    for row in await tx.execute(sa.select(OBJECTIONS).where(mine).order_by(OBJECTIONS.c.scope)):
        found[row.customer_id].append(row.scope)
    return dict(found)


async def of(tx: Transaction, customer_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """Withdrawn ones too."""
    query = sa.select(OBJECTIONS).where(among(tx, OBJECTIONS.c.customer_id, customer_ids))
    return (await tx.execute(query.order_by(OBJECTIONS.c.objected_at, OBJECTIONS.c.customer_id, OBJECTIONS.c.nth))).all()


async def add(tx: Transaction, customer_id: str, scope: str, *, actor: str, at: datetime) -> None:
    """The customer is locked, so the numbers follow each other."""
    taken = await tx.scalar(sa.select(sa.func.count()).where(OBJECTIONS.c.customer_id == customer_id))
    await insert_rows(tx, OBJECTIONS, [{"customer_id": customer_id, "nth": int(taken or 0) + 1, "scope": scope, "actor": actor, "objected_at": at}])


async def withdraw(tx: Transaction, customer_ids: Collection[str], scope: str, *, actor: str, at: datetime) -> None:
    mine = sa.and_(among(tx, OBJECTIONS.c.customer_id, customer_ids), OBJECTIONS.c.scope == scope, OBJECTIONS.c.withdrawn_at.is_(None))
    await tx.execute(OBJECTIONS.update().where(mine).values(withdrawn_by=actor, withdrawn_at=at))


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    """Of reviews the words: that there was one stays with the decision."""
    if customer_ids:
        await tx.execute(OBJECTIONS.delete().where(among(tx, OBJECTIONS.c.customer_id, customer_ids)))
        theirs = sa.select(DECISIONS.c.decision_id).where(among(tx, DECISIONS.c.customer_id, customer_ids))
        await tx.execute(DECISION_REVIEWS.update().where(DECISION_REVIEWS.c.decision_id.in_(theirs)).values(reason=""))


async def reviews_of(tx: Transaction, decision_id: str) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(DECISION_REVIEWS).where(DECISION_REVIEWS.c.decision_id == decision_id).order_by(DECISION_REVIEWS.c.nth))).all()


async def request_review(tx: Transaction, decision_id: str, *, nth: int, actor: str, at: datetime) -> None:
    """One that was requested at the same moment stays."""
    row = {"decision_id": decision_id, "nth": nth, "requested_by": actor, "requested_at": at, "reason": ""}
    await insert_rows(tx, DECISION_REVIEWS, [row], key=("decision_id", "nth"))


async def close_review(tx: Transaction, decision_id: str, *, result: str, reason: str, actor: str, at: datetime) -> bool:
    """Whether one was open."""
    is_open = sa.and_(DECISION_REVIEWS.c.decision_id == decision_id, DECISION_REVIEWS.c.result.is_(None))
    closed = {"result": result, "reason": reason, "closed_by": actor, "closed_at": at}
    return (await tx.execute(DECISION_REVIEWS.update().where(is_open).values(**closed).returning(DECISION_REVIEWS.c.nth))).first() is not None


async def list_reviews(tx: Transaction, *, state: Literal["open", "closed"], limit: int) -> Sequence[sa.Row[Any]]:
    """Who waits longest first; of closed ones the newest."""
    query = sa.select(DECISION_REVIEWS, DECISIONS.c.customer_id, DECISIONS.c.verdict).join(DECISIONS, DECISIONS.c.decision_id == DECISION_REVIEWS.c.decision_id)
    if state == "open":
        query = query.where(DECISION_REVIEWS.c.result.is_(None)).order_by(DECISION_REVIEWS.c.requested_at, DECISION_REVIEWS.c.decision_id)
    else:
        query = query.where(DECISION_REVIEWS.c.result.is_not(None)).order_by(DECISION_REVIEWS.c.closed_at.desc(), DECISION_REVIEWS.c.decision_id)
    return (await tx.execute(query.limit(limit))).all()
