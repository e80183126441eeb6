"""What else may be tried where a call reaches nobody: a message in its place, or the customer's account manager."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_args

from services.retention.calling_hours import next_allowed
from services.retention.campaign import SERVES
from services.retention.contactable import Contactable
from services.retention.delivery import MessageChannel, message_id
from services.retention.open_tasks import may_be_contacted
from services.retention.reachability import Reach, why_not
from services.retention.repository import decisions, troubles, worths
from services.retention.repository import messages as repository
from services.retention.repository import reachability as reaches
from services.retention.service import holding_back
from services.retention.settings import load
from services.retention.use_cases import messages
from services.retention.use_cases.deciding import MESSAGE_DAYS
from services.retention.use_cases.work_list import hours_of
from shared import clock
from shared.actors import require_name
from shared.clock import zone_of
from shared.database import Transaction
from shared.errors import Conflict, NotFound

Document = dict[str, Any]

SETTINGS = load()


async def listed(tx: Transaction, task: Any) -> list[Document]:
    """In the order to try them: what may be tried before what may not, the channel that the customer prefers before others, the account manager
    last. Of a task that is not open, none."""
    row = await decisions.find_contactable(tx, task.customer_id)
    if row is None or task.status != "open":
        return []
    customer = Contactable(**row._mapping)
    known = (await reaches.of(tx, [task.customer_id])).get(task.customer_id, {})
    written = await repository.get(tx, message_id(task.task_id, task.campaign_id))
    channels = [_of_channel(one, customer, known, written) for one in get_args(MessageChannel)]
    channels.sort(key=lambda one: (one["why_not"] is not None, one["by"] != customer.preferred_channel))
    manager = {"by": "account_manager", "who": customer.account_manager, "why_not": None}
    return [*channels, *([manager] if customer.account_manager else [])]


def _of_channel(channel: str, customer: Contactable, known: Mapping[str, Reach], written: Any) -> Document:
    closed = why_not(known.get(channel), clock.now()) if may_be_contacted(customer, channel) else "not agreed to"
    if written is not None:
        closed = f"written to by {written.channel} already"
    return {"by": channel, "who": None, "why_not": closed}


async def write_instead(tx: Transaction, task_id: str, *, channel: MessageChannel, actor: str) -> None:
    """One message for a task whose call reached nobody: the same contact to the caps, by the campaign's template, inside its hours. The task stays
    open. Raises ActorMissing, NotFound, and Conflict for all that stands against it."""
    require_name(actor)
    task = await decisions.get_task(tx, task_id, lock=True)
    if task is None:
        raise NotFound(f"no task {task_id}")
    if task.status != "open" or not task.attempts:
        raise Conflict(f"task {task_id} is {task.status}, with {task.attempts} attempts: a message is for an open one whose call reached nobody")
    closed = next(one["why_not"] for one in await listed(tx, task) if one["by"] == channel)
    if not closed and await _in_trouble(tx, task):
        closed = "something is wrong with our service to the customer or was put right only lately, or their data is under a legal hold"
    if not closed and not any(key.channel == channel for key in await repository.templates_in_force(tx, [task.campaign_id])):
        closed = f"there is no {channel} template of purpose {task.campaign_id}"
    if closed:
        raise Conflict(f"not by {channel}: {closed}")
    await messages.enqueue(tx, [await _wanted(tx, task, channel)])


async def _in_trouble(tx: Transaction, task: Any) -> bool:
    """So that nothing is sold to them; what serves may be told."""
    campaign = await decisions.get_campaign(tx, task.campaign_id)
    if campaign is not None and campaign.purpose in SERVES:
        return False
    known = (await troubles.of(tx, [task.customer_id])).get(task.customer_id, ())
    return bool(holding_back(known, now=clock.now(), quiet=timedelta(days=SETTINGS.quiet_days_after_fix)))


async def cost_minor(tx: Transaction, task: Any) -> int:
    """Of the message that was written in place of a call, if one was."""
    written = await repository.get(tx, message_id(task.task_id, task.campaign_id))
    return SETTINGS.message_cost_minor if written is not None else 0


async def _wanted(tx: Transaction, task: Any, channel: MessageChannel) -> messages.Wanted:
    customer, worth = await decisions.find_contactable(tx, task.customer_id), (await worths.of(tx, [task.customer_id])).get(task.customer_id)
    zone = zone_of(task.timezone)
    assert customer and zone, "of a task that was opened"
    due_at = next_allowed(clock.now(), hours_of(task), zone)
    return messages.Wanted(
        decision_id=task.task_id,
        customer_id=task.customer_id,
        channel=channel,
        purpose=task.campaign_id,
        language=customer.language or SETTINGS.language,
        segment=(worth.tier if worth else None) or "",
        variables={"offer": {"name": (await decisions.catalogue(tx))[task.offer_id].name}},
        not_before=due_at,
        expires_at=due_at + MESSAGE_DAYS,
    )
