"""Events in: each handler calls one use case. The dictionary at the end is the whole subscription map."""

from __future__ import annotations

from services.retention.settings import load
from services.retention.use_cases.taking_in import take_in
from shared.contracts.customer import Activity
from shared.contracts.segmentation import AlertRaised
from shared.worker import Batch, Delivery, Handlers

DEFAULT_ZONE = load().timezone


async def on_activity_or_alert(batch: Batch, deliveries: list[Delivery]) -> None:
    await take_in(batch.tx, deliveries, default_zone=DEFAULT_ZONE)


# One handler for both: it locks the customers of a batch once, in order.
HANDLERS: Handlers = dict.fromkeys((Activity, AlertRaised), on_activity_or_alert)
