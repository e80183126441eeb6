"""The runs of scheduled campaigns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.retention.contactable import Contactable
from services.retention.tables import CAMPAIGN_RUNS, CAMPAIGN_STEPS, CAMPAIGNS, CONTACTABLES, DECISIONS, HEARD_ALERTS, LOYALTY_MEMBERS, RUN_MEMBERS
from shared.database import Transaction, among, insert_rows

Row = Mapping[str, Any]

UNFINISHED = ("selecting", "planning", "deciding")


async def start(tx: Transaction, row: Row) -> None:
    """Once per turn."""
    await insert_rows(tx, CAMPAIGN_RUNS, [row], key=("run_id",))


async def known(tx: Transaction, run_ids: Collection[str]) -> set[str]:
    return set(await tx.scalars(sa.select(CAMPAIGN_RUNS.c.run_id).where(among(tx, CAMPAIGN_RUNS.c.run_id, run_ids))))


async def scheduled(tx: Transaction) -> Sequence[Any]:
    """(campaign_id, schedule, approved_at) of campaigns that run by themselves."""
    approved = sa.select(sa.func.max(CAMPAIGN_STEPS.c.taken_at)).where(
        CAMPAIGN_STEPS.c.campaign_id == CAMPAIGNS.c.campaign_id, CAMPAIGN_STEPS.c.step == "approve"
    )
    query = sa.select(
        CAMPAIGNS.c.campaign_id, CAMPAIGNS.c.schedule, sa.type_coerce(approved.scalar_subquery(), CAMPAIGN_STEPS.c.taken_at.type).label("approved_at")
    )
    return (await tx.execute(query.where(CAMPAIGNS.c.state == "running", CAMPAIGNS.c.schedule.is_not(None)).order_by(CAMPAIGNS.c.campaign_id))).all()


async def is_any_unfinished(tx: Transaction) -> bool:
    return await tx.scalar(sa.select(CAMPAIGN_RUNS.c.run_id).where(CAMPAIGN_RUNS.c.state.in_(UNFINISHED)).limit(1)) is not None


async def next_unfinished(tx: Transaction) -> sa.Row[Any] | None:
    """Of a campaign that runs, the one that was due first; locked, and passed over while another worker holds it."""
    joined = CAMPAIGN_RUNS.join(CAMPAIGNS, CAMPAIGN_RUNS.c.campaign_id == CAMPAIGNS.c.campaign_id)
    query = sa.select(CAMPAIGN_RUNS).select_from(joined).where(CAMPAIGN_RUNS.c.state.in_(UNFINISHED), CAMPAIGNS.c.state.in_(("running", "stopped", "archived")))
    query = query.order_by(CAMPAIGN_RUNS.c.due_at, CAMPAIGN_RUNS.c.run_id).limit(1)
    return (await tx.execute(query.with_for_update(of=CAMPAIGN_RUNS, skip_locked=True))).one_or_none()


async def change(tx: Transaction, run_id: str, **changes: Any) -> None:
    await tx.execute(CAMPAIGN_RUNS.update().where(CAMPAIGN_RUNS.c.run_id == run_id).values(**changes))


async def of_campaign(tx: Transaction, campaign_id: str, *, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(CAMPAIGN_RUNS).where(CAMPAIGN_RUNS.c.campaign_id == campaign_id).order_by(CAMPAIGN_RUNS.c.due_at.desc(), CAMPAIGN_RUNS.c.run_id)
    return (await tx.execute(query.limit(limit))).all()


async def customers_after(tx: Transaction, customer_id: str, *, limit: int) -> list[Contactable]:
    """In the order of their ids; who is gone is left out."""
    query = sa.select(CONTACTABLES).where(CONTACTABLES.c.customer_id > customer_id, CONTACTABLES.c.merged_into.is_(None), CONTACTABLES.c.erased.is_(sa.false()))
    return [Contactable(**row._mapping) for row in await tx.execute(query.order_by(CONTACTABLES.c.customer_id).limit(limit))]


async def add_members(tx: Transaction, rows: Sequence[Row]) -> None:
    await insert_rows(tx, RUN_MEMBERS, rows, key=("run_id", "customer_id"))


async def members(tx: Transaction, run_id: str) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(RUN_MEMBERS).where(RUN_MEMBERS.c.run_id == run_id).order_by(RUN_MEMBERS.c.place, RUN_MEMBERS.c.customer_id))).all()


async def keep_plan(tx: Transaction, rows: Sequence[Row]) -> None:
    await insert_rows(tx, RUN_MEMBERS, rows, key=("run_id", "customer_id"), merge={"offer_id": "replace", "arm": "replace", "place": "replace"})


async def first_members(tx: Transaction, run_id: str, *, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(RUN_MEMBERS).where(RUN_MEMBERS.c.run_id == run_id).order_by(RUN_MEMBERS.c.place, RUN_MEMBERS.c.customer_id)
    return (await tx.execute(query.limit(limit))).all()


async def drop_members(tx: Transaction, run_id: str, customer_ids: Collection[str] | None = None) -> None:
    """Without ids: all of them."""
    mine = RUN_MEMBERS.c.run_id == run_id
    await tx.execute(RUN_MEMBERS.delete().where(mine if customer_ids is None else sa.and_(mine, among(tx, RUN_MEMBERS.c.customer_id, customer_ids))))


async def exposed(tx: Transaction, campaign_ids: Collection[str], customer_ids: Collection[str]) -> dict[tuple[str, str], datetime]:
    """(campaign id, customer id) -> when they were last contacted by it, or held out from it."""
    if not campaign_ids:
        return {}
    last = sa.type_coerce(sa.func.max(DECISIONS.c.decided_at), DECISIONS.c.decided_at.type).label("last")
    mine = sa.and_(among(tx, DECISIONS.c.customer_id, customer_ids), among(tx, DECISIONS.c.campaign_id, campaign_ids))
    query = sa.select(DECISIONS.c.campaign_id, DECISIONS.c.customer_id, last).where(mine, DECISIONS.c.verdict.in_(("contact", "held_out")))
    return {(row.campaign_id, row.customer_id): row.last for row in await tx.execute(query.group_by(DECISIONS.c.campaign_id, DECISIONS.c.customer_id))}


async def warned_of(tx: Transaction, customer_ids: Collection[str], *, since: datetime) -> dict[str, list[str]]:
    """By customer, the kinds of what was heard about them."""
    kinds = sa.select(HEARD_ALERTS.c.customer_id, HEARD_ALERTS.c.alert).where(
        among(tx, HEARD_ALERTS.c.customer_id, customer_ids), HEARD_ALERTS.c.raised_at >= since
    )
    found: dict[str, list[str]] = {}
    for row in await tx.execute(kinds):
        found.setdefault(row.customer_id, []).append(row.alert)
    return found


async def club(tx: Transaction, customer_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    return {row.customer_id: row for row in await tx.execute(sa.select(LOYALTY_MEMBERS).where(among(tx, LOYALTY_MEMBERS.c.customer_id, customer_ids)))}
