"""Customers made one and made two again under load, by the customer service's own use cases: at the end no trace may be left in any state."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, TypeVar

from deploy.chaos.ledger import Ledger
from services.customer.use_cases import merging
from shared.database import Database, Transaction, is_transient
from shared.errors import AlreadyMerged, Conflict, NotFound
from shared.pii import Keyring
from shared.settings import load

PAUSE_SECONDS = 0.3
RETRY_SECONDS = 0.2
MERGED_AT_ONCE = 8
# A short run of a slow machine may be over before two customers are known who can be merged.
PATIENCE_TURNS = 200
LISTED = 200

T = TypeVar("T")

Act = Callable[[Transaction], Awaitable[T]]


async def merge_and_undo(seed: int, ledger: Ledger, environment: Mapping[str, str], *, during: Awaitable[Any]) -> int:
    """How many were merged, by a process that has the workers' clock. Nobody who asked how to leave: the warning would name
    whoever carried on at that moment."""
    asked = {report.customer_id for report in ledger.facts.values() if report.data.get("kind") == "port_out_pin"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, str(seed), stdin=PIPE, stdout=PIPE, env=dict(environment))
    assert process.stdin, "a pipe was asked for"
    try:
        process.stdin.write(" ".join(sorted(ledger.of_customers.keys() - asked)).encode() + b"\n")
        await during
        merged, _ = await process.communicate(b"")
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError("merging failed")
    return int(merged)


async def _work(seed: str, customer_ids: list[str]) -> int:
    """Until the input ends."""
    settings = load()
    database = Database(settings.database_url("customer"))
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    try:
        return await _Merger(database, Keyring.load(settings.keyring_path), customer_ids, Random(f"{seed}:merges")).work(ended)
    finally:
        await database.close()


class _Merger:
    def __init__(self, database: Database, keyring: Keyring, customer_ids: list[str], dice: Random) -> None:
        self._database, self._keyring, self._customer_ids, self._dice = database, keyring, customer_ids, dice

    async def work(self, ended: asyncio.Task[str]) -> int:
        merged, patience = 0, PATIENCE_TURNS
        while not ended.done() or (merged == 0 and patience):
            patience -= ended.done()
            merged += await self._merge()
            in_force = await self._in_force()
            if len(in_force) > MERGED_AT_ONCE:
                await self._undo(self._dice.choice(in_force))
            await asyncio.sleep(PAUSE_SECONDS)
        for merge_id in await self._in_force():
            await self._undo(merge_id)
        return merged

    async def _merge(self) -> bool:
        """Whether they were two, and both are known already."""
        one, other = self._dice.sample(self._customer_ids, 2)
        try:
            await self._act(lambda tx: merging.merge(tx, self._keyring, one, other, actor="chaos", reason="a fault run"))
        except (NotFound, AlreadyMerged):
            return False
        return True

    async def _undo(self, merge_id: str) -> None:
        """A commit whose answer was lost is found done when it is tried again."""
        try:
            await self._act(lambda tx: merging.unmerge(tx, self._keyring, merge_id, actor="chaos", reason="a fault run"))
        except Conflict:
            return

    async def _in_force(self) -> list[str]:
        found: list[dict[str, Any]] = await self._act(lambda tx: merging.list_merges(tx, customer_id=None, before=None, limit=LISTED))
        return [one["merge_id"] for one in found if one["undone_at"] is None]

    async def _act(self, act: Act[T]) -> T:
        """Until the database takes it: its server is killed too."""
        while True:
            try:
                async with self._database.transaction() as tx:
                    return await act(tx)
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(RETRY_SECONDS)


if __name__ == "__main__":
    print(asyncio.run(_work(sys.argv[1], sys.stdin.readline().split())))
