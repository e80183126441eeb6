"""What came of trying to reach customers, kept per channel, and told when it becomes another word."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from services.retention import reachability as rules
from services.retention.reachability import Part, Reach
from services.retention.repository import decisions
from services.retention.repository import reachability as repository
from services.retention.tables import OUTBOX
from services.retention.use_cases import publishing
from shared import clock, outbox
from shared.bus import Message
from shared.contracts.retention import ReachabilityChanged
from shared.database import Transaction

SOURCE = "holdfast/retention/reachability"


async def learn(tx: Transaction, customer_id: str, channel: str, came_to: str, *, part: Part | None = None) -> None:
    """`came_to`: `reached`, or a code of what went wrong. Of who was erased, or never heard of, nothing is learned."""
    found = await decisions.find_contactable(tx, customer_id)
    if found is None or found.erased:
        return
    blocked = rules.DEAD.get(came_to)
    result: rules.Result = "reached" if came_to == "reached" else "dead" if blocked else "missed"
    shares = blocked == "wrong_number" and channel in rules.SHARE_A_NUMBER
    now = clock.now()
    held = await repository.lock(tx, [(customer_id, one) for one in (rules.SHARE_A_NUMBER if shares else (channel,))])
    await _keep(tx, held, [rules.learn(one, result, at=now, part=part, blocked=blocked) for one in held])


async def begin_anew(tx: Transaction, renewed: Mapping[str, Collection[str]]) -> None:
    """By customer, the channels for which another number or address was told of."""
    known = await repository.of(tx, [one for one, channels in renewed.items() if channels]) if any(renewed.values()) else {}
    pairs = [(customer_id, channel) for customer_id, reaches in known.items() for channel in reaches if channel in renewed[customer_id]]
    held = await repository.lock(tx, pairs) if pairs else []
    await _keep(tx, held, [rules.begin_anew(one, clock.now()) for one in held])


async def _keep(tx: Transaction, before: Sequence[Reach], after: Sequence[Reach]) -> None:
    await repository.save(tx, after)
    changed = [_message(one, now, clock.now()) for one, now in zip(before, after, strict=True) if one.state != now.state]
    await outbox.publish(tx, OUTBOX, changed)


def _message(before: Reach, after: Reach, at: datetime) -> Message:
    changed = ReachabilityChanged(
        channel=after.channel,
        state=after.state,
        previous_state=before.state,
        reason=rules.why_not(after, at),
        rate=round(after.rate, 4),
        best_part=rules.best_part(after),
        changed_at=at,
    )
    name = f"{after.customer_id}:{after.channel}:{after.changes}"
    return publishing.event_message(changed, after.customer_id, source=SOURCE, event_id=name, at=at)
