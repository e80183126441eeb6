"""Process 2 of the segmentation service: the consumer, the outbox relay, the daily re-cut, the look at groups, learning, and labels."""

from __future__ import annotations

from services.segmentation.handlers import HANDLERS
from services.segmentation.tables import INBOX, WORKERS
from services.segmentation.use_cases import analysis, grouping, learning, observing, recut
from shared.database import Database
from shared.pii import Keyring
from shared.worker import Sweep, WorkerSpec

LOOK_SECONDS = 2.0


async def carry_on_recut(database: Database, _: Keyring | None) -> bool:
    async with database.transaction() as tx:
        return await recut.carry_on(tx)


async def look_at_groups(database: Database, _: Keyring | None) -> bool:
    async with database.reading() as connection:
        if not await grouping.is_due(connection):
            return False
    async with database.transaction() as tx:
        return await grouping.carry_on(tx)


async def learn(database: Database, _: Keyring | None) -> bool:
    return await learning.carry_on(database)


async def carry_on_recount(database: Database, _: Keyring | None) -> bool:
    async with database.reading() as connection:
        if not await analysis.recount_is_due(connection):
            return False
    async with database.transaction() as tx:
        return await analysis.carry_on_recount(tx)


async def label_observations(database: Database, _: Keyring | None) -> bool:
    return await observing.carry_on(database)


SWEEPS = tuple(Sweep(every_seconds=LOOK_SECONDS, step=step) for step in (carry_on_recut, look_at_groups, learn, carry_on_recount, label_observations))

SPEC = WorkerSpec(service="segmentation", handlers=HANDLERS, tables=INBOX, workers=WORKERS, sweeps=SWEEPS)
