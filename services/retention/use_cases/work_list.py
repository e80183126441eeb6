"""The work list while a task goes on: attempts that reached nobody, and moments that customers asked for."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from services.retention import attempts
from services.retention.calling_hours import CallingHours, next_allowed
from services.retention.contactable import Contactable
from services.retention.decision import decision_id
from services.retention.desk import CAMPAIGN_ID as SAVE_DESK
from services.retention.open_tasks import may_be_contacted
from services.retention.reachability import part_rates
from services.retention.repository import decisions
from services.retention.repository import reachability as repository
from services.retention.settings import load
from services.retention.tables import OUTBOX
from services.retention.use_cases import publishing, reachability
from shared import clock, outbox
from shared.actors import require_name
from shared.clock import zone_of
from shared.contracts.retention import ContactAttempted, TaskRescheduled
from shared.database import Transaction
from shared.errors import Conflict, InvalidRequest, NotFound

Document = dict[str, Any]

MOST_ATTEMPTS = load().most_attempts

# A source each: attempts are named by task and number, moves by task and number of the step.
ATTEMPTS = "holdfast/retention/attempts"
MOVES = "holdfast/retention/moves"


async def reschedule(tx: Transaction, task_id: str, *, due_at: datetime, reason: str, actor: str) -> None:
    """The customer asked for another moment. Raises ActorMissing, NotFound, Conflict for a task that is not open or was put off too often, and
    InvalidRequest for a moment outside the hours, with `next_allowed`, or too far ahead, with `latest`."""
    require_name(actor)
    task = await decisions.get_task(tx, task_id, lock=True)
    if task is None:
        raise NotFound(f"no task {task_id}")
    if task.status != "open":
        raise Conflict(f"task {task_id} is {task.status}")
    if task.reschedules >= attempts.MOST_RESCHEDULES:
        raise Conflict(f"task {task_id} was put off {task.reschedules} times already")
    _require_moment(task, due_at)
    await _move(tx, task, "asked", due_at, actor=actor, note=reason, at=clock.now())


async def try_again(tx: Transaction, task: Any, *, agent: str, note: str) -> Document | None:
    """After an attempt at a task, locked, that reached nobody: when the next one is due; None when this was the last. The same report again,
    before that is due, is the same attempt."""
    now, steps = clock.now(), await repository.steps(tx, task.task_id)
    last = steps[-1] if steps else None
    if last and last.step == "unreached" and (last.actor, last.note) == (agent, note) and now < task.due_at:
        return _attempted(task, last.taken_at, agent, note, task.due_at)
    if task.status != "open" or task.campaign_id == SAVE_DESK or task.attempts + 1 >= MOST_ATTEMPTS or not await _is_contactable(tx, task):
        return None
    zone, reach = zone_of(task.timezone), (await repository.of(tx, [task.customer_id])).get(task.customer_id, {})
    assert zone, "of a task that was opened"
    tried = [attempts.part_at(one.taken_at, zone) for one in steps if one.step == "unreached"]
    due_at = attempts.next_attempt(now, hours_of(task), zone, tried=[*tried, attempts.part_at(now, zone)], rates=part_rates(reach.get(task.channel)))
    await _move(tx, task, "unreached", due_at, actor=agent, note=note, at=now)
    await learn(tx, task, "unreached")
    told = ContactAttempted(
        task_id=task.task_id, campaign_id=task.campaign_id, channel=task.channel, attempt=task.attempts + 1, result="unreached", agent=agent,
        attempted_at=now, next_due_at=due_at,
    )  # fmt: skip
    event = publishing.event_message(told, task.customer_id, source=ATTEMPTS, event_id=decision_id(task.task_id, str(told.attempt)), at=now)
    await outbox.publish(tx, OUTBOX, [event])
    return _attempted(task, now, agent, note, due_at)


async def learn(tx: Transaction, task: Any, result: str) -> None:
    """What an attempt at a task says of reaching its customer. Who called us was not reached by us."""
    if task.campaign_id == SAVE_DESK:
        return
    zone = zone_of(task.timezone)
    part = attempts.part_at(clock.now(), zone) if zone else None
    came_to = result if result in {"unreached", "wrong_number"} else "reached"
    await reachability.learn(tx, task.customer_id, task.channel, came_to, part=part)


async def _is_contactable(tx: Transaction, task: Any) -> bool:
    """It may have changed since the task was opened."""
    row = await decisions.find_contactable(tx, task.customer_id)
    return row is not None and not row.erased and may_be_contacted(Contactable(**row._mapping), task.channel)


def _require_moment(task: Any, due_at: datetime) -> None:
    now, zone, hours = clock.now(), zone_of(task.timezone), hours_of(task)
    assert zone, "of a task that was opened"
    if due_at <= now:
        raise InvalidRequest("due_at has to lie ahead", next_allowed=next_allowed(now, hours, zone).isoformat())
    latest = task.opened_at + attempts.LONGEST_DELAY
    if due_at > latest:
        raise InvalidRequest(f"a task is put off to {attempts.LONGEST_DELAY.days} days after it was opened at most", latest=latest.isoformat())
    allowed = next_allowed(due_at, hours, zone)
    if allowed != due_at:
        raise InvalidRequest(f"it may be called from {task.opens} to {task.closes}, {task.timezone}", next_allowed=allowed.isoformat())


async def _move(tx: Transaction, task: Any, step: str, due_at: datetime, *, actor: str, note: str, at: datetime) -> None:
    is_attempt = step == "unreached"
    nth = task.attempts + task.reschedules + 1
    row = {"task_id": task.task_id, "nth": nth, "step": step, "actor": actor, "note": note, "taken_at": at, "due_at": due_at}
    await repository.take_step(tx, row, counted="attempts" if is_attempt else "reschedules")
    moved = TaskRescheduled(
        task_id=task.task_id, campaign_id=task.campaign_id, reason="unreached" if is_attempt else "asked", attempts=task.attempts + is_attempt,
        due_at=due_at, actor=actor, rescheduled_at=at,
    )  # fmt: skip
    await outbox.publish(tx, OUTBOX, [publishing.event_message(moved, task.customer_id, source=MOVES, event_id=decision_id(task.task_id, str(nth)), at=at)])


def _attempted(task: Any, at: datetime, agent: str, note: str, due_at: datetime) -> Document:
    about = {"task_id": task.task_id, "result": "unreached", "offer_accepted": False}
    return about | {"agent": agent, "note": note, "recorded_at": at, "next_due_at": due_at}


def hours_of(task: Any) -> CallingHours:
    return CallingHours(time.fromisoformat(task.opens), time.fromisoformat(task.closes))
