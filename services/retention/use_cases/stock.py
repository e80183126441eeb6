"""Offers of which there are only so many pieces: shown, restocked by a named person, and settled by what came of a contact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.retention.campaign import Offer
from services.retention.repository import decisions
from services.retention.repository import stock as repository
from shared import clock
from shared.actors import require_name
from shared.database import Transaction
from shared.errors import Conflict, NotFound

Document = dict[str, Any]


async def shown(tx: Transaction, offers: Iterable[Offer]) -> list[Document]:
    """Offers with the pieces that are left of them; None: without end."""
    left = await repository.left(tx, lock=False)
    return [asdict(one) | {"left": left.get(one.offer_id)} for one in offers]


async def restock(tx: Transaction, offer_id: str, pieces: int, *, actor: str) -> Document:
    """Add pieces, or take out some that nobody has. Raises ActorMissing, NotFound, Conflict."""
    require_name(actor)
    left = await repository.left(tx, lock=True)
    offer = (await decisions.catalogue(tx)).get(offer_id)
    if offer is None:
        raise NotFound(f"no offer {offer_id}")
    if offer.stock is None:
        raise Conflict(f"{offer_id} has no stock: it is made without end")
    if left[offer_id] + pieces < 0:
        raise Conflict(f"{left[offer_id]} pieces of {offer_id} are left: the others are reserved or spent")
    await repository.restock(tx, offer_id, pieces, actor=actor, at=clock.now())
    (found,) = await shown(tx, [(await decisions.catalogue(tx))[offer_id]])
    return found | {"restocks": await repository.restocks(tx, offer_id)}


async def settle(tx: Transaction, task_id: str, offer: Offer | None, *, accepted: bool, at: datetime) -> None:
    """After an outcome: the piece the task held is spent, or free again. Of an offer it held none of, because the agent made another one or
    because the task was cancelled meanwhile, one is taken now. Raises Conflict when there is none."""
    held = await repository.piece(tx, task_id)
    if accepted and offer and held and (held.offer_id, held.state) == (offer.offer_id, "reserved"):
        await repository.take(tx, [(task_id, offer.offer_id)], state="spent", at=at)
        return
    await repository.give_back(tx, [task_id], at=at)
    if not accepted or offer is None or offer.stock is None:
        return
    if (await repository.left(tx, lock=True)).get(offer.offer_id, 0) <= 0:
        raise Conflict(f"no piece of {offer.offer_id} is left: nobody may have taken it")
    await repository.take(tx, [(task_id, offer.offer_id)], state="spent", at=at)
