"""Events in: one handler for all, so that a batch writes each customer's row once, and gives out the ids of the stream last."""

from __future__ import annotations

from services.gateway import use_cases
from services.gateway.push.published import PUSHED
from services.gateway.push.spreading import spread
from shared.contracts.customer import Activity
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskCancelled, TaskOpened, TaskRescheduled
from shared.contracts.segmentation import AlertRaised, ChurnScored, ChurnScoreDropped, MomentReached, RfmDropped, RfmScored, StandingChanged, StandingDropped
from shared.worker import Batch, Delivery, Handlers

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


async def on_published_keep_view_and_push(batch: Batch, deliveries: list[Delivery]) -> None:
    await use_cases.keep(batch, [one for one in deliveries if isinstance(one.event.data, KEPT)])
    await spread(batch.tx, [one.event for one in deliveries if isinstance(one.event.data, (Activity, *PUSHED))])


HANDLERS: Handlers = dict.fromkeys((*KEPT, *PUSHED), on_published_keep_view_and_push)
