"""Process 2 of the customer service: the consumer and the outbox relay."""

from __future__ import annotations

from services.customer import use_cases
from services.customer.handlers import HANDLERS
from services.customer.tables import INBOX, WORKERS
from shared.worker import WorkerSpec

SPEC = WorkerSpec(service="customer", handlers=HANDLERS, tables=INBOX, workers=WORKERS, after=use_cases.keep_books)
