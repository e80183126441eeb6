"""The state of the sources that scores and warnings live on, as the customer service watches them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from services.segmentation.repository import feeds as repository
from shared.contracts import topics
from shared.contracts.segmentation import AlertKind
from shared.database import Transaction
from shared.worker import Delivery

SCORES_LIVE_ON = frozenset({topics.BILLING})
STANDINGS_LIVE_ON = frozenset({topics.BILLING, topics.NETWORK, topics.CARE, topics.ORDERS})
ALERTS_LIVE_ON: dict[AlertKind, frozenset[str]] = {
    "usage_fall": frozenset({topics.NETWORK}),
    "forwarding_off_net": frozenset({topics.NETWORK}),
    "port_out_inquiry": frozenset({topics.CARE, topics.ORDERS}),
    "multi_sim": frozenset({topics.NETWORK}),
    "complaint_overdue": frozenset({topics.CARE}),
    "contract_ending": frozenset({topics.ORDERS}),
    "rfm_migration": frozenset({topics.BILLING}),
    "group_churn": frozenset({topics.NETWORK, topics.ORDERS}),
    "peer_churn": frozenset({topics.ORDERS}),
    "silent": frozenset({topics.NETWORK, topics.BILLING}),
    "arrears": frozenset({topics.BILLING}),
    "fraud": frozenset({topics.NETWORK}),
}
LISTED = 50


async def note(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    """The newest state of each; what is older than what is held says nothing."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for one in deliveries:
        said, at = one.event.data, one.event.time
        key = said.feed_topic, said.feed_source
        if key not in newest or newest[key]["changed_at"] <= at:
            newest[key] = {"feed_topic": said.feed_topic, "feed_source": said.feed_source, "state": said.state, "changed_at": at}
    await repository.save_feeds(tx, newest)


async def stale_among(tx: Transaction, feed_topics: Collection[str]) -> list[str]:
    """`topic:source` of those feeds that are not healthy now."""
    return [f"{topic}:{source}" for topic, source in await repository.unhealthy_feeds(tx) if topic in feed_topics][:LISTED]
