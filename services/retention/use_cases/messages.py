"""Messages: queued in the transaction that decided them, sent afterwards, and followed until their end is known.

The life of an attempt:
1. Claim, and commit: `sending`, with a lease and the number of the attempt.
2. Call the receiver, outside any transaction, with the message's id as idempotency key.
3. Note the result, and commit: only if the attempt is still the current one.
Whoever dies after 1 leaves a lease that lapses: the message is tried again with the same key, for nobody knows whether 2 took place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from services.retention import delivery
from services.retention.delivery import Answer, Channel, MessageChannel, Outgoing, State, Trigger
from services.retention.reachability import DEAD
from services.retention.repository import messages as repository
from services.retention.tables import OUTBOX
from services.retention.templates import ANY, Key, Template, TemplateRefused, check, choose, missing, render
from services.retention.use_cases import publishing, reachability
from shared import clock, outbox, telemetry
from shared.bus import Message
from shared.contracts.retention import MessageDelivered, MessageFailed, MessageSent
from shared.database import Database, Transaction
from shared.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed

Document = dict[str, Any]

BATCH = 50
CALLS_AT_ONCE = 25
"""Half a batch: with all of them as slow as they may be, the last is made well within the lease."""
LONGEST_REASON = 300

# A source each: an event is named by source and message.
SENT = "holdfast/retention/messages/sent"
DELIVERED = "holdfast/retention/messages/delivered"
FAILED = "holdfast/retention/messages/failed"

log = telemetry.logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that was decided. Whether the customer may be contacted is settled. `segment`: empty for none."""

    decision_id: str
    customer_id: str
    channel: MessageChannel
    purpose: str
    language: str
    segment: str = ANY
    variables: Mapping[str, Any] = field(default_factory=dict)
    not_before: datetime | None = None
    expires_at: datetime | None = None

    @property
    def message_id(self) -> str:
        return delivery.message_id(self.decision_id, self.purpose)


async def enqueue(tx: Transaction, wanted: Sequence[Wanted]) -> list[str]:
    """Their ids, in order. One decided before stays as it is.

    What can not be written (no template, a variable missing) has failed from the start, and says so: a decision does not depend on it.
    """
    if not wanted:
        return []
    in_force = await repository.templates_in_force(tx, {one.purpose for one in wanted})
    rows = {one.message_id: _row(one, in_force) for one in wanted}
    added = await repository.enqueue(tx, list(rows.values()))
    failed = [row for message_id, row in rows.items() if message_id in added and row["state"] == "failed"]
    await outbox.publish(tx, OUTBOX, [_failed_message(row) for row in failed])
    return [one.message_id for one in wanted]


def _row(wanted: Wanted, in_force: Mapping[Key, Template]) -> Document:
    now = clock.now()
    not_before = max(wanted.not_before or now, now)
    ends = [one for one in (not_before, wanted.expires_at) if one is not None]
    return {
        "message_id": wanted.message_id,
        "decision_id": wanted.decision_id,
        "customer_id": wanted.customer_id,
        "channel": wanted.channel,
        "purpose": wanted.purpose,
        "language": wanted.language,
        "segment": wanted.segment,
        "enqueued_at": now,
        "not_before": not_before,
        "expires_at": wanted.expires_at,
        "next_at": min(ends),
        "attempts": 0,
        **_written(wanted, in_force, now),
    }


def _written(wanted: Wanted, in_force: Mapping[Key, Template], now: datetime) -> Document:
    template = choose(Key(wanted.channel, wanted.purpose, wanted.language, wanted.segment), in_force)
    unwritten = {"template": template and template.name, "subject": "", "body": "", "state": "failed", "ended_at": now}
    if template is None:
        return unwritten | {"reason": "no_template"}
    try:
        text = render(template, wanted.variables)
    except TemplateRefused as error:
        return unwritten | {"reason": f"not_written: {error}"[:LONGEST_REASON]}
    return unwritten | {"subject": text.subject, "body": text.body, "state": "queued", "reason": None, "ended_at": None}


async def is_any_due(tx: Transaction) -> bool:
    return await repository.is_any_due(tx, now=clock.now(), wall=clock.wall())


