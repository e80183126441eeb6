"""Statements about how customers are reached, and the steps that tasks went through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from services.retention.reachability import Reach
from services.retention.tables import REACHES, TASK_STEPS, TASKS
from shared.database import Transaction, among, insert_rows

_CHANGED = tuple(one.name for one in fields(Reach) if one.name not in {"customer_id", "channel"})


async def lock(tx: Transaction, pairs: Iterable[tuple[str, str]]) -> list[Reach]:
    """(customer id, channel), those never tried included. Who takes these takes nothing else afterwards that others hold while they ask for one."""
    ordered = sorted(set(pairs))
    await insert_rows(tx, REACHES, [asdict(Reach(*one)) for one in ordered], key=("customer_id", "channel"))
    mine = among(tx, REACHES.c.customer_id, sorted({customer_id for customer_id, _ in ordered}))
    rows = await tx.execute(sa.select(REACHES).where(mine).order_by(REACHES.c.customer_id, REACHES.c.channel).with_for_update())
    return [Reach(**row._mapping) for row in rows if (row.customer_id, row.channel) in ordered]


async def save(tx: Transaction, reaches: Iterable[Reach]) -> None:
    rows = sorted((asdict(one) for one in reaches), key=lambda row: (row["customer_id"], row["channel"]))
    await insert_rows(tx, REACHES, rows, key=("customer_id", "channel"), merge=dict.fromkeys(_CHANGED, "replace"))


async def of(tx: Transaction, customer_ids: Collection[str]) -> dict[str, dict[str, Reach]]:
    """By customer and channel."""
    found: dict[str, dict[str, Reach]] = defaultdict(dict)
    for row in await tx.execute(sa.select(REACHES).where(among(tx, REACHES.c.customer_id, customer_ids))):
        found[row.customer_id][row.channel] = Reach(**row._mapping)
    return found


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(REACHES.delete().where(among(tx, REACHES.c.customer_id, customer_ids)))
        theirs = sa.select(TASKS.c.task_id).where(among(tx, TASKS.c.customer_id, customer_ids))
        await tx.execute(sa.update(TASK_STEPS).where(TASK_STEPS.c.task_id.in_(theirs)).values(note=""))


async def steps(tx: Transaction, task_id: str) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(TASK_STEPS).where(TASK_STEPS.c.task_id == task_id).order_by(TASK_STEPS.c.nth))).all()


async def take_step(tx: Transaction, row: Mapping[str, Any], *, counted: str) -> None:
    """Of a task that is locked: due at another moment from now on. `counted`: attempts or reschedules."""
    await insert_rows(tx, TASK_STEPS, [row])
    changes: dict[str, Any] = {"due_at": row["due_at"], counted: TASKS.c[counted] + 1}
    await tx.execute(sa.update(TASKS).where(TASKS.c.task_id == row["task_id"]).values(changes))
