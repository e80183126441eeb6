"""Events in: one handler for all, so that a batch writes each customer's row once."""

from __future__ import annotations

from services.gateway import use_cases
from shared.contracts.customer import Activity
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskOpened
from shared.contracts.segmentation import AlertRaised, RfmScored
from shared.worker import Batch, Delivery, Handlers


async def on_published_keep_view(batch: Batch, deliveries: list[Delivery]) -> None:
    await use_cases.keep(batch, deliveries)


HANDLERS: Handlers = dict.fromkeys((Activity, RfmScored, AlertRaised, DecisionMade, TaskOpened, OutcomeRecorded), on_published_keep_view)
