"""What segmentation says of customers, kept for decisions to be weighed by."""

from __future__ import annotations

from collections.abc import Sequence

from services.retention.repository import worths as repository
from services.retention.worth import with_score, with_standing
from shared.contracts.segmentation import ChurnScored, ChurnScoreDropped, StandingChanged, StandingDropped
from shared.database import Transaction
from shared.errors import InvalidEvent
from shared.worker import Delivery


async def take_in(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    """Each once, in the order of their sequences. Of who was erased nothing is kept."""
    told = [one.event for one in deliveries if isinstance(one.event.data, StandingChanged | StandingDropped | ChurnScored | ChurnScoreDropped)]
    if not told:
        return
    held = await repository.lock(tx, {event.subject.removeprefix("customer:") for event in told})
    erased: set[str] = set()
    for event in told:
        customer_id, data = event.subject.removeprefix("customer:"), event.data
        if event.sequence is None:
            raise InvalidEvent("without a sequence it can not be told from its duplicate")
        if isinstance(data, StandingChanged | StandingDropped):
            held[customer_id] = with_standing(held[customer_id], event.sequence, data if isinstance(data, StandingChanged) else None)
        elif isinstance(data, ChurnScored | ChurnScoreDropped):
            held[customer_id] = with_score(held[customer_id], event.sequence, data if isinstance(data, ChurnScored) else None)
        if isinstance(data, StandingDropped | ChurnScoreDropped) and data.reason == "erased":
            erased.add(customer_id)
    await repository.save(tx, held.values())
    await repository.forget(tx, erased)
