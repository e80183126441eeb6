"""Process 2 of the segmentation service: the consumer, the outbox relay and the daily re-cut."""

from __future__ import annotations

from services.segmentation.handlers import HANDLERS
from services.segmentation.tables import INBOX, WORKERS
from services.segmentation.use_cases import recut
from shared.database import Database
from shared.pii import Keyring
from shared.worker import Sweep, WorkerSpec

LOOK_SECONDS = 2.0


async def carry_on_recut(database: Database, _: Keyring | None) -> bool:
    async with database.transaction() as tx:
        return await recut.carry_on(tx)


SPEC = WorkerSpec(service="segmentation", handlers=HANDLERS, tables=INBOX, workers=WORKERS, sweeps=(Sweep(every_seconds=LOOK_SECONDS, step=carry_on_recut),))
