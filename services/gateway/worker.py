"""Process 2 of the gateway: the consumer that keeps the read model, and the outbox relay."""

from __future__ import annotations

from services.gateway.handlers import HANDLERS
from services.gateway.tables import INBOX, WORKERS
from shared.worker import WorkerSpec

SPEC = WorkerSpec(service="gateway", handlers=HANDLERS, tables=INBOX, workers=WORKERS)
