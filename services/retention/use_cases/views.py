"""The work list and what came of each task, and what is asked of retention."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.retention.repository import budget, campaigns
from services.retention.repository import decisions as repository
from services.retention.repository.reachability import steps
from services.retention.settings import load
from services.retention.tables import OUTBOX
from services.retention.use_cases import alternates, people, publishing, stock, work_list
from shared import clock, outbox
from shared.contracts.retention import OutcomeRecorded
from shared.database import Transaction
from shared.errors import Conflict, InvalidRequest, NotFound

LISTED_DECISIONS = 100
CONTACT_COST_MINOR = load().contact_cost_minor

Document = dict[str, Any]


async def record_outcome(tx: Transaction, task_id: str, reported: Document) -> Document:
    """What came of a task, also of one that was cancelled while the agent was on the phone. An attempt that reached nobody ends it only when
    it was the last. The same outcome again changes nothing, another one is a Conflict. Raises NotFound.

    The note is free text about a person: it stays here, and is not published.
    """
    row = await repository.get_task(tx, task_id, lock=True)
    if row is None:
        raise NotFound(f"no task {task_id}")
    held = (await repository.outcomes(tx, [task_id])).get(task_id)
    offer_id, reported = reported.get("offer_id") or row.offer_id, {name: value for name, value in reported.items() if name != "offer_id"}
    if held is not None:
        if offer_id != row.offer_id or any(held._mapping[name] != value for name, value in reported.items()):
            raise Conflict(f"task {task_id} was done at {held.recorded_at.isoformat()}, with another outcome: {held.result}")
        return dict(held._mapping)
    if offer_id != row.offer_id and offer_id not in await repository.catalogue(tx):
        raise InvalidRequest(f"there is no offer {offer_id}")
    again = await work_list.try_again(tx, row, agent=reported["agent"], note=reported["note"]) if reported["result"] == "unreached" else None
    if again is not None:
        return again
    outcome = {"task_id": task_id, "campaign_id": row.campaign_id, **reported, "recorded_at": clock.now()}
    await repository.finish_task(tx, outcome, offer_id=offer_id)
    await _book(tx, row, offer_id, outcome)
    recorded = OutcomeRecorded(alert_id=row.alert_id, offer_id=offer_id, **outcome | {"note": ""})
    message = publishing.event_message(recorded, row.customer_id, source=publishing.OUTCOMES, event_id=task_id, at=recorded.recorded_at)
    await outbox.publish(tx, OUTBOX, [message])
    await work_list.learn(tx, row, outcome["result"])
    return outcome


async def _book(tx: Transaction, task: Any, offer_id: str, outcome: Document) -> None:
    """What was reserved is free again, and what it did cost is spent: the contact, a message in place of a call, and the offer if it was taken."""
    at: datetime = outcome["recorded_at"]
    offer = (await repository.catalogue(tx)).get(offer_id)
    cost = CONTACT_COST_MINOR + await alternates.cost_minor(tx, task) + (offer.cost_minor if offer and outcome["offer_accepted"] else 0)
    await stock.settle(tx, task.task_id, offer, accepted=outcome["offer_accepted"], at=at)
    await budget.release(tx, [task.task_id], at=at)
    spent = {"task_id": task.task_id, "kind": "spend", "campaign_id": task.campaign_id, "month": clock.month_of(at), "amount_minor": cost}
    await budget.book(tx, [spent | {"expected_saved_minor": None, "booked_at": at}])


async def ledger(tx: Transaction, campaign_id: str) -> Document:
    """Month by month. Raises NotFound."""
    row = await repository.get_campaign(tx, campaign_id)
    if row is None:
        raise NotFound(f"no campaign {campaign_id}")
    wrong = await budget.unbalanced(tx, campaign_id, limit=LISTED_DECISIONS)
    return {"campaign_id": campaign_id, "budget_minor": row.budget_minor, "months": await budget.months(tx, campaign_id), "unbalanced": wrong}


async def tasks(tx: Transaction, *, status: str | None, after: tuple[int, datetime, str] | None, limit: int) -> list[Document]:
    rows = await repository.list_tasks(tx, status=status, after=after, limit=limit)
    outcomes = await repository.outcomes(tx, [row.task_id for row in rows])
    return [{**row._mapping, "outcome": outcomes.get(row.task_id)} for row in rows]


async def task(tx: Transaction, task_id: str) -> Document:
    """Raises NotFound."""
    row = await repository.get_task(tx, task_id)
    if row is None:
        raise NotFound(f"no task {task_id}")
    outcome = (await repository.outcomes(tx, [task_id])).get(task_id)
    return {**row._mapping, "outcome": outcome, "steps": await steps(tx, task_id), "alternates": await alternates.listed(tx, row)}


async def campaign(tx: Transaction, campaign_id: str) -> Document:
    """With its counts. Raises NotFound."""
    row = await repository.get_campaign(tx, campaign_id)
    if row is None:
        raise NotFound(f"no campaign {campaign_id}")
    return {**row._mapping, "counts": await repository.campaign_counts(tx, campaign_id), "steps": await campaigns.steps(tx, campaign_id)}


async def decisions(tx: Transaction, customer_id: str) -> Document:
    """Why this customer was contacted, or was not, under whichever of their ids. Raises NotFound, Gone."""
    survivor_id = await people.carries_on(tx, customer_id)
    ids = [survivor_id, *(await repository.members(tx, [survivor_id])).get(survivor_id, ())]
    return {
        "customer_id": survivor_id,
        "decisions": await repository.decisions_of(tx, ids, limit=LISTED_DECISIONS),
        "waiting": await repository.waiting_of(tx, ids, limit=LISTED_DECISIONS),
    }


async def offers(tx: Transaction) -> list[Document]:
    return await stock.shown(tx, (await repository.catalogue(tx)).values())
