"""Events in: one handler for all, so that a batch writes each customer's row once."""

from __future__ import annotations

from services.gateway import use_cases
from shared.contracts.customer import Activity
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskCancelled, TaskOpened, TaskRescheduled
from shared.contracts.segmentation import AlertRaised, ChurnScored, ChurnScoreDropped, MomentReached, RfmDropped, RfmScored, StandingChanged, StandingDropped
from shared.worker import Batch, Delivery, Handlers


async def on_published_keep_view(batch: Batch, deliveries: list[Delivery]) -> None:
    await use_cases.keep(batch, deliveries)


KEPT = (
    Activity,
    RfmScored,
    RfmDropped,
    StandingChanged,
    StandingDropped,
    ChurnScored,
    ChurnScoreDropped,
    MomentReached,
    AlertRaised,
    DecisionMade,
    TaskOpened,
    TaskCancelled,
    TaskRescheduled,
    OutcomeRecorded,
)
HANDLERS: Handlers = dict.fromkeys(KEPT, on_published_keep_view)
