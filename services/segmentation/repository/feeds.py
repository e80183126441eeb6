"""The state of the feeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from services.segmentation.tables import FEEDS
from shared.database import Transaction, insert_rows


async def save_feeds(tx: Transaction, states: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """By topic and source. Who comes late leaves what is there."""
    await insert_rows(tx, FEEDS, [states[key] for key in sorted(states)], key=("feed_topic", "feed_source"))
    for (topic, source), state in sorted(states.items()):
        older = sa.and_(FEEDS.c.feed_topic == topic, FEEDS.c.feed_source == source, FEEDS.c.changed_at < state["changed_at"])
        await tx.execute(sa.update(FEEDS).where(older).values(state=state["state"], changed_at=state["changed_at"]))


async def unhealthy_feeds(tx: Transaction) -> list[tuple[str, str]]:
    query = sa.select(FEEDS.c.feed_topic, FEEDS.c.feed_source).where(FEEDS.c.state != "healthy").order_by(FEEDS.c.feed_topic, FEEDS.c.feed_source)
    return [(row.feed_topic, row.feed_source) for row in await tx.execute(query)]
