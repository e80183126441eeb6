"""Process 2 of the retention service: the consumer, the outbox relay, the sending of messages, the expiry of points, and what is owed for
outages that last and by calendars that were changed."""

from __future__ import annotations

from services.retention.channels.opening import open_channels, require_usable
from services.retention.handlers import HANDLERS
from services.retention.settings import load
from services.retention.tables import INBOX, WORKERS
from services.retention.use_cases import batches, loyalty, messages, troubles, works
from shared import settings
from shared.database import Database
from shared.pii import Keyring
from shared.worker import Sweep, WorkerSpec

SETTINGS = load()
require_usable(SETTINGS, settings.load())

SEND_SECONDS = 1.0


async def send_messages(database: Database, _: Keyring | None) -> bool:
    async with database.reading() as connection:
        if not await messages.is_any_due(connection):
            return False
    common = settings.load()
    data_dir = database.file.parent if database.file else common.data_dir
    async with open_channels(SETTINGS, common, SETTINGS.sink_folder or data_dir / "messages") as channels:
        return await messages.send_due(database, channels)


SWEEPS = (
    Sweep(every_seconds=SEND_SECONDS, step=send_messages),
    Sweep(every_seconds=loyalty.LOOK_SECONDS, step=loyalty.expire),
    Sweep(every_seconds=batches.LOOK_SECONDS, step=batches.run_due),
    Sweep(every_seconds=troubles.LOOK_SECONDS, step=troubles.look),
    Sweep(every_seconds=works.LOOK_SECONDS, step=works.count_again),
)

SPEC = WorkerSpec(service="retention", handlers=HANDLERS, tables=INBOX, workers=WORKERS, sweeps=SWEEPS)
