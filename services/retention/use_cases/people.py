"""Who is meant by a customer id."""

from __future__ import annotations

from services.retention.repository import decisions as repository
from shared.database import Transaction
from shared.errors import Gone, NotFound


async def carries_on(tx: Transaction, customer_id: str) -> str:
    """The id under which this person carries on: their own, or the one they were merged into. Raises NotFound, Gone."""
    found = await repository.find_contactable(tx, customer_id)
    if found is None:
        raise NotFound(f"no customer {customer_id}")
    if found.erased:
        raise Gone(f"{customer_id} was erased")
    return next(iter(await repository.survivors(tx, [customer_id])), customer_id)
