"""Events in: each handler calls one use case. The dictionary at the end is the whole subscription map."""

from __future__ import annotations

from services.customer.use_cases import recording
from shared.contracts.registry import INPUTS
from shared.contracts.retention import ContactAttempted, OutcomeRecorded, ReachabilityChanged
from shared.worker import Batch, Delivery, Handlers


async def on_reported_record(batch: Batch, deliveries: list[Delivery]) -> None:
    await recording.record(batch, deliveries)


HANDLERS: Handlers = dict.fromkeys((*INPUTS, OutcomeRecorded, ContactAttempted, ReachabilityChanged), on_reported_record)
