"""What was learned from all customers, and what it is learned from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.segmentation.repository import customers
from services.segmentation.tables import FEATURES, MODEL_TRIALS, MODELS, PURCHASE_DAYS
from shared.database import Transaction, among, insert_rows

READ_ROWS = 5_000


class Made(NamedTuple):
    version: int
    made_at: datetime


async def newest(tx: Transaction) -> dict[str, Made]:
    """By kind, without the documents."""
    query = _newest(MODELS.c.kind, MODELS.c.version, MODELS.c.made_at)
    return {row.kind: Made(row.version, row.made_at) for row in await tx.execute(query)}


async def newest_of(tx: Transaction, kind: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(MODELS).where(MODELS.c.kind == kind).order_by(MODELS.c.version.desc()).limit(1))).one_or_none()


async def list_newest(tx: Transaction) -> Sequence[sa.Row[Any]]:
    rows: Sequence[sa.Row[Any]] = (await tx.execute(_newest(MODELS).order_by(MODELS.c.kind))).all()
    return rows


def _newest(*columns: Any) -> Any:
    newest = sa.select(MODELS.c.kind, sa.func.max(MODELS.c.version).label("version")).group_by(MODELS.c.kind).subquery()
    joined = MODELS.join(newest, sa.and_(MODELS.c.kind == newest.c.kind, MODELS.c.version == newest.c.version))
    return sa.select(*columns).select_from(joined)


async def insert(tx: Transaction, kind: str, document: Mapping[str, Any], *, customers: int, as_of: str, made_at: datetime) -> int:
    """Its version."""
    made = (await newest(tx)).get(kind)
    version = made.version + 1 if made else 1
    await insert_rows(tx, MODELS, [{"kind": kind, "version": version, "document": document, "customers": customers, "as_of": as_of, "made_at": made_at}])
    return version


async def trials(tx: Transaction) -> dict[str, sa.Row[Any]]:
    return {row.kind: row for row in await tx.execute(sa.select(MODEL_TRIALS))}


async def note_trial(tx: Transaction, kind: str, *, tried_on: str, refused: str | None) -> None:
    row = {"kind": kind, "tried_on": tried_on, "refused": refused, "wanted": False}
    await insert_rows(tx, MODEL_TRIALS, [row], key=("kind",), merge={"tried_on": "replace", "refused": "replace", "wanted": "replace"})


async def want(tx: Transaction, kinds: Sequence[str]) -> None:
    rows = [{"kind": kind, "tried_on": "", "refused": None, "wanted": True} for kind in sorted(kinds)]
    await insert_rows(tx, MODEL_TRIALS, rows, key=("kind",), merge={"wanted": "replace"})


async def purchase_histories(tx: Transaction, customer_ids: Collection[str]) -> list[tuple[int, str, str, int]]:
    """(days with a payment, first, last, paid less reversed) of those among them who pay as they go."""
    days = PURCHASE_DAYS.c
    bought_on = sa.case((days.payments > 0, days.day))
    paid = sa.cast(sa.func.sum(days.paid_minor), sa.BigInteger)
    query = (
        sa.select(sa.func.count(bought_on), sa.func.min(bought_on), sa.func.max(bought_on), paid)
        .select_from(PURCHASE_DAYS.join(FEATURES, days.customer_id == FEATURES.c.customer_id))
        .where(among(tx, days.customer_id, customer_ids), sa.func.coalesce(FEATURES.c.payment_type, "") != "postpaid")
        .group_by(days.customer_id)
        .having(sa.func.count(bought_on) > 0)
        .order_by(days.customer_id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in await tx.execute(query)]


async def ids(tx: Transaction) -> AsyncIterator[str]:
    """Of everybody who is there, read in pages."""
    page = await customers.ids_after(tx, "", limit=READ_ROWS)
    while page:
        for customer_id in page:
            yield customer_id
        page = await customers.ids_after(tx, page[-1], limit=READ_ROWS)
