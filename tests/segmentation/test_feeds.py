"""E8: scores and warnings made on a feed that is not healthy say so."""

from __future__ import annotations

import sqlalchemy as sa

from services.segmentation.tables import FEEDS
from shared.contracts import topics
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import RFM_EVENTS, activity, asked_for_pin, days_ago, feed, paid


async def test_a_score_on_a_silent_feed_says_so(segmentation: ServiceUnderTest) -> None:
    """E8: in the answer and in what is published; not any more once the feed is as usual."""
    await segmentation.send(feed("silent"), feed("drifted", topic=topics.NETWORK))
    await segmentation.send(activity("A", paid(at=days_ago(1))))
    assert (await segmentation.http.get("/customers/A")).json()["rfm"]["stale_feeds"] == ["billing:core"]
    (event,) = await segmentation.read(topics.SEGMENTS, count=1, types=RFM_EVENTS)
    assert event["data"]["stale_feeds"] == ["billing:core"]
    await segmentation.send(feed("healthy", at=days_ago(0)))
    await segmentation.send(activity("A", paid(at=days_ago(0))))
    assert (await segmentation.http.get("/customers/A")).json()["rfm"]["stale_feeds"] == []


async def test_a_warning_says_only_what_it_lives_on(segmentation: ServiceUnderTest) -> None:
    """E8: an inquiry comes from care; that billing is silent says nothing about it."""
    await segmentation.send(feed("silent"), feed("unusual_volume", topic=topics.CARE))
    await segmentation.send(activity("A", asked_for_pin(at=days_ago(1))))
    (alert,) = (await segmentation.http.get("/alerts")).json()["items"]
    assert alert["stale_feeds"] == ["care:core"]
    (event,) = await segmentation.read(topics.ALERTS, count=1)
    assert event["data"]["stale_feeds"] == ["care:core"]


async def test_the_newest_state_of_a_feed_stands(segmentation: ServiceUnderTest) -> None:
    """E8: whichever comes last, in one batch or in two."""
    await segmentation.send(feed("silent", at=days_ago(2)), feed("healthy", at=days_ago(1)), feed("drifted", at=days_ago(3)))
    await segmentation.send(feed("silent", at=days_ago(2)))
    assert [row.state for row in await segmentation.rows(sa.select(FEEDS))] == ["healthy"]
