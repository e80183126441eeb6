"""Who read or changed what, and when: put down in one chain, and the chain verified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from services.customer import audit
from services.customer.audit import BEFORE_ALL, Fault, Link, Mac, Note
from services.customer.repository import audit as repository
from shared import clock
from shared.database import Database, Transaction
from shared.errors import AuditBroken, Unavailable
from shared.pii import Keyring

HEAD, START, CHECKPOINT = "head", "start", "checkpoint"
READS_WAITING = 1000
READS_AT_ONCE = 200
PAGE = 1000


async def note(tx: Transaction, keyring: Keyring, *, actor: str, action: str, customer_id: str | None = None, details: Mapping[str, Any] | None = None) -> None:
    """Put down what `tx` does. Call it last: from here until the commit everybody else who notes waits.

    `details` hold ids and counts, never personal data. Raises AuditBroken.
    """
    await append(tx, keyring, [Note(clock.wall(), actor, action, customer_id, details or {})])


async def append(tx: Transaction, keyring: Keyring, notes: Sequence[Note]) -> None:
    mac = _mac(keyring)
    rows, last = audit.chained(mac, await _locked(tx, mac, HEAD), notes)
    await repository.insert_entries(tx, rows)
    await _move(tx, mac, HEAD, last)


async def forget(tx: Transaction, keyring: Keyring, *, before: datetime, limit: int) -> int:
    """Delete the oldest entries, those before `before`, and sign where the log starts from now on; the last one stays."""
    mac = _mac(keyring)
    head, start = await _locked(tx, mac, HEAD), await _locked(tx, mac, START)
    row = await repository.last_entry_before(tx, before, after=start.entry_id, limit=min(limit, max(0, head.entry_id - start.entry_id - 1)))
    if row is None:
        return 0
    await _move(tx, mac, START, Link(row.entry_id, row.hash))
    return await repository.delete_entries(tx, up_to=row.entry_id)


class Journal:
    """Puts down reads of personal data, many in one transaction: a read is answered only when its entry is durable."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring
        self._waiting: asyncio.Queue[tuple[Note, asyncio.Future[None]]] = asyncio.Queue(READS_WAITING)

    async def note(self, *, actor: str, action: str, customer_id: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        """Returns when it is durable. Raises Unavailable, and nothing was put down."""
        if self._waiting.full():
            raise Unavailable("more reads of personal data wait for their audit entry than can be put down")
        done = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((Note(clock.wall(), actor, action, customer_id, details or {}), done))
        await done

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Journal]:
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < READS_AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._write(batch)

    async def _write(self, batch: Sequence[tuple[Note, asyncio.Future[None]]]) -> None:
        error: Exception | None = None
        try:
            async with self._database.transaction() as tx:
                await append(tx, self._keyring, [one for one, _ in batch])
        except Exception as raised:
            error = raised
        for _, done in batch:
            if done.done():  # who asked has gone
                continue
            if error:
                done.set_exception(error)
            else:
                done.set_result(None)


class Checkpoint(NamedTuple):
    """What a verification saw last, signed: kept outside the database, where who writes the tables does not reach."""

    entry_id: int
    hash: str
    signature: str

    @property
    def link(self) -> Link:
        return Link(self.entry_id, self.hash)


async def verify(database: Database, keyring: Keyring, checkpoint: Checkpoint | None) -> tuple[int, Fault | Checkpoint]:
    """Walk the whole log. How many entries it holds, and the first that is wrong, or the new checkpoint."""
    mac = _mac(keyring)
    if checkpoint and not audit.is_signed(mac, CHECKPOINT, checkpoint.link, checkpoint.signature):
        return 0, Fault(checkpoint.entry_id, audit.CHECKPOINT_FORGED)
    while True:
        start = await _end_of(database, mac, START)
        count, found = (0, start) if isinstance(start, Fault) else await _walk(database, mac, start, checkpoint)
        # The retention period may have taken the first entries meanwhile.
        if isinstance(found, Link) or start == await _end_of(database, mac, START):
            return count, Checkpoint(*found, audit.sign(mac, CHECKPOINT, found)) if isinstance(found, Link) else found


async def _walk(database: Database, mac: Mac, start: Link, checkpoint: Checkpoint | None) -> tuple[int, Fault | Link]:
    """Page after page of the chain, until there are no more and the signed head agrees."""
    last, seen = start, 0
    first = await _first(database)
    if first is not None and first <= start.entry_id:
        return 0, Fault(first, audit.ADDED)
    while True:
        # Before the page: an entry commits together with the head, so what the head tells of has to be in the pages.
        head = await _end_of(database, mac, HEAD)
        page = await _page_after(database, last)
        if isinstance(head, Fault):
            return seen, head
        if not page:
            return seen, _at_end(last, head, checkpoint)
        for entry in page:
            fault = audit.fault_of(mac, last, entry) or _rewritten(entry, checkpoint)
            if fault:
                return seen, fault
            last, seen = Link(entry.entry_id, entry.hash), seen + 1


def _rewritten(entry: audit.Noted, checkpoint: Checkpoint | None) -> Fault | None:
    is_other = checkpoint and entry.entry_id == checkpoint.entry_id and entry.hash != checkpoint.hash
    return Fault(entry.entry_id, audit.REWRITTEN) if is_other else None


async def _first(database: Database) -> int | None:
    async with database.reading() as connection:
        return await repository.first_entry_id(connection)


async def _page_after(database: Database, last: Link) -> Sequence[Any]:
    async with database.reading() as connection:
        return await repository.entries_after(connection, last.entry_id, limit=PAGE)


def _at_end(last: Link, head: Link, checkpoint: Checkpoint | None) -> Fault | Link:
    known = max(head.entry_id, checkpoint.entry_id if checkpoint else 0)
    if last.entry_id < known:
        return Fault(last.entry_id + 1, audit.TRUNCATED)
    return last if last == head else Fault(head.entry_id + 1, audit.ADDED)


async def _end_of(database: Database, mac: Mac, name: str) -> Link | Fault:
    async with database.reading() as connection:
        row = await repository.anchor(connection, name)
    if row is None:
        return BEFORE_ALL
    link = Link(row.entry_id, row.hash)
    return link if audit.is_signed(mac, name, link, row.signature) else Fault(row.entry_id, audit.ANCHOR_FORGED)


async def _locked(tx: Transaction, mac: Mac, name: str) -> Link:
    """The end of the log, locked. Raises AuditBroken: putting more on a forged end would make it a true one."""
    row = await repository.anchor(tx, name, lock=True)
    if row is None:
        first = {**BEFORE_ALL._asdict(), "name": name, "signature": audit.sign(mac, name, BEFORE_ALL)}
        await repository.insert_anchors(tx, [first])
        row = await repository.anchor(tx, name, lock=True)
        assert row is not None
    link = Link(row.entry_id, row.hash)
    if not audit.is_signed(mac, name, link, row.signature):
        raise AuditBroken("the end of the audit log was set by hand: run `make audit-verify`")
    return link


async def _move(tx: Transaction, mac: Mac, name: str, link: Link) -> None:
    await repository.move_anchor(tx, name, link, audit.sign(mac, name, link))


def _mac(keyring: Keyring) -> Mac:
    return partial(keyring.mac, "audit")
