"""Pages of the gateway's own read model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import orjson
import sqlalchemy as sa

from services.gateway import repository
from services.gateway.tmforum.listing import Asked, Document, Page, walked
from shared.database import Transaction

PAGE = 200


async def page(tx: Transaction, asked: Asked, *, block: str, resource: Callable[[sa.Row[Any]], Document]) -> Page[sa.Row[Any]]:
    """Of customers who are here and have this block, by id. Ids are looked up and everything is counted; by other attributes they are looked through."""
    if asked.filters:
        return await walked(_rows(tx, block, asked.filters.get("id")), asked, resource)
    rows = await repository.list_views(tx, block, offset=asked.offset, limit=asked.limit)
    return Page(rows, await repository.count_views(tx, block))


def block_of(row: sa.Row[Any], name: str) -> Document | None:
    text: str | None = getattr(row, name)
    return orjson.loads(text) if text else None


async def _rows(tx: Transaction, block: str, customer_ids: Collection[str] | None) -> AsyncIterator[sa.Row[Any]]:
    offset = 0
    while rows := await repository.list_views(tx, block, offset=offset, limit=PAGE, customer_ids=customer_ids):
        for row in rows:
            yield row
        offset += len(rows)
