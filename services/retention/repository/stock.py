"""Pieces of offers: supplied, reserved, given back, spent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from services.retention.tables import OFFER_PIECES, OFFER_RESTOCKS, OFFERS
from shared.database import Transaction, among, insert_rows

TAKEN = ("reserved", "spent")


async def left(tx: Transaction, *, lock: bool) -> dict[str, int]:
    """Of every offer with a stock. With the lock nobody else takes a piece of any until the transaction ends; who takes campaigns' locks
    too takes those first. Giving one back needs none."""
    query = sa.select(OFFERS.c.offer_id, OFFERS.c.stock).where(OFFERS.c.stock.is_not(None)).order_by(OFFERS.c.offer_id)
    stocks = {row.offer_id: row.stock for row in await tx.execute(query.with_for_update() if lock else query)}
    if not stocks:
        return {}
    mine = sa.and_(among(tx, OFFER_PIECES.c.offer_id, sorted(stocks)), OFFER_PIECES.c.state.in_(TAKEN))
    taken = await tx.execute(sa.select(OFFER_PIECES.c.offer_id, sa.func.count()).where(mine).group_by(OFFER_PIECES.c.offer_id))
    return stocks | {offer_id: stocks[offer_id] - count for offer_id, count in taken}


async def take(tx: Transaction, decisions: Sequence[tuple[str, str]], *, state: Literal["reserved", "spent"], at: datetime) -> None:
    """(decision id, offer id) of each; under the lock of `left`."""
    rows = [{"decision_id": one, "offer_id": offer_id, "state": state, "changed_at": at} for one, offer_id in sorted(decisions)]
    await insert_rows(tx, OFFER_PIECES, rows, key=("decision_id",), merge=dict.fromkeys(("offer_id", "state", "changed_at"), "replace"))


async def piece(tx: Transaction, decision_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(OFFER_PIECES).where(OFFER_PIECES.c.decision_id == decision_id))).one_or_none()


async def give_back(tx: Transaction, decision_ids: Collection[str], *, at: datetime) -> None:
    """What they reserved; what was spent stays so."""
    if decision_ids:
        reserved = sa.and_(among(tx, OFFER_PIECES.c.decision_id, decision_ids), OFFER_PIECES.c.state == "reserved")
        await tx.execute(OFFER_PIECES.update().where(reserved).values(state="released", changed_at=at))


async def restock(tx: Transaction, offer_id: str, pieces: int, *, actor: str, at: datetime) -> None:
    """The offer is locked, so the numbers follow each other."""
    await tx.execute(OFFERS.update().where(OFFERS.c.offer_id == offer_id).values(stock=OFFERS.c.stock + pieces))
    await note_restock(tx, offer_id, pieces, actor=actor, at=at)


async def note_restock(tx: Transaction, offer_id: str, pieces: int, *, actor: str, at: datetime) -> None:
    done = await tx.scalar(sa.select(sa.func.count()).where(OFFER_RESTOCKS.c.offer_id == offer_id))
    row = {"offer_id": offer_id, "nth": int(done or 0) + 1, "pieces": pieces, "actor": actor, "restocked_at": at}
    await insert_rows(tx, OFFER_RESTOCKS, [row])


async def restocks(tx: Transaction, offer_id: str) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(OFFER_RESTOCKS).where(OFFER_RESTOCKS.c.offer_id == offer_id).order_by(OFFER_RESTOCKS.c.nth))).all()
