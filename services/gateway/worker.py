"""Process 2 of the gateway: the consumer that keeps the read model, the calls of listeners, and the outbox relay."""

from __future__ import annotations

from services.gateway.handlers import HANDLERS
from services.gateway.push import delivering
from services.gateway.tables import INBOX, WORKERS
from shared.worker import Sweep, WorkerSpec

SPEC = WorkerSpec(
    service="gateway",
    handlers=HANDLERS,
    tables=INBOX,
    workers=WORKERS,
    sweeps=(Sweep(every_seconds=delivering.TIDY_SECONDS, step=delivering.tidy),),
    duties=(delivering.deliver,),
)
