"""What segmentation says of customers, kept for decisions to be weighed by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.retention.repository import worths as repository
from services.retention.worth import Worth, with_rfm, with_score, with_standing
from shared.contracts.segmentation import ChurnScored, ChurnScoreDropped, RfmDropped, RfmScored, StandingChanged, StandingDropped
from shared.database import Transaction
from shared.errors import InvalidEvent
from shared.worker import Delivery

TELLS = (StandingChanged, StandingDropped, ChurnScored, ChurnScoreDropped, RfmScored, RfmDropped)


async def take_in(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    """Each once, in the order of their sequences. Of who was erased nothing is kept."""
    told = [one.event for one in deliveries if isinstance(one.event.data, TELLS)]
    if not told:
        return
    held = await repository.lock(tx, {event.subject.removeprefix("customer:") for event in told})
    erased: set[str] = set()
    for event in told:
        customer_id, data = event.subject.removeprefix("customer:"), event.data
        if event.sequence is None:
            raise InvalidEvent("without a sequence it can not be told from its duplicate")
        held[customer_id] = _after(held[customer_id], event.sequence, data)
        if isinstance(data, StandingDropped | ChurnScoreDropped | RfmDropped) and data.reason == "erased":
            erased.add(customer_id)
    await repository.save(tx, held.values())
    await repository.forget(tx, erased)


def _after(held: Worth, sequence: int, told: Any) -> Worth:
    match told:
        case StandingChanged() | StandingDropped():
            return with_standing(held, sequence, told if isinstance(told, StandingChanged) else None)
        case ChurnScored() | ChurnScoreDropped():
            return with_score(held, sequence, told if isinstance(told, ChurnScored) else None)
    return with_rfm(held, sequence, told if isinstance(told, RfmScored) else None)
