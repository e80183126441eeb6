"""Sweeps that no event starts: what the retention periods end is deleted, and keys follow the newest master key."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.customer import periods
from services.customer.facts import OWN_SOURCE, Document
from services.customer.repository import keys as keys_repository
from services.customer.repository import privacy as repository
from services.customer.repository.privacy import EXPIRING, Expiring
from services.customer.use_cases import audit
from shared import clock, telemetry
from shared.database import Database, Transaction
from shared.pii import Keyring

EXPIRE_SECONDS = 3600.0
REWRAP_SECONDS = 60.0
DELETED_AT_ONCE = 2000
REWRAPPED_AT_ONCE = 500
# Looked at in one go: an index over the recording time of all facts would be the dearest of all, a week of it is cheap to find.
WINDOW = timedelta(days=7)

log = telemetry.logger()


async def expire(database: Database, keyring: Keyring | None) -> bool:
    """Delete some of what is past its period, and put down how much; whether there may be more."""
    assert keyring, "the worker of this service is sealed"
    kept = periods.load()
    now = clock.now()
    async with database.transaction() as tx:
        counts: dict[str, int] = {}
        more = False
        for one in EXPIRING:
            counts[one.kind], is_more = await _expire(tx, one, before=now - timedelta(days=kept.of(one.kind)), now=now)
            more = more or is_more
        counts["prospects"] = await _expire_prospects(tx, before=now - timedelta(days=kept.prospects_days), now=now)
        counts["audit"] = await audit.forget(tx, keyring, before=clock.wall() - timedelta(days=kept.audit_days), limit=DELETED_AT_ONCE)
        await repository.book_expired(tx, "audit", rows=counts["audit"], until=now - timedelta(days=kept.audit_days), at=now)
        deleted = {kind: count for kind, count in counts.items() if count}
        if deleted:
            await audit.note(tx, keyring, actor=OWN_SOURCE, action="expire", details=deleted)
            log.info("expired", count=sum(deleted.values()))
    return more or DELETED_AT_ONCE in {counts["prospects"], counts["audit"]}


async def rewrap(database: Database, keyring: Keyring | None) -> bool:
    """Wrap some data keys anew under the newest master key; whether there are more under older ones."""
    assert keyring, "the worker of this service is sealed"
    keyring.refresh()
    async with database.transaction() as tx:
        rows = await keys_repository.keys_under(tx, keyring.older_master_ids, limit=REWRAPPED_AT_ONCE)
        anew = [
            row._asdict() | {"master_id": keyring.master_id, "wrapped": keyring.wrap(keyring.unwrap(row.key_id, row.master_id, row.wrapped))}
            for row in sorted(rows, key=lambda row: row.key_id)
        ]
        await keys_repository.save_keys(tx, anew)
    return len(rows) == REWRAPPED_AT_ONCE


async def keys(tx: Transaction, keyring: Keyring) -> Document:
    """How many data keys there are under which master key."""
    keyring.refresh()
    rows = await keys_repository.count_keys(tx)
    masters = [{"master_id": row.master_id, "data_keys": row.living} for row in rows if row.living]
    to_rewrap = sum(one["data_keys"] for one in masters if one["master_id"] != keyring.master_id)
    return {"newest_master_id": keyring.master_id, "masters": masters, "to_rewrap": to_rewrap, "destroyed": sum(row.destroyed for row in rows)}


async def expiries(tx: Transaction) -> list[Document]:
    """Each kind of data, how long it is kept and how much was deleted so far."""
    done = {row.kind: row for row in await repository.list_expiries(tx)}
    kept = periods.load()
    return [
        {"kind": kind, "days": kept.of(kind), "deleted": done[kind].rows if kind in done else 0, "looked_at": done[kind].looked_at if kind in done else None}
        for kind in (name.removesuffix("_days") for name in sorted(periods.Periods.model_fields))
    ]


async def _expire(tx: Transaction, one: Expiring, *, before: datetime, now: datetime) -> tuple[int, bool]:
    """How many were deleted, and whether there is more to look at."""
    since = await repository.expired_until(tx, one)
    if since is None or since >= before:
        return 0, False
    until = min(since + WINDOW, before)
    count = await repository.delete_expired(tx, one, since=since, until=until, limit=DELETED_AT_ONCE)
    reached = since if count == DELETED_AT_ONCE else until
    await repository.book_expired(tx, one.kind, rows=count, until=reached, at=now)
    return count, reached < before


async def _expire_prospects(tx: Transaction, *, before: datetime, now: datetime) -> int:
    ids = await repository.delete_prospects(tx, before=before, limit=DELETED_AT_ONCE)
    await repository.destroy_keys(tx, [f"prospect:{one}" for one in ids], now)
    await repository.book_expired(tx, "prospects", rows=len(ids), until=before, at=now)
    return len(ids)
