"""What one transaction of the customer service has locked, kept and has to publish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.customer.facts import Stored
from services.customer.repository import registry as repository
from shared.database import Transaction
from shared.pii import Keyring
from shared.worker import Entry

Document = dict[str, Any]


@dataclass(slots=True)
class Work:
    """`survivor_of`: the customers locked, and who carries on for each. `profiles` are by survivor, `stale` months by the
    customer a fact was taken from: those are counted again. `retold` survivors are published whole."""

    tx: Transaction
    keyring: Keyring
    now: datetime
    books: Counter[Entry] = field(default_factory=Counter)
    survivor_of: dict[str, str] = field(default_factory=dict)
    erased_at: dict[str, datetime] = field(default_factory=dict)
    stored: dict[tuple[str, str], Stored] = field(default_factory=dict)
    profiles: dict[str, Document] = field(default_factory=dict)
    stale: set[tuple[str, str]] = field(default_factory=set)
    retold: set[str] = field(default_factory=set)

    async def lock(self, customer_ids: Iterable[str | None], *, seen: Mapping[str, int] | None = None) -> bool:
        """Lock them and who carries on for them; whether every one is still at the version that was `seen`."""
        missing = {one for one in customer_ids if one} - self.survivor_of.keys()
        same = await self._lock(missing, seen or {}) if missing else True
        survivors = set(self.survivor_of.values()) - self.survivor_of.keys()
        if survivors:
            await self._lock(survivors, {})
        return same

    async def _lock(self, customer_ids: Collection[str], seen: Mapping[str, int]) -> bool:
        rows = await repository.lock_customers(self.tx, customer_ids)
        self.survivor_of |= {row.customer_id: row.survivor_id or row.customer_id for row in rows}
        self.erased_at |= {row.customer_id: row.erased_at for row in rows if row.erased_at}
        return all(row.version == seen.get(row.customer_id, row.version) for row in rows)

    def keep(self, one: Stored) -> None:
        self.stored[one.source, one.id] = one

    def count(self, topic: str, partition: int, source: str, outcome: str, by: int = 1) -> None:
        self.books[Entry(topic, partition, source, outcome)] += by
