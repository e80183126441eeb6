"""How a message gets from the queue to its recipient: its states, when it is tried again, and how a call is signed.

What has happened to a message only ever adds up: a receipt may come before our own note that it was sent, twice, or after another one that says
the opposite, and the state is the same in every order. Delivered beats everything, for it is what the recipient saw.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

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

FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(days=3)
"""After the first attempt, when the message has no end of its own."""
LEASE = timedelta(seconds=120)
LONGEST_CALL_SECONDS = 20.0
"""Every channel answers within it: far less than a lease, so that who holds one is not overtaken while it calls."""

SIGNATURE_HEADER = "Holdfast-Signature"
KEY_HEADER = "Idempotency-Key"
TOLERANCE_SECONDS = 300
_SIGNATURE = re.compile(r"t=(?P<at>[0-9]{1,12})(?P<marks>(?:,v1=[0-9a-f]{64}){1,5})")


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


def delay_after(attempt: int, message_id: str) -> timedelta:
    """Doubles with each attempt (from 1) up to a ceiling; of that between a half and all of it, so that what failed together does not return together."""
    doublings: int = 2 ** min(attempt - 1, 20)
    ceiling = min(FIRST_DELAY * doublings, LONGEST_DELAY)
    drawn = int.from_bytes(hashlib.sha256(f"{message_id}:{attempt}".encode()).digest()[:8], "big") / 2**64
    return ceiling * (0.5 + 0.5 * drawn)


def gives_up_at(first_tried_at: datetime | None, expires_at: datetime | None) -> datetime | None:
    """From when on it is not tried any more; None: no end while it was never tried."""
    ends = [one for one in (expires_at, first_tried_at and first_tried_at + GIVE_UP_AFTER) if one is not None]
    return min(ends, default=None)


def next_try(answer: Answer, *, now: datetime, attempt: int, message_id: str, end: datetime | None) -> datetime | None:
    """Never before the receiver asked for; None when that is past the end."""
    asked = timedelta(seconds=min(answer.retry_after_seconds or 0.0, 2 * GIVE_UP_AFTER.total_seconds()))
    at = now + max(delay_after(attempt, message_id), asked)
    return None if end is not None and at >= end else at


def answer_to_status(status: int, retry_after_seconds: float | None = None) -> Answer:
    """2xx: sent. 410 and all other refusals: for good. What says `later`, or that the same key is being worked on (409), and 5xx: again."""
    code = f"http_{status}"
    if 200 <= status < 300:
        return Answer("accepted", code)
    if status >= 500 or status in {408, 409, 425, 429}:
        return Answer("retry", code, retry_after_seconds)
    return Answer("refused", code)


def sign(secret: str, body: bytes, *, at: int) -> str:
    """The value of the signature header: `t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>." + body>`."""
    return f"t={at},v1={_mark(secret, body, at)}"


def verify(secrets: Collection[str], header: str, body: bytes, *, now: int, tolerance_seconds: int = TOLERANCE_SECONDS) -> bool:
    """For the receiver: whether one of the secrets (two while one is replaced) signed this very body, within the tolerance before or after `now`.

    What is replayed within it is told by the message id in the body, which equals the idempotency key.
    """
    found = _SIGNATURE.fullmatch(header)
    if found is None or abs(now - int(found["at"])) > tolerance_seconds:
        return False
    marks = [one.removeprefix("v1=") for one in found["marks"].split(",") if one]
    expected = [_mark(secret, body, int(found["at"])) for secret in secrets]
    return any(hmac.compare_digest(mark, one) for mark in marks for one in expected)


def _mark(secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
