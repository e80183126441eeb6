"""Events in: each handler calls one use case. The dictionary at the end is the whole subscription map."""

from __future__ import annotations

from services.retention.settings import load
from services.retention.use_cases.taking_in import take_in
from services.retention.use_cases.worths import TELLS
from shared.contracts.customer import Activity
from shared.contracts.segmentation import AlertRaised, MomentReached
from shared.worker import Batch, Delivery, Handlers

DEFAULT_ZONE = load().timezone


async def on_news_of_customers(batch: Batch, deliveries: list[Delivery]) -> None:
    await take_in(batch.tx, deliveries, default_zone=DEFAULT_ZONE)


# One handler for all: it locks the customers of a batch once, in order.
TAKEN_IN = (Activity, *TELLS, AlertRaised, MomentReached)
HANDLERS: Handlers = dict.fromkeys(TAKEN_IN, on_news_of_customers)
