"""Every statement of the retention service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from services.retention.calling_hours import CallingHours
from services.retention.campaign import DECIDES, Campaign, Offer, Variant
from services.retention.contactable import Contactable
from services.retention.hold_out import Arm
from services.retention.open_tasks import OpenTask
from services.retention.tables import ASSIGNMENTS, CAMPAIGNS, CONTACTABLES, DECISIONS, MESSAGES, OFFERS, OUTCOMES, TASKS, WAITING
from shared.database import Transaction, among, insert_rows

Row = Mapping[str, Any]


async def lock_contactables(tx: Transaction, customer_ids: Iterable[str]) -> dict[str, Contactable]:
    """The customers, those never heard of included: until the transaction ends nobody else hears or decides about them."""
    ids = sorted(customer_ids)
    await insert_rows(tx, CONTACTABLES, [asdict(Contactable(one)) for one in ids], key=("customer_id",))
    query = sa.select(CONTACTABLES).where(among(tx, CONTACTABLES.c.customer_id, ids)).order_by(CONTACTABLES.c.customer_id).with_for_update()
    return {row.customer_id: Contactable(**row._mapping) for row in await tx.execute(query)}


async def save_contactables(tx: Transaction, heard: Iterable[Contactable]) -> None:
    rows = [asdict(one) for one in sorted(heard, key=lambda one: one.customer_id)]
    columns = (one.name for one in fields(Contactable) if one.name != "customer_id")
    await insert_rows(tx, CONTACTABLES, rows, key=("customer_id",), merge=dict.fromkeys(columns, "replace"))


async def members(tx: Transaction, customer_ids: Collection[str]) -> dict[str, list[str]]:
    """By customer, the ids that were merged into them, over however many merges. Who has none is not there.

    Step by step, here and below: a recursive query is planned as if it found half of the table.
    """
    into = {one: {one} for one in customer_ids}
    step = set(into)
    while step:
        query = sa.select(CONTACTABLES.c.customer_id, CONTACTABLES.c.merged_into).where(among(tx, CONTACTABLES.c.merged_into, sorted(step)))
        step = set()
        for row in await tx.execute(query):
            news = into[row.merged_into] - into.setdefault(row.customer_id, set())
            if news:
                into[row.customer_id] |= news
                step.add(row.customer_id)
    found: dict[str, list[str]] = defaultdict(list)
    for member in sorted(into):
        for survivor in into[member] - {member}:
            found[survivor].append(member)
    return dict(found)


async def survivors(tx: Transaction, customer_ids: Collection[str]) -> list[str]:
    """Who these customers are by now, over however many merges; nobody while the merges heard of go round in a circle."""
    step, seen, found = set(customer_ids), set[str](), set[str]()
    while step:
        rows = (await tx.execute(sa.select(CONTACTABLES).where(among(tx, CONTACTABLES.c.customer_id, sorted(step))))).all()
        seen |= step
        found |= {row.customer_id for row in rows if row.merged_into is None}
        step = {row.merged_into for row in rows if row.merged_into is not None} - seen
    return sorted(found)


async def wait(tx: Transaction, rows: Sequence[Row]) -> None:
    await insert_rows(tx, WAITING, sorted(rows, key=lambda row: row["alert_id"]), key=("alert_id",))


async def take_waiting(tx: Transaction, customer_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(WAITING.delete().where(among(tx, WAITING.c.customer_id, customer_ids)).returning(*WAITING.c))).all()


async def waiting_of(tx: Transaction, customer_ids: Collection[str], *, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(WAITING).where(among(tx, WAITING.c.customer_id, customer_ids)).order_by(WAITING.c.waits_since)
    return (await tx.execute(query.limit(limit))).all()


async def lock_campaigns(tx: Transaction) -> list[Campaign]:
    """Those that decide, until the transaction ends: nobody else decides for them, pauses or resumes them."""
    query = sa.select(CAMPAIGNS).where(CAMPAIGNS.c.state.in_(DECIDES)).order_by(CAMPAIGNS.c.campaign_id)
    return [campaign_of(row) for row in await tx.execute(query.with_for_update())]


def campaign_of(row: sa.Row[Any]) -> Campaign:
    hours = CallingHours(time.fromisoformat(row.opens), time.fromisoformat(row.closes))
    variants = [Variant(**one) for one in row.variants]
    return Campaign(hours=hours, variants=variants, **{one.name: getattr(row, one.name) for one in fields(Campaign) if one.name not in {"hours", "variants"}})


async def list_campaigns(tx: Transaction) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(CAMPAIGNS).order_by(CAMPAIGNS.c.campaign_id))).all()


async def get_campaign(tx: Transaction, campaign_id: str, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(CAMPAIGNS).where(CAMPAIGNS.c.campaign_id == campaign_id)
    return (await tx.execute(query.with_for_update() if lock else query)).one_or_none()


async def campaign_counts(tx: Transaction, campaign_id: str) -> dict[str, dict[str, int]]:
    """How many there are per arm, verdict, first gate that refused, task status and outcome."""
    refused = DECISIONS.c.verdict == "refused"
    return {
        "customers": await _counts(tx, ASSIGNMENTS, "arm", campaign_id),
        "decisions": await _counts(tx, DECISIONS, "verdict", campaign_id),
        "refused_by": await _counts(tx, DECISIONS, "failed_gate", campaign_id, refused),
        "tasks": await _counts(tx, TASKS, "status", campaign_id),
        "outcomes": await _counts(tx, OUTCOMES, "result", campaign_id),
    }


async def _counts(tx: Transaction, table: sa.Table, column: str, campaign_id: str, *conditions: sa.ColumnElement[bool]) -> dict[str, int]:
    query = sa.select(table.c[column], sa.func.count()).where(table.c.campaign_id == campaign_id, *conditions).group_by(table.c[column])
    return {row[0]: row[1] for row in await tx.execute(query.order_by(table.c[column]))}


async def catalogue(tx: Transaction) -> dict[str, Offer]:
    return {row.offer_id: Offer(**row._mapping) for row in await tx.execute(sa.select(OFFERS).order_by(OFFERS.c.offer_id))}


async def decided(tx: Transaction, decision_ids: Collection[str]) -> set[str]:
    return set(await tx.scalars(sa.select(DECISIONS.c.decision_id).where(among(tx, DECISIONS.c.decision_id, decision_ids))))


async def decision(tx: Transaction, decision_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(DECISIONS).where(DECISIONS.c.decision_id == decision_id))).one_or_none()


async def arms(tx: Transaction, customer_ids: Collection[str]) -> dict[tuple[str, str], Arm]:
    """(campaign id, customer id) -> the arm of their first exposure."""
    rows = await tx.execute(sa.select(ASSIGNMENTS).where(among(tx, ASSIGNMENTS.c.customer_id, customer_ids)))
    return {(row.campaign_id, row.customer_id): row.arm for row in rows}


async def variants(tx: Transaction, customer_ids: Collection[str]) -> dict[tuple[str, str], str]:
    """(campaign id, customer id) -> the variant of their first exposure."""
    known = sa.and_(among(tx, ASSIGNMENTS.c.customer_id, customer_ids), ASSIGNMENTS.c.variant.is_not(None))
    return {(row.campaign_id, row.customer_id): row.variant for row in await tx.execute(sa.select(ASSIGNMENTS).where(known))}


async def contacts(tx: Transaction, customer_ids: Collection[str], *, since: datetime, now: datetime) -> dict[str, list[datetime]]:
    """When each customer was contacted last: `now` for a task that is open, for it may happen at any moment; of a message that is not known
    to have failed, when it was decided."""
    counts = sa.or_(TASKS.c.status == "open", TASKS.c.done_at > since)
    rows = await tx.execute(sa.select(TASKS.c.customer_id, TASKS.c.done_at).where(among(tx, TASKS.c.customer_id, customer_ids), counts))
    found: dict[str, list[datetime]] = defaultdict(list)
    for row in rows:
        found[row.customer_id].append(row.done_at or now)
    written = sa.and_(MESSAGES.c.enqueued_at > since, MESSAGES.c.state.not_in(("failed", "expired", "suppressed")))
    # A message in place of a call is the same contact as its task.
    of_task = sa.select(TASKS.c.task_id).where(TASKS.c.task_id == MESSAGES.c.decision_id, TASKS.c.status != "cancelled").exists()
    query = sa.select(MESSAGES.c.customer_id, MESSAGES.c.enqueued_at).where(among(tx, MESSAGES.c.customer_id, customer_ids), written, ~of_task)
    for row in await tx.execute(query):
        found[row.customer_id].append(row.enqueued_at)
    return found


async def open_tasks(tx: Transaction) -> dict[str, int]:
    query = sa.select(TASKS.c.campaign_id, sa.func.count()).where(TASKS.c.status == "open").group_by(TASKS.c.campaign_id)
    return {row[0]: row[1] for row in await tx.execute(query)}


async def open_tasks_of(tx: Transaction, customer_ids: Collection[str]) -> list[OpenTask]:
    if not customer_ids:
        return []
    columns = (TASKS.c[name] for name in OpenTask._fields)
    query = sa.select(*columns).where(among(tx, TASKS.c.customer_id, customer_ids), TASKS.c.status == "open")
    return [OpenTask(*row) for row in await tx.execute(query.order_by(TASKS.c.task_id))]


async def cancel_tasks(tx: Transaction, task_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """Those of them that were still open: an outcome may come at the same moment."""
    if not task_ids:
        return []
    mine = sa.and_(among(tx, TASKS.c.task_id, task_ids), TASKS.c.status == "open")
    return (await tx.execute(sa.update(TASKS).where(mine).values(status="cancelled").returning(*TASKS.c))).all()


async def blank_notes(tx: Transaction, customer_ids: Collection[str]) -> None:
    """What agents wrote about these customers."""
    if customer_ids:
        theirs = sa.select(TASKS.c.task_id).where(among(tx, TASKS.c.customer_id, customer_ids))
        await tx.execute(sa.update(OUTCOMES).where(OUTCOMES.c.task_id.in_(theirs)).values(note=""))


async def insert_decisions(tx: Transaction, *, decisions: Sequence[Row], assignments: Sequence[Row], tasks: Sequence[Row]) -> None:
    """An assignment that stands already stays: it is of the first exposure."""
    await insert_rows(tx, DECISIONS, decisions)
    await insert_rows(tx, ASSIGNMENTS, assignments, key=("campaign_id", "customer_id"))
    await insert_rows(tx, TASKS, tasks)


async def decisions_of(tx: Transaction, customer_ids: Collection[str], *, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(DECISIONS).where(among(tx, DECISIONS.c.customer_id, customer_ids))
    return (await tx.execute(query.order_by(DECISIONS.c.decided_at.desc(), DECISIONS.c.decision_id).limit(limit))).all()


async def find_contactable(tx: Transaction, customer_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(CONTACTABLES).where(CONTACTABLES.c.customer_id == customer_id))).one_or_none()


async def list_tasks(tx: Transaction, *, status: str | None, after: tuple[int, datetime, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
    """The highest priority first, of those what is due first."""
    query = sa.select(TASKS).order_by(TASKS.c.priority.desc(), TASKS.c.due_at, TASKS.c.task_id).limit(limit)
    if status is not None:
        query = query.where(TASKS.c.status == status)
    if after is not None:
        priority, due_at, task_id = after
        later = sa.or_(TASKS.c.due_at > due_at, sa.and_(TASKS.c.due_at == due_at, TASKS.c.task_id > task_id))
        query = query.where(sa.or_(TASKS.c.priority < priority, sa.and_(TASKS.c.priority == priority, later)))
    return (await tx.execute(query)).all()


async def get_task(tx: Transaction, task_id: str, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(TASKS).where(TASKS.c.task_id == task_id)
    return (await tx.execute(query.with_for_update() if lock else query)).one_or_none()


async def outcomes(tx: Transaction, task_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    return {row.task_id: row for row in await tx.execute(sa.select(OUTCOMES).where(among(tx, OUTCOMES.c.task_id, task_ids)))}


async def finish_task(tx: Transaction, outcome: Row, *, offer_id: str) -> None:
    await insert_rows(tx, OUTCOMES, [outcome])
    done = {"status": "done", "done_at": outcome["recorded_at"], "offer_id": offer_id}
    await tx.execute(sa.update(TASKS).where(TASKS.c.task_id == outcome["task_id"]).values(**done))
