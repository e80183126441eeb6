"""Statements about how good what is known of the customers is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from services.customer.tables import FACTS, QUALITIES
from shared.contracts.care import AgentContacted
from shared.contracts.orders import CustomerRegistered, CustomerUpdated
from shared.contracts.retention import ContactAttempted, OutcomeRecorded
from shared.database import Transaction, among, insert_rows

OUTCOME_TYPES = (OutcomeRecorded.type, ContactAttempted.type, AgentContacted.type)
TOLD_TYPES = (CustomerRegistered.type, CustomerUpdated.type)


async def facts_about_contacts(tx: Transaction, customer_ids: Collection[str]) -> dict[str, list[Any]]:
    """(type, occurred_at, data) of what told how to reach them and of what came of trying, in event-time order."""
    columns = (FACTS.c.customer_id, FACTS.c.type, FACTS.c.occurred_at, FACTS.c.data)
    query = sa.select(*columns).where(among(tx, FACTS.c.customer_id, customer_ids), FACTS.c.type.in_((*OUTCOME_TYPES, *TOLD_TYPES)))
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await tx.execute(query.order_by(FACTS.c.occurred_at)):
        found[row.customer_id].append(row)
    return found


async def save(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: row["customer_id"])
    changed = [column.name for column in QUALITIES.columns if not column.primary_key]
    await insert_rows(tx, QUALITIES, ordered, key=("customer_id",), merge=dict.fromkeys(changed, "replace"))


async def delete(tx: Transaction, customer_ids: Collection[str]) -> None:
    await tx.execute(QUALITIES.delete().where(among(tx, QUALITIES.c.customer_id, customer_ids)))


async def averages(tx: Transaction, by: Literal["channel", "agent"], *, month: str | None, limit: int) -> Sequence[sa.Row[Any]]:
    """(value, customers, completeness_percent, validity_percent, score_percent), the worst score first."""
    names = ("completeness_percent", "validity_percent", "score_percent")
    means = [sa.cast(sa.func.avg(QUALITIES.c[name]), sa.Float).label(name) for name in names]
    query = sa.select(QUALITIES.c[by].label("value"), sa.func.count().label("customers"), *means).group_by(QUALITIES.c[by])
    query = query.where(QUALITIES.c.month == month) if month else query
    return (await tx.execute(query.order_by(means[2], QUALITIES.c[by]).limit(limit))).all()


async def worst(tx: Transaction, *, channel: str | None, agent: str | None, after: tuple[int, str], limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(QUALITIES).where(sa.tuple_(QUALITIES.c.score_percent, QUALITIES.c.customer_id) > sa.tuple_(*after))
    for column, value in ((QUALITIES.c.channel, channel), (QUALITIES.c.agent, agent)):
        query = query.where(column == value) if value else query
    return (await tx.execute(query.order_by(QUALITIES.c.score_percent, QUALITIES.c.customer_id).limit(limit))).all()
