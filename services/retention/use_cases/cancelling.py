"""Tasks that are not to be worked any more: their customer turned out to be somebody else, or was erased."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from services.retention.contactable import Contactable
from services.retention.desk import CAMPAIGN_ID as SAVE_DESK
from services.retention.open_tasks import Reason, to_cancel
from services.retention.repository import budget, objections, reachability, receipts, stock
from services.retention.repository import decisions as repository
from services.retention.tables import OUTBOX
from services.retention.use_cases import messages, publishing
from shared import clock, outbox
from shared.contracts.retention import TaskCancelled
from shared.database import Transaction


async def cancel_after(tx: Transaction, customers: Mapping[str, Contactable], reset: Collection[str]) -> None:
    """After these customers were reset. Which of two that are merged is told first makes no difference: both lead here."""
    if not reset:
        return
    erased = {one for one in reset if customers[one].erased}
    await repository.blank_notes(tx, erased)
    await messages.forget(tx, erased)
    await receipts.blank(tx, erased)
    await objections.forget(tx, erased)
    await reachability.forget(tx, erased)
    await messages.suppress(tx, {one for one in reset if customers[one].merged_into}, reason="merged")
    reasons: dict[str, Reason] = {task.task_id: "erased" for task in await repository.open_tasks_of(tx, erased)}
    survivors = await repository.survivors(tx, set(reset) - erased)
    members = await repository.members(tx, survivors)
    if members:
        reasons |= await _after_merges(tx, members, customers)
    await cancel(tx, reasons)


async def cancel(tx: Transaction, reasons: Mapping[str, Reason]) -> None:
    now = clock.now()
    messages = []
    cancelled_tasks = await repository.cancel_tasks(tx, reasons)
    await budget.release(tx, [row.task_id for row in cancelled_tasks], at=now)
    await stock.give_back(tx, [row.task_id for row in cancelled_tasks], at=now)
    for row in cancelled_tasks:
        cancelled = TaskCancelled(
            task_id=row.task_id,
            campaign_id=row.campaign_id,
            alert_id=row.alert_id,
            offer_id=row.offer_id,
            reason=reasons[row.task_id],
            cancelled_at=now,
        )
        messages.append(publishing.event_message(cancelled, row.customer_id, source=publishing.CANCELLATIONS, event_id=row.task_id, at=now))
    await outbox.publish(tx, OUTBOX, messages)


async def _after_merges(tx: Transaction, members: Mapping[str, Sequence[str]], customers: Mapping[str, Contactable]) -> dict[str, Reason]:
    """By survivor, the ids merged into them."""
    everybody = set(members).union(*members.values())
    held = dict(customers) | await repository.lock_contactables(tx, members.keys() - customers.keys())
    arms = await repository.arms(tx, everybody)
    tasks = await repository.open_tasks_of(tx, everybody)
    objected = await objections.in_force(tx, everybody)
    reasons: dict[str, Reason] = {}
    for survivor_id, merged in members.items():
        group = {survivor_id, *merged}
        held_out = {campaign_id for (campaign_id, one), arm in arms.items() if one in group and arm == "hold_out"}
        if not group.isdisjoint(objected):
            held_out |= {task.campaign_id for task in tasks} - {SAVE_DESK}
        reasons |= to_cancel([task for task in tasks if task.customer_id in group], held[survivor_id], held_out=held_out)
    return reasons
