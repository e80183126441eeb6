"""How a message gets from the queue to its recipient: its states, and when it is tried again.

What has happened to a message only ever adds up: a receipt may come before our own note that it was sent, twice, or after another one that says
the opposite, and the state is the same in every order. Delivered beats everything, for it is what the recipient saw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from shared.webhooks import backoff

MessageChannel = Literal["sms", "email", "push"]
State = Literal["queued", "sending", "sent", "delivered", "failed", "expired", "suppressed"]
Trigger = Literal["claimed", "accepted", "refused", "unaddressed", "retry", "ran_out", "suppressed", "receipt_delivered", "receipt_failed"]
Outcome = Literal["accepted", "refused", "unaddressed", "retry"]

# What is not here does not change the state. A lease that lapsed leaves `sending`, and is claimed again.
TRANSITIONS: Mapping[State, Mapping[Trigger, State]] = MappingProxyType({
    "queued": {
        "claimed": "sending", "ran_out": "expired", "suppressed": "suppressed", "receipt_delivered": "delivered", "receipt_failed": "failed",
    },
    "sending": {
        "claimed": "sending", "accepted": "sent", "refused": "failed", "unaddressed": "suppressed", "retry": "queued", "ran_out": "expired",
        "suppressed": "suppressed", "receipt_delivered": "delivered", "receipt_failed": "failed",
    },
    "sent": {"receipt_delivered": "delivered", "receipt_failed": "failed"},
    "failed": {"receipt_delivered": "delivered"},
    "expired": {"receipt_delivered": "delivered"},
    "suppressed": {"receipt_delivered": "delivered"},
    "delivered": {},
})  # fmt: skip
ENDED: frozenset[State] = frozenset({"delivered", "failed", "expired", "suppressed"})

LEASE = timedelta(seconds=120)
LONGEST_CALL_SECONDS = 20.0
"""Every channel answers within it: far less than a lease, so that who holds one is not overtaken while it calls."""


class Answer(NamedTuple):
    """What came of one attempt. `code`: the receiver's status (`http_503`), or what went wrong (`timeout`): never its words, which may be personal."""

    outcome: Outcome
    code: str
    retry_after_seconds: float | None = None


class Outgoing(NamedTuple):
    """What a channel is given. No number and no address: who needs one asks for it by the customer's id."""

    message_id: str
    customer_id: str
    channel: str
    purpose: str
    language: str
    subject: str
    body: str


class Channel(Protocol):
    """A way out."""

    async def send(self, message: Outgoing) -> Answer:
        """Within LONGEST_CALL_SECONDS. What it raises counts as `retry`: nobody knows what came of it."""


def message_id(decision_id: str, purpose: str) -> str:
    """The same for the same two, whichever the channel: so deciding twice can not send twice."""
    return "m-" + hashlib.sha256(f"{decision_id}\n{purpose}".encode()).hexdigest()[:40]


def after(state: State, trigger: Trigger) -> State | None:
    """None: it stays as it is."""
    return TRANSITIONS[state].get(trigger)


def gives_up_at(first_tried_at: datetime | None, expires_at: datetime | None) -> datetime | None:
    """From when on it is not tried any more: at its own end, or days after the first attempt; None: no end while it was never tried."""
    ends = [one for one in (expires_at, first_tried_at and first_tried_at + backoff.GIVE_UP_AFTER) if one is not None]
    return min(ends, default=None)


def next_try(answer: Answer, *, now: datetime, attempt: int, message_id: str, end: datetime | None) -> datetime | None:
    """Never before the receiver asked for; None when that is past the end."""
    return backoff.next_try(answer.retry_after_seconds, now=now, attempt=attempt, key=message_id, end=end)


def answer_to_status(status: int, retry_after_seconds: float | None = None) -> Answer:
    """2xx: sent. 410 and all other refusals: for good. What says `later`, or that the same key is being worked on (409), and 5xx: again."""
    code = f"http_{status}"
    if 200 <= status < 300:
        return Answer("accepted", code)
    if status >= 500 or status in {408, 409, 425, 429}:
        return Answer("retry", code, retry_after_seconds)
    return Answer("refused", code)
