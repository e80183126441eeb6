"""Campaigns and offers as they are drafted and decided upon, and the warnings that a draft is tried on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.retention.contactable import Contactable
from services.retention.tables import CAMPAIGN_STEPS, CAMPAIGNS, CONTACTABLES, DECISIONS, HEARD_ALERTS, OFFERS
from shared.database import Transaction, among, insert_rows


async def insert_campaign(tx: Transaction, row: Mapping[str, Any]) -> bool:
    """Whether the id was free."""
    return bool(await insert_rows(tx, CAMPAIGNS, [row], key=("campaign_id",), returning=("campaign_id",)))


async def update_campaign(tx: Transaction, campaign_id: str, **changes: Any) -> None:
    await tx.execute(CAMPAIGNS.update().where(CAMPAIGNS.c.campaign_id == campaign_id).values(**changes))


async def add_step(tx: Transaction, campaign_id: str, *, step: str, actor: str, reason: str, at: datetime) -> None:
    """The campaign is locked, so the numbers follow each other."""
    taken = await tx.scalar(sa.select(sa.func.count()).where(CAMPAIGN_STEPS.c.campaign_id == campaign_id))
    row = {"campaign_id": campaign_id, "nth": int(taken or 0) + 1, "step": step, "actor": actor, "reason": reason, "taken_at": at}
    await insert_rows(tx, CAMPAIGN_STEPS, [row])


async def steps(tx: Transaction, campaign_id: str) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(CAMPAIGN_STEPS).where(CAMPAIGN_STEPS.c.campaign_id == campaign_id).order_by(CAMPAIGN_STEPS.c.nth))).all()


async def insert_offer(tx: Transaction, row: Mapping[str, Any]) -> bool:
    """Whether the id was free."""
    return bool(await insert_rows(tx, OFFERS, [row], key=("offer_id",), returning=("offer_id",)))


async def end_offer(tx: Transaction, offer_id: str, at: datetime) -> bool:
    """Whether there is such an offer. One that had ended already keeps its end."""
    ends = sa.func.coalesce(OFFERS.c.valid_to, sa.literal(at, OFFERS.c.valid_to.type))
    changed = await tx.execute(OFFERS.update().where(OFFERS.c.offer_id == offer_id).values(valid_to=ends).returning(OFFERS.c.offer_id))
    return changed.first() is not None


async def keep_alerts(tx: Transaction, rows: Sequence[Mapping[str, Any]], *, since: datetime) -> None:
    """Each once; those raised before `since` go."""
    await insert_rows(tx, HEARD_ALERTS, sorted(rows, key=lambda row: str(row["alert_id"])), key=("alert_id",))
    if rows:
        await tx.execute(HEARD_ALERTS.delete().where(HEARD_ALERTS.c.raised_at < since))


async def forget_alerts(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(HEARD_ALERTS.delete().where(among(tx, HEARD_ALERTS.c.customer_id, customer_ids)))


async def alerts_since(tx: Transaction, since: datetime, *, limit: int) -> Sequence[sa.Row[Any]]:
    """The newest, in the order they were raised."""
    newest = sa.select(HEARD_ALERTS).where(HEARD_ALERTS.c.raised_at >= since).order_by(HEARD_ALERTS.c.raised_at.desc(), HEARD_ALERTS.c.alert_id).limit(limit)
    return list(reversed((await tx.execute(newest)).all()))


async def contactables(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Contactable]:
    """As they stand, without a lock."""
    rows = await tx.execute(sa.select(CONTACTABLES).where(among(tx, CONTACTABLES.c.customer_id, customer_ids)))
    return {row.customer_id: Contactable(**row._mapping) for row in rows}


async def contacted_by_others(tx: Transaction, campaign_id: str, customer_ids: Collection[str], *, since: datetime) -> dict[str, int]:
    """By campaign, how many of the customers it decided to contact since then."""
    theirs = sa.and_(DECISIONS.c.verdict == "contact", DECISIONS.c.decided_at >= since, DECISIONS.c.campaign_id != campaign_id)
    query = sa.select(DECISIONS.c.campaign_id, sa.func.count(sa.distinct(DECISIONS.c.customer_id)))
    query = query.where(among(tx, DECISIONS.c.customer_id, customer_ids), theirs).group_by(DECISIONS.c.campaign_id)
    return {row[0]: row[1] for row in await tx.execute(query.order_by(DECISIONS.c.campaign_id))}
