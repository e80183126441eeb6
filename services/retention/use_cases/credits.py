"""Credits: proposed as their cause becomes known, decided by a person, and told to billing once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.retention.compensation import DECIDED, State, credit_id
from services.retention.contactable import Contactable
from services.retention.repository import credits as repository
from services.retention.repository import decisions
from services.retention.tables import OUTBOX
from services.retention.use_cases import notices, people, publishing
from shared import clock, outbox
from shared.actors import require_second
from shared.contracts.retention import CreditApproved, CreditCause
from shared.database import Transaction
from shared.errors import AlreadyDecided, NotFound, StaleDraft

CREDITS = "holdfast/retention/credits"
PROPOSER = "holdfast"
"""Who proposes: so whoever decides is a second one."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """`name` tells the cause from every other for ever. Nothing is owed: what was proposed before is withdrawn. `is_news`: it may be
    proposed if it never was."""

    cause: CreditCause
    name: str
    cause_id: str
    customer_id: str
    amount_minor: int
    currency: str
    basis: Document
    is_news: bool

    @property
    def credit_id(self) -> str:
        return credit_id(self.cause, self.name)


async def propose(tx: Transaction, proposals: Sequence[Proposal]) -> None:
    """Each cause once. A proposal follows what is known now; what was decided stays as it is."""
    if not proposals:
        return
    now = clock.now()
    latest = {one.credit_id: one for one in proposals}
    added = await repository.insert_credits(tx, [_row(one, now) for one in latest.values() if one.is_news and one.amount_minor])
    for held in (await repository.lock_credits(tx, latest.keys() - added)).values():
        one = latest[held.credit_id]
        state: State = "proposed" if one.amount_minor else "withdrawn"
        said = {"amount_minor": one.amount_minor, "basis": one.basis, "state": state, "customer_id": one.customer_id, "currency": one.currency}
        if held.state not in DECIDED and any(getattr(held, name) != value for name, value in said.items()):
            await repository.update_credit(tx, held.credit_id, **said, revised_at=now)


async def approve(tx: Transaction, credit_id: str, *, amount_minor: int, actor: str, reason: str) -> Document:
    """For good, over the amount that was read; billing is told in the same transaction, and the customer as far as a notice of it is
    approved. By the same person again it changes nothing. Raises NotFound, SecondPersonNeeded, AlreadyDecided, StaleDraft, Gone."""
    customer = await _lock_customer(tx, credit_id)
    held = await _to_decide(tx, credit_id, "approved", actor)
    if held.state == "approved":
        return await view(tx, credit_id)
    if held.amount_minor != amount_minor:
        raise StaleDraft(f"{held.amount_minor} is proposed by now, and {amount_minor} was read", newest=held.amount_minor)
    if customer is None:
        raise NotFound(f"no credit {credit_id}")
    now = clock.now()
    known = {name: getattr(held, name) for name in ("credit_id", "cause", "cause_id", "amount_minor", "currency")}
    told = CreditApproved(**known, approved_by=actor, approved_at=now)
    await repository.update_credit(tx, credit_id, state="approved", decided_by=actor, decided_at=now, reason=reason)
    await outbox.publish(tx, OUTBOX, [publishing.event_message(told, customer.customer_id, source=CREDITS, event_id=credit_id, at=now)])
    await notices.tell_of_credit(tx, told, customer)
    return await view(tx, credit_id)


async def reject(tx: Transaction, credit_id: str, *, actor: str, reason: str) -> Document:
    """For good. By the same person again it changes nothing. Raises NotFound, SecondPersonNeeded, AlreadyDecided."""
    held = await _to_decide(tx, credit_id, "rejected", actor)
    if held.state != "rejected":
        await repository.update_credit(tx, credit_id, state="rejected", decided_by=actor, decided_at=clock.now(), reason=reason)
    return await view(tx, credit_id)


async def view(tx: Transaction, credit_id: str) -> Document:
    """With how it was computed. Raises NotFound."""
    row = await repository.credit(tx, credit_id)
    if row is None:
        raise NotFound(f"no credit {credit_id}")
    return dict(row._mapping)


async def listed(tx: Transaction, *, state: State | None, customer_id: str | None, after: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """Of a customer those of all their ids. Raises NotFound, Gone."""
    ids: Collection[str] | None = None
    if customer_id is not None:
        survivor_id = await people.carries_on(tx, customer_id)
        ids = [survivor_id, *(await decisions.members(tx, [survivor_id])).get(survivor_id, ())]
    return await repository.list_credits(tx, state=state, customer_ids=ids, after=after, limit=limit)


async def _lock_customer(tx: Transaction, credit_id: str) -> Contactable | None:
    """Who carries on for the one it is proposed for, before the credit itself, as everybody does who takes in what is new about them. None:
    there is no such credit, or its customer was erased. Raises Gone."""
    seen = await repository.credit(tx, credit_id)
    if seen is None or seen.customer_id is None:
        return None
    survivor_id = await people.carries_on(tx, seen.customer_id)
    return (await decisions.lock_contactables(tx, [survivor_id]))[survivor_id]


async def _to_decide(tx: Transaction, credit_id: str, decision: State, actor: str) -> Any:
    """The credit, locked: of two who decide at once the second sees what the first did."""
    require_second(actor, PROPOSER, "proposed")
    held = await repository.credit(tx, credit_id, lock=True)
    if held is None:
        raise NotFound(f"no credit {credit_id}")
    if held.state != "proposed" and (held.state, held.decided_by) != (decision, actor):
        raise AlreadyDecided(f"it is {held.state}" + (f" by {held.decided_by}" if held.decided_by else ""))
    return held


def _row(one: Proposal, now: datetime) -> Document:
    said = {name: getattr(one, name) for name in ("credit_id", "cause", "cause_id", "customer_id", "amount_minor", "currency", "basis")}
    return said | {"state": "proposed", "proposed_at": now, "revised_at": now}
