"""HTTP in, about the sources of events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.customer.repository.watch import list_changes
from services.customer.schemas.watch import Feed, FeedChange, FeedChanges, Feeds
from services.customer.use_cases.watch import page
from shared.web import Reading, decode_cursor, encode_cursor

ROUTER = APIRouter(tags=["feeds"])

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000)]


@ROUTER.get("/feeds", operation_id="list_feeds", summary="The sources of events, and whether each is as usual")
async def feeds(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> Feeds:
    after = decode_cursor(cursor, str, str) or ("", "")
    found = await page(connection, after=(after[0], after[1]), limit=limit)
    return Feeds(
        items=[Feed.model_validate(one) for one in found],
        next_cursor=encode_cursor(found[-1]["topic"], found[-1]["source"]) if len(found) == limit else None,
    )


@ROUTER.get("/feeds/alerts", operation_id="list_feed_alerts", summary="When sources fell silent, changed, or were as usual again; newest first")
async def alerts(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> FeedChanges:
    (before,) = decode_cursor(cursor, int) or (2**62,)
    rows = await list_changes(connection, before=before, limit=limit)
    return FeedChanges(
        items=[FeedChange.model_validate(dict(row._mapping)) for row in rows],
        next_cursor=encode_cursor(rows[-1].change_id) if len(rows) == limit else None,
    )
