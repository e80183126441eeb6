"""A decision explained to the customer it is about, what they refuse from now on, and a person who looks at it again."""

from __future__ import annotations

from typing import Any, Literal

from services.retention.desk import CAMPAIGN_ID as SAVE_DESK
from services.retention.explaining import Facts, Language, explain
from services.retention.repository import decisions
from services.retention.repository import objections as repository
from services.retention.use_cases import cancelling, messages, people, receipts
from shared import clock
from shared.actors import require_name
from shared.database import Transaction
from shared.errors import AlreadyDecided, NotFound

Document = dict[str, Any]
Scope = Literal["automated_decisions", "personalised_marketing"]


async def explanation(tx: Transaction, customer_id: str, decision_id: str, language: Language) -> Document:
    """Raises NotFound, also for a decision about somebody else, and Gone."""
    ids = await _ids(tx, customer_id)
    row = await receipts.held(tx, decision_id)
    if row.customer_id not in ids:
        raise NotFound(f"no decision {decision_id} about {customer_id}")
    campaign = await decisions.get_campaign(tx, row.campaign_id)
    offer = (await decisions.catalogue(tx)).get(row.offer_id or "")
    facts = Facts(
        verdict=row.verdict,
        failed_gate=row.failed_gate,
        alert_kind=row.alert_kind,
        channel=receipts.channel_of(row) or (campaign.channel if campaign else "call"),
        decided_at=row.decided_at,
        offer_name=offer.name if offer else None,
        by_profile=bool(row.weighed) and row.campaign_id != SAVE_DESK,
    )
    return {"decision_id": decision_id, "language": language, **explain(facts, language)._asdict()}


async def object_to(tx: Transaction, customer_id: str, scope: Scope, *, actor: str) -> Document:
    """In force from the answer on: what was decided before and is still to come is called off, but for what the customer called us about.
    The same again changes nothing. Raises ActorMissing, NotFound, Gone."""
    require_name(actor)
    ids = await _lock(tx, customer_id)
    if scope not in (await repository.in_force(tx, [customer_id])).get(customer_id, ()):
        await repository.add(tx, customer_id, scope, actor=actor, at=clock.now())
        open_tasks = await decisions.open_tasks_of(tx, ids)
        await cancelling.cancel(tx, {task.task_id: "not_contactable" for task in open_tasks if task.campaign_id != SAVE_DESK})
        await messages.suppress(tx, set(ids), reason="objected")
    return await _shown(tx, ids)


async def withdraw(tx: Transaction, customer_id: str, scope: Scope, *, actor: str) -> Document:
    """Under all ids of the person. Raises ActorMissing, NotFound, Gone."""
    require_name(actor)
    ids = await _lock(tx, customer_id)
    await repository.withdraw(tx, ids, scope, actor=actor, at=clock.now())
    return await _shown(tx, ids)


async def of(tx: Transaction, customer_id: str) -> Document:
    """Raises NotFound, Gone."""
    return await _shown(tx, await _ids(tx, customer_id))


async def request_review(tx: Transaction, decision_id: str, *, actor: str) -> Document:
    """While one is open it is that one. Raises ActorMissing, NotFound, Gone."""
    require_name(actor)
    row = await receipts.held(tx, decision_id)
    known = await repository.reviews_of(tx, decision_id)
    if not known or known[-1].result is not None:
        await repository.request_review(tx, decision_id, nth=len(known) + 1, actor=actor, at=clock.now())
        known = await repository.reviews_of(tx, decision_id)
    return {**known[-1]._mapping, "customer_id": row.customer_id, "verdict": row.verdict}


async def close_review(tx: Transaction, decision_id: str, *, result: Literal["upheld", "overturned"], reason: str, actor: str) -> Document:
    """By a named person; of a contact that is overturned the open task is cancelled. Raises ActorMissing, NotFound, Gone, AlreadyDecided."""
    require_name(actor)
    row = await receipts.held(tx, decision_id)
    if not await repository.close_review(tx, decision_id, result=result, reason=reason, actor=actor, at=clock.now()):
        raise AlreadyDecided(f"no review of {decision_id} is open")
    if result == "overturned":
        await cancelling.cancel(tx, {decision_id: "not_contactable"})
    last = (await repository.reviews_of(tx, decision_id))[-1]
    return {**last._mapping, "customer_id": row.customer_id, "verdict": row.verdict}


async def _shown(tx: Transaction, ids: list[str]) -> Document:
    return {"customer_id": ids[0], "objections": await repository.of(tx, ids)}


async def _ids(tx: Transaction, customer_id: str) -> list[str]:
    """Who carries on first."""
    survivor_id = await people.carries_on(tx, customer_id)
    return [survivor_id, *(await decisions.members(tx, [survivor_id])).get(survivor_id, ())]


async def _lock(tx: Transaction, customer_id: str) -> list[str]:
    """Looked up again under the locks: a merge may have slipped in between."""
    await decisions.lock_contactables(tx, await _ids(tx, customer_id))
    return await _ids(tx, customer_id)
