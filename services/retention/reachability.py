"""Whether and when a customer can be reached by a channel, learned from what came of trying.

    rate = (1 + reached) / (2 + tried)

One reached and one missed are assumed before anything was tried, and what was seen counts half after HALF_LIFE. A rate only orders
and advises: nothing is refused but by hard evidence, which is that the address is not the customer's or is none, or many misses in a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.contracts.customer import DayPart, ReachState

Part = DayPart
Result = Literal["reached", "missed", "dead"]
Blocked = Literal["wrong_number", "bad_address", "no_address"]

HALF_LIFE = timedelta(days=90)
MISSES_IN_A_ROW = 6
"""Two tasks whose every attempt was missed."""
MISSES_HOLD = timedelta(days=60)
"""After the last of them: people come back from where nobody reached them."""
ENOUGH_TRIED = 1.5
"""Tries that have to weigh before a rate is called good or poor."""
CLEAR_LEAD = 0.15
"""By which a part of the day has to be better than the customer's rate of all of it."""
DEAD: Mapping[str, Blocked] = {
    "wrong_number": "wrong_number",
    "invalid_number": "wrong_number",
    "unknown_subscriber": "wrong_number",
    "hard_bounce": "bad_address",
    "bad_address": "bad_address",
    "bad_mailbox": "bad_address",
    "no_address": "no_address",
}
"""Codes of outcomes, receipts and channels that say the address will not work again, whoever tries. All others say only that it did not."""
SHARE_A_NUMBER = ("call", "sms")


@dataclass(frozen=True, slots=True)
class Reach:
    """Of one customer by one channel. `reached` and `tried` are weights as of `seen_at`; `parts`: of the day on the customer's clock, the same two
    of each; `blocked`: hard evidence, until another contact point is told of."""

    customer_id: str
    channel: str
    reached: float = 0.0
    tried: float = 0.0
    seen_at: datetime | None = None
    misses: int = 0
    blocked: Blocked | None = None
    parts: Mapping[Part, Sequence[float]] = field(default_factory=dict)
    state: ReachState = "unknown"
    changes: int = 0

    @property
    def rate(self) -> float:
        return (1 + self.reached) / (2 + self.tried)


def part_of(local: datetime) -> Part:
    """Of a moment on the customer's own clock."""
    return "night" if local.hour < 6 or local.hour >= 22 else "morning" if local.hour < 12 else "afternoon" if local.hour < 17 else "evening"


def learn(held: Reach, result: Result, *, at: datetime, part: Part | None = None, blocked: Blocked | None = None) -> Reach:
    """After one more try. `blocked` comes with `dead`; who was reached is not blocked any more."""
    fade = _fade(held, at)
    hit = float(result == "reached")
    parts = {name: [reached * fade, tried * fade] for name, (reached, tried) in held.parts.items()}
    if part is not None and result != "dead":
        before = parts.get(part, [0.0, 0.0])
        parts[part] = [before[0] + hit, before[1] + 1]
    learned = replace(
        held,
        reached=held.reached * fade + hit,
        tried=held.tried * fade + 1,
        seen_at=max(at, held.seen_at or at),
        misses=0 if result == "reached" else held.misses + 1,
        blocked=None if result == "reached" else blocked if result == "dead" else held.blocked,
        parts=parts,
    )
    return _judged(learned, learned.seen_at or at)


def begin_anew(held: Reach, at: datetime) -> Reach:
    """Another number or address was told of: what was learned of the one before says nothing of it."""
    return _judged(Reach(held.customer_id, held.channel, state=held.state, changes=held.changes), at)


def why_not(held: Reach | None, now: datetime) -> str | None:
    """The hard evidence against trying this channel; None: it may be tried, also where nothing is known."""
    if held is None:
        return None
    if held.blocked:
        return held.blocked
    if held.misses >= MISSES_IN_A_ROW and held.seen_at and now < held.seen_at + MISSES_HOLD:
        return f"missed {held.misses} times in a row"
    return None


def best_part(held: Reach | None) -> Part | None:
    """Where the customer is reached clearly more often than otherwise; None while that does not show."""
    rates = part_rates(held)
    part = max(rates, key=lambda one: rates[one], default=None)
    return part if held and part and rates[part] >= held.rate + CLEAR_LEAD else None


def part_rates(held: Reach | None) -> dict[Part, float]:
    """Of each part of the day that was tried, from the customer's own rate on."""
    if held is None:
        return {}
    return {part: (2 * held.rate + reached) / (2 + tried) for part, (reached, tried) in held.parts.items()}


def _fade(held: Reach, at: datetime) -> float:
    """What came late fades nothing."""
    return 1.0 if held.seen_at is None else float(0.5 ** (max(timedelta(0), at - held.seen_at) / HALF_LIFE))


def _judged(held: Reach, at: datetime) -> Reach:
    """With the state it is in now; `changes` counts how often that was another one."""
    state: ReachState = "unknown"
    if why_not(held, at):
        state = "unreachable"
    elif held.tried >= ENOUGH_TRIED:
        state = "good" if held.rate >= 0.5 else "poor"
    return replace(held, state=state, changes=held.changes + (state != held.state))
