"""What Holdfast stored, read from its databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from shared.database import Database

PAGE = 20_000


class Stored:
    def __init__(self, databases: Mapping[str, Database]) -> None:
        self._databases = databases

    async def rows(self, service: str, sql: str, **parameters: Any) -> list[sa.Row[Any]]:
        async with self._databases[service].reading() as connection:
            return list(await connection.execute(sa.text(sql), parameters))

    async def months(self) -> dict[tuple[str, str], dict[str, int]]:
        """(customer id, month) -> its measures, those that are not zero."""
        rows = await self.rows("customer", "SELECT customer_id, month, measures FROM rollups")
        return {(row.customer_id, row.month): orjson.loads(row.measures) for row in rows}

    async def profiles(self) -> dict[str, dict[str, Any]]:
        rows = await self.rows("customer", "SELECT customer_id, profile FROM customers")
        return {row.customer_id: orjson.loads(row.profile) for row in rows}

    async def money(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(applied or parked, event type) -> how many payments and reversals there are, and their sum. All are about accounts."""
        counts, sums = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        async for row in self._pages("SELECT source, id, customer_id, type, data FROM facts"):
            if row.type.startswith("billing.payment_"):
                key = ("applied" if row.customer_id else "parked", row.type)
                counts[key] += 1
                sums[key] += orjson.loads(row.data)["amount_minor"]
        return {key: (counts[key], sums[key]) for key in counts}

    async def _pages(self, select: str) -> AsyncIterator[Any]:
        """All rows, a page held at a time."""
        source = identifier = ""
        sql = f"{select} WHERE (source, id) > (:source, :id) ORDER BY source, id LIMIT {PAGE}"
        while rows := await self.rows("customer", sql, source=source, id=identifier):
            for row in rows:
                yield row
            source, identifier = rows[-1].source, rows[-1].id
