"""Statements about import runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.tables import IMPORT_RUNS
from shared.database import Transaction, insert_rows

COUNTS = ("rows_done", "rejected", "rejects_bytes", "applied", "duplicate", "parked")


async def begin(tx: Transaction, fingerprint: str, *, kind: str, source: str, again: bool, at: datetime) -> sa.Row[Any]:
    """The run of this file: a new one, or the one that is there; `again`: from the first row."""
    zero: dict[str, Any] = dict.fromkeys(COUNTS, 0)
    row = {"fingerprint": fingerprint, "kind": kind, "source": source, "started_at": at, "updated_at": at}
    await insert_rows(tx, IMPORT_RUNS, [row | zero], key=("fingerprint",))
    if again:
        await tx.execute(sa.update(IMPORT_RUNS).where(IMPORT_RUNS.c.fingerprint == fingerprint).values(started_at=at, finished_at=None, **zero))
    return (await tx.execute(sa.select(IMPORT_RUNS).where(IMPORT_RUNS.c.fingerprint == fingerprint))).one()


async def advance(tx: Transaction, fingerprint: str, *, rows_before: int, changes: dict[str, int], at: datetime) -> bool:
    """Whether the run stood at `rows_before`: if not, somebody else imports the same file."""
    moved = {name: IMPORT_RUNS.c[name] + by for name, by in changes.items()}
    run = (IMPORT_RUNS.c.fingerprint == fingerprint, IMPORT_RUNS.c.rows_done == rows_before)
    result = await tx.execute(sa.update(IMPORT_RUNS).where(*run).values(updated_at=at, **moved))
    return result.rowcount == 1


async def finish(tx: Transaction, fingerprint: str, at: datetime) -> None:
    await tx.execute(sa.update(IMPORT_RUNS).where(IMPORT_RUNS.c.fingerprint == fingerprint).values(finished_at=at))
