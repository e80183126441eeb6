"""Process 2 of the customer service: the consumer and the outbox relay."""

from __future__ import annotations

from services.customer.handlers import HANDLERS
from services.customer.tables import INBOX, WORKERS
from services.customer.use_cases import birthdays, casework, legal_holds, matching, outages, recording, reentry, upkeep, watch
from shared.worker import Batch, Sweep, WorkerSpec

SWEEPS = (
    Sweep(every_seconds=watch.LOOK_SECONDS, step=watch.step),
    Sweep(every_seconds=casework.LOOK_SECONDS, step=casework.raise_overdue),
    Sweep(every_seconds=birthdays.LOOK_SECONDS, step=birthdays.tell),
    Sweep(every_seconds=birthdays.LOOK_SECONDS, step=birthdays.backfill),
    Sweep(every_seconds=legal_holds.LOOK_SECONDS, step=legal_holds.tell_earlier),
    Sweep(every_seconds=matching.LOOK_SECONDS, step=matching.compare_queued),
    Sweep(every_seconds=reentry.PURGE_SECONDS, step=reentry.purge),
    Sweep(every_seconds=outages.LOOK_SECONDS, step=outages.tell),
    Sweep(every_seconds=outages.FORGET_SECONDS, step=outages.forget),
    Sweep(every_seconds=upkeep.EXPIRE_SECONDS, step=upkeep.expire),
    Sweep(every_seconds=upkeep.REWRAP_SECONDS, step=upkeep.rewrap),
)


async def after(batch: Batch) -> None:
    await recording.keep_books(batch)
    await watch.sample(batch)


SPEC = WorkerSpec(service="customer", handlers=HANDLERS, tables=INBOX, workers=WORKERS, after=after, sweeps=SWEEPS, sealed=True)
