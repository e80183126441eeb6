"""Statements about outages and who was in their cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.network_faults import Outage, Visit
from services.customer.tables import FACTS, UNTOLD_OUTAGES, VISITS
from shared.contracts.network import OutageReported
from shared.database import Transaction, among, insert_rows


async def save_visits(tx: Transaction, visits: Collection[Visit]) -> None:
    rows = [one._asdict() for one in sorted(set(visits))]
    await insert_rows(tx, VISITS, rows, key=("cell_id", "customer_id", "since"))


async def outages(tx: Transaction, cell_ids: Collection[str]) -> list[Outage]:
    """Everything reported about these cells, by the facts that belong to nobody."""
    subjects = [f"cell:{one}" for one in cell_ids]
    query = sa.select(FACTS).where(FACTS.c.customer_id.is_(None), among(tx, FACTS.c.subject, subjects), FACTS.c.type == OutageReported.type)
    return [_outage(row) for row in await tx.execute(query)]


async def note_untold(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, UNTOLD_OUTAGES, rows, key=("source", "id"))


async def next_untold(tx: Transaction, *, noted_before: datetime) -> sa.Row[Any] | None:
    """One to work on, locked; whoever else looks takes another one."""
    query = sa.select(UNTOLD_OUTAGES).where(UNTOLD_OUTAGES.c.noted_at < noted_before).order_by(UNTOLD_OUTAGES.c.noted_at).limit(1)
    return (await tx.execute(query.with_for_update(skip_locked=True))).one_or_none()


async def outage(tx: Transaction, source: str, id_: str) -> Outage | None:
    row = (await tx.execute(sa.select(FACTS).where(FACTS.c.source == source, FACTS.c.id == id_))).one_or_none()
    return _outage(row) if row else None


async def visits(tx: Transaction, outage: Outage, *, after: str, limit: int) -> list[Visit]:
    """Of the next customers who were in the cell meanwhile, in the order of their ids."""
    columns = [VISITS.c[name] for name in Visit._fields]
    overlaps = (VISITS.c.cell_id == outage.cell_id, VISITS.c.since < outage.until, VISITS.c.until > outage.started_at)
    customers = sa.select(VISITS.c.customer_id).where(*overlaps, VISITS.c.customer_id > after).distinct().order_by(VISITS.c.customer_id).limit(limit)
    rows = await tx.execute(sa.select(*columns).where(*overlaps, VISITS.c.customer_id.in_(customers.scalar_subquery())))
    return [Visit(*row) for row in rows]


async def told(tx: Transaction, source: str, id_: str, *, to: str | None) -> None:
    """Up to this customer; None: to all of them."""
    this = (UNTOLD_OUTAGES.c.source == source, UNTOLD_OUTAGES.c.id == id_)
    await tx.execute(UNTOLD_OUTAGES.delete().where(*this) if to is None else sa.update(UNTOLD_OUTAGES).where(*this).values(told_to=to))


async def forget_visits(tx: Transaction, *, before: datetime, limit: int) -> int:
    key = (VISITS.c.cell_id, VISITS.c.customer_id, VISITS.c.since)
    old = sa.select(*key).where(VISITS.c.until < before).limit(limit).with_for_update(skip_locked=True)
    return (await tx.execute(VISITS.delete().where(sa.tuple_(*key).in_(old)))).rowcount


def _outage(row: Any) -> Outage:
    end = row.data.get("ended_at")
    started_at = datetime.fromisoformat(row.data["started_at"])
    return Outage(row.subject.removeprefix("cell:"), row.data["kind"], started_at, datetime.fromisoformat(end) if end else None)
