"""Events in: each handler calls one use case. The dictionary at the end is the whole subscription map."""

from __future__ import annotations

from services.segmentation.use_cases import activity
from shared.contracts.customer import Activity
from shared.worker import Batch, Delivery, Handlers


async def on_activity_take_in(batch: Batch, deliveries: list[Delivery]) -> None:
    await activity.take_in(batch, deliveries)


HANDLERS: Handlers = {Activity: on_activity_take_in}
