"""Outages told to those who were in their cells: work that no event of theirs starts."""

from __future__ import annotations

from datetime import timedelta

from services.customer.network_faults import met
from services.customer.repository import network_faults as repository
from services.customer.use_cases.network_faults import KEPT
from services.customer.use_cases.recording import report
from shared import clock
from shared.database import Database
from shared.pii import Keyring

LOOK_SECONDS = 5.0
# Longer than a statement may take: a batch that began before the outage was committed has ended, and its visits are seen.
SETTLED = timedelta(seconds=40)
TOLD_AT_ONCE = 200
FORGET_SECONDS = 3600.0
FORGOTTEN_AT_ONCE = 2000


async def tell(database: Database, keyring: Keyring | None) -> bool:
    """The next customers of one outage; whether there is more to tell."""
    assert keyring, "the worker of this service is sealed"
    async with database.transaction() as tx:
        row = await repository.next_untold(tx, noted_before=clock.wall() - SETTLED)
        if row is None:
            return False
        outage = await repository.outage(tx, row.source, row.id)
        visits = await repository.visits(tx, outage, after=row.told_to, limit=TOLD_AT_ONCE) if outage else []
        facts = {fact.id: fact for fact in met(visits, [outage] if outage else ())}
        customers = sorted({visit.customer_id for visit in visits})
        await repository.told(tx, row.source, row.id, to=customers[-1] if len(customers) == TOLD_AT_ONCE else None)
        await report(tx, keyring, list(facts.values()))
    return True


async def forget(database: Database, keyring: Keyring | None) -> bool:
    """Visits that no outage is looked for any more."""
    async with database.transaction() as tx:
        return await repository.forget_visits(tx, before=clock.now() - KEPT, limit=FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE
