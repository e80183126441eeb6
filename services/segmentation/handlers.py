"""Events in: each handler calls one use case. The dictionary at the end is the whole subscription map."""

from __future__ import annotations

from services.segmentation.use_cases import activity, feeds, observing
from shared.contracts.customer import Activity, FeedStateChanged
from shared.contracts.retention import DecisionMade
from shared.worker import Batch, Delivery, Handlers


async def on_activity_take_in(batch: Batch, deliveries: list[Delivery]) -> None:
    await activity.take_in(batch, deliveries)


async def on_feed_state_changed_note(batch: Batch, deliveries: list[Delivery]) -> None:
    await feeds.note(batch.tx, deliveries)


async def on_decision_made_note_exposure(batch: Batch, deliveries: list[Delivery]) -> None:
    await observing.note_exposures(batch.tx, deliveries)


# Feeds first: what is made of the same batch says on which of them it was made.
HANDLERS: Handlers = {
    FeedStateChanged: on_feed_state_changed_note,
    Activity: on_activity_take_in,
    DecisionMade: on_decision_made_note_exposure,
}
