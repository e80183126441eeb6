"""Legal holds: they stand against an erasure, and whoever reads `activity` is told of them in the same transaction."""

from __future__ import annotations

import uuid

from services.customer.facts import Document
from services.customer.legal_holds import facts_of
from services.customer.repository import legal_holds as repository
from services.customer.use_cases import audit
from services.customer.use_cases.privacy import group_of
from services.customer.use_cases.reading import live
from services.customer.use_cases.recording import report
from services.customer.use_cases.work import Work
from shared import clock
from shared.database import Database, Transaction
from shared.errors import Conflict, NotFound
from shared.pii import Keyring

LOOK_SECONDS = 60.0
TOLD_AT_ONCE = 200


async def place(tx: Transaction, keyring: Keyring, customer_id: str, *, actor: str, reason: str) -> Document:
    """Until it is lifted the customer can not be erased. Locked before: an erasure at the same moment sees it, or is seen. Raises NotFound, Gone."""
    now = clock.now()
    await Work(tx, keyring, now).lock([customer_id])
    survivor_id = (await live(tx, customer_id)).customer_id
    hold = {"hold_id": uuid.uuid4().hex, "customer_id": survivor_id, "reason": reason, "placed_by": actor, "placed_at": now}
    await repository.insert(tx, hold)
    await report(tx, keyring, facts_of(hold))
    await audit.note(tx, keyring, actor=actor, action="place_legal_hold", customer_id=survivor_id, details={"hold_id": hold["hold_id"]})
    return hold


async def lift(tx: Transaction, keyring: Keyring, hold_id: str, *, actor: str) -> Document:
    """Raises NotFound, Conflict when it was lifted before."""
    row = await repository.get(tx, hold_id)
    if row is None:
        raise NotFound(f"no legal hold {hold_id}")
    if row.lifted_at:
        raise Conflict(f"the legal hold was lifted at {row.lifted_at.isoformat()}")
    lifted = row._asdict() | {"lifted_at": clock.now(), "lifted_by": actor}
    await repository.lift(tx, hold_id, at=lifted["lifted_at"], actor=actor)
    await report(tx, keyring, facts_of(lifted))
    await audit.note(tx, keyring, actor=actor, action="lift_legal_hold", customer_id=row.customer_id, details={"hold_id": hold_id})
    return lifted


async def of(tx: Transaction, customer_id: str) -> list[Document]:
    """Lifted ones too. Raises NotFound, Gone."""
    return [row._asdict() for row in await repository.of(tx, await group_of(tx, customer_id))]


async def tell_earlier(database: Database, keyring: Keyring | None) -> bool:
    """Those that a release placed or lifted which told nobody; whether there may be more."""
    assert keyring, "the worker of this service is sealed"
    async with database.reading() as connection:
        if not await repository.untold(connection, limit=1):
            return False
    async with database.transaction() as tx:
        found = await repository.untold(tx, limit=TOLD_AT_ONCE)
        await report(tx, keyring, [fact for row in found for fact in facts_of(row._asdict())])
    return len(found) == TOLD_AT_ONCE