async def send_due(database: Database, channels: Mapping[str, Channel]) -> bool:
    """Send what is due, a batch at most; whether there may be more. Any number of workers may do so at once."""
    claimed_at = clock.monotonic()
    async with database.transaction() as tx:
        rows, more = await _claim(tx)
    free = asyncio.Semaphore(CALLS_AT_ONCE)
    results = await asyncio.gather(*(_attempt(database, channels, row, claimed_at, free) for row in rows), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return more


async def _claim(tx: Transaction) -> tuple[Sequence[sa.Row[Any]], bool]:
    now, wall = clock.now(), clock.wall()
    due = await repository.lock_due(tx, now=now, wall=wall, limit=BATCH)
    over = [row for row in due if _is_over(row, now)]
    for row in over:
        await _end(tx, row, "ran_out", row.reason or "expired", now)
    live = [row.message_id for row in due if not _is_over(row, now)]
    return await repository.claim(tx, live, now=now, lease_until=wall + delivery.LEASE), len(due) == BATCH


def _is_over(row: sa.Row[Any], now: datetime) -> bool:
    end = delivery.gives_up_at(row.first_tried_at, row.expires_at)
    return end is not None and now >= end


async def _attempt(database: Database, channels: Mapping[str, Channel], row: sa.Row[Any], claimed_at: float, free: asyncio.Semaphore) -> None:
    async with free:
        if clock.monotonic() - claimed_at > delivery.LEASE.total_seconds() - 2 * delivery.LONGEST_CALL_SECONDS:
            return  # somebody else may be about to take it over
        answer = await _ask(channels.get(row.channel), row)
        async with database.transaction() as tx:
            await _note(tx, row, answer)


async def _ask(channel: Channel | None, row: sa.Row[Any]) -> Answer:
    if channel is None:
        return Answer("retry", "no_channel")
    try:
        return await channel.send(Outgoing(*(getattr(row, name) for name in Outgoing._fields)))
    except Exception as error:
        log.exception("send_failed", error_class=type(error).__name__, attempt=row.attempts, exc_info=error)
        return Answer("retry", type(error).__name__)


async def _note(tx: Transaction, row: sa.Row[Any], answer: Answer) -> None:
    """The attempt is noted in any case, the message moves only if this is its current attempt."""
    now = clock.now()
    end = delivery.gives_up_at(row.first_tried_at, row.expires_at)
    next_at = delivery.next_try(answer, now=now, attempt=row.attempts, message_id=row.message_id, end=end)
    trigger: Trigger = "ran_out" if answer.outcome == "retry" and next_at is None else answer.outcome
    state = delivery.after("sending", trigger)
    values: Document = {"state": state, "lease_until": None, "reason": None if state == "sent" else answer.code}
    values |= {"sent_at": now} if state == "sent" else {"next_at": next_at} if state == "queued" else {"ended_at": now}
    await repository.end_attempt(tx, row.message_id, row.attempts, {"ended_at": now, "outcome": answer.outcome, "code": answer.code})
    if await repository.settle(tx, row.message_id, row.attempts, values) and state != "queued":
        changed = dict(row._mapping) | values
        await outbox.publish(tx, OUTBOX, [_sent_message(changed) if state == "sent" else _failed_message(changed)])
        # What a gateway refuses may be its own trouble, and says nothing of the customer.
        if answer.code in DEAD:
            await reachability.learn(tx, row.customer_id, row.channel, answer.code)


async def _end(tx: Transaction, row: sa.Row[Any], trigger: Trigger, reason: str, now: datetime) -> None:
    """Of a message that is locked, and not sent."""
    values: Document = {"state": delivery.after(row.state, trigger), "reason": reason, "lease_until": None, "ended_at": now}
    await repository.end(tx, [row.message_id], values)
    await outbox.publish(tx, OUTBOX, [_failed_message(dict(row._mapping) | values)])


async def suppress(tx: Transaction, customer_ids: Collection[str], *, reason: str) -> None:
    """What is still to be sent to them is not. A call that is under way can not be called back: its attempt says what came of it."""
    now = clock.now()
    for row in await repository.lock_unended_of(tx, customer_ids):
        await _end(tx, row, "suppressed", reason, now)


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    """They were erased: nothing more is sent, and nothing that was written to them is kept."""
    if customer_ids:
        await suppress(tx, customer_ids, reason="erased")
        await repository.blank(tx, customer_ids)


async def note_receipt(tx: Transaction, message_id: str, *, result: Literal["delivered", "failed"], reason: str | None, at: datetime | None) -> Document:
    """In any order, any number of times. Raises NotFound, and Conflict for a message that was never tried."""
    row = await repository.get(tx, message_id, lock=True)
    if row is None:
        raise NotFound(f"no message {message_id}")
    if not row.attempts:
        raise Conflict(f"message {message_id} was never sent")
    trigger: Trigger = "receipt_delivered" if result == "delivered" else "receipt_failed"
    state = delivery.after(row.state, trigger)
    if state is not None:
        ended = {"state": state, "reason": reason if state == "failed" else None, "lease_until": None, "ended_at": at or clock.now()}
        await repository.end(tx, [message_id], ended)
        changed = dict(row._mapping) | ended
        await outbox.publish(tx, OUTBOX, [_delivered_message(changed) if state == "delivered" else _failed_message(changed)])
        await reachability.learn(tx, row.customer_id, row.channel, "reached" if state == "delivered" else reason or "failed")
    return await message(tx, message_id)


async def message(tx: Transaction, message_id: str) -> Document:
    """With its attempts. Raises NotFound."""
    row = await repository.get(tx, message_id)
    if row is None:
        raise NotFound(f"no message {message_id}")
    return {**row._mapping, "history": await repository.attempts(tx, message_id)}


async def listed(tx: Transaction, *, state: State | None, customer_id: str | None, after: tuple[datetime, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
    return await repository.list_messages(tx, state=state, customer_id=customer_id, after=after, limit=limit)


async def add_template(tx: Transaction, key: Key, *, subject: str, body: str, actor: str, after: int | None = None) -> Document:
    """The next version, in force from now on; `after`: only when that one is the newest. Raises InvalidRequest with the line that is
    refused, PreconditionFailed, Conflict when two add one at once."""
    _variables_of(subject, body)
    newest = await repository.latest_version(tx, key)
    if after not in {None, newest}:
        raise PreconditionFailed(f"the newest version is {newest}", newest=newest)
    row = {**key._asdict(), "version": newest + 1, "subject": subject, "body": body, "created_by": actor, "created_at": clock.now()}
    if not await repository.insert_template(tx, row):
        raise Conflict("somebody else added a version at the same moment")
    return row


async def preview(tx: Transaction, key: Key, *, subject: str, body: str | None, variables: Mapping[str, Any]) -> Document:
    """Raises InvalidRequest with the line that is refused, NotFound when there is no template to choose."""
    template = Template(key, 0, subject, body) if body is not None else choose(key, await repository.templates_in_force(tx, {key.purpose}))
    if template is None:
        raise NotFound(f"no template for {'/'.join(filter(None, key))}")
    names = _variables_of(template.subject, template.body)
    found: Document = {"template": template.name if template.version else None, "variables": sorted(names), "missing": missing(names, variables)}
    try:
        return found | render(template, variables)._asdict() | {"problem": None}
    except TemplateRefused as error:
        return found | {"subject": None, "body": None, "problem": str(error)}


def _variables_of(subject: str, body: str) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for part, text in (("subject", subject), ("body", body)):
        try:
            names |= check(text)
        except TemplateRefused as error:
            where = part if error.line is None else f"{part}, line {error.line}"
            raise InvalidRequest(f"{where}: {error}", part=part, line=error.line) from None
    return names


def _sent_message(row: Document) -> Message:
    sent = MessageSent(**{name: row[name] for name in MessageSent.model_fields})
    return publishing.event_message(sent, row["customer_id"], source=SENT, event_id=row["message_id"], at=row["sent_at"])


def _delivered_message(row: Document) -> Message:
    known = {name: row[name] for name in ("message_id", "decision_id", "channel", "purpose")}
    delivered = MessageDelivered(**known, delivered_at=row["ended_at"])
    return publishing.event_message(delivered, row["customer_id"], source=DELIVERED, event_id=row["message_id"], at=row["ended_at"])


def _failed_message(row: Document) -> Message:
    known = {name: row[name] for name in ("message_id", "decision_id", "channel", "purpose", "state", "attempts")}
    failed = MessageFailed(**known, reason=row["reason"] or "unknown", failed_at=row["ended_at"])
    return publishing.event_message(failed, row["customer_id"], source=FAILED, event_id=row["message_id"], at=row["ended_at"])
