"""How much a client may ask, and how slowly an address may guess. Pure: the time is given. All of it is bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv6Address, ip_address
from math import ceil, floor
from typing import NamedTuple

MOST_CLIENTS = 10_000
MOST_ADDRESSES = 10_000
FREE_FAILURES = 5
LONGEST_PAUSE_SECONDS = 60.0
FORGOTTEN_AFTER_SECONDS = 600.0
DAY_SECONDS = 86_400
# Of sums of small parts: who waits as long as they were told to is let in.
ROUNDING = 1e-6


class Level(NamedTuple):
    """What is left of an allowance. `wait_seconds`: until one more request is let in, 0 when this one was."""

    left: int
    full_in_seconds: int
    wait_seconds: int


class Buckets:
    """A token bucket per client, in this process. Who was not heard for long has a full one, and need not be remembered."""

    def __init__(self, *, rate_per_second: float, burst: int, most: int = MOST_CLIENTS) -> None:
        self.rate_per_second, self.burst, self._most = rate_per_second, burst, most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> Level:
        tokens, at = self._levels.pop(client, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - at) * self.rate_per_second)
        let_in = tokens > 1 - ROUNDING
        tokens = max(0.0, tokens - let_in)
        self._levels[client] = tokens, now
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        wait = 0 if let_in else max(1, ceil((1 - tokens) / self.rate_per_second))
        return Level(floor(tokens), ceil((self.burst - tokens) / self.rate_per_second), wait)


class Quotas:
    """Requests of a day. What this process counted since is `pending`; the sums of all processes come back from the database."""

    def __init__(self, daily: int) -> None:
        self.daily = daily
        self._day: date | None = None
        self._total: Counter[str] = Counter()
        self.pending: Counter[tuple[date, str]] = Counter()

    def take(self, client: str, day: date, *, seconds_left: int, counted: bool = True) -> Level:
        """`seconds_left` of the day. Not `counted`: only told, for a request that is refused anyway."""
        if day != self._day:
            self._day, self._total = day, Counter()
        if self._total[client] >= self.daily:
            return Level(0, seconds_left, seconds_left)
        if counted:
            self._total[client] += 1
            self.pending[day, client] += 1
        return Level(self.daily - self._total[client], seconds_left, 0)

    def settle(self, day: date, totals: Mapping[str, int]) -> None:
        """What was pending is in `totals` now; what came since is added to them."""
        if day == self._day:
            for client, total in totals.items():
                self._total[client] = total + self.pending[day, client]


@dataclass(slots=True)
class Backoff:
    """After some wrong keys from an address each further one costs it twice the pause. One right key makes no guess undone."""

    most: int = MOST_ADDRESSES
    _failures: OrderedDict[str, tuple[int, float, float]] = field(default_factory=OrderedDict)

    def wait_seconds(self, address: str, now: float) -> int:
        """0: it may try."""
        _, _, until = self._failures.get(network_of(address), (0, 0.0, 0.0))
        return max(0, ceil(until - now))

    def fail(self, address: str, now: float) -> None:
        network = network_of(address)
        failures, at, _ = self._failures.pop(network, (0, now, 0.0))
        failures = 1 if now - at > FORGOTTEN_AFTER_SECONDS else failures + 1
        over = failures - FREE_FAILURES
        pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(over - 1, 10)) if over > 0 else 0.0
        self._failures[network] = failures, now, now + pause
        if len(self._failures) > self.most:
            self._failures.popitem(last=False)


def network_of(address: str) -> str:
    """One caller: of IPv6 a /64, which is what a single line gets."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return address


def policy_of(buckets: Buckets, quotas: Quotas) -> bytes:
    """The field RateLimit-Policy, as of draft-ietf-httpapi-ratelimit-headers-10."""
    window = ceil(buckets.burst / buckets.rate_per_second)
    return f'"burst";q={buckets.burst};w={window}, "day";q={quotas.daily};w={DAY_SECONDS}'.encode()


def left_of(burst: Level, day: Level) -> bytes:
    """The field RateLimit."""
    return f'"burst";r={burst.left};t={burst.full_in_seconds}, "day";r={day.left};t={day.full_in_seconds}'.encode()
