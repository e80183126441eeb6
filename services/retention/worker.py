"""Process 2 of the retention service: the consumer and the outbox relay."""

from __future__ import annotations

from services.retention.handlers import HANDLERS
from services.retention.tables import INBOX, WORKERS
from shared.worker import WorkerSpec

SPEC = WorkerSpec(service="retention", handlers=HANDLERS, tables=INBOX, workers=WORKERS)
