"""What a campaign changed: who stayed of those it was free to contact, against those it held out, by intention to treat.

Everybody counts in the arm they were assigned to at their first exposure, contacted or not, reached or not; who was assigned less than
the horizon ago does not count yet. Two intervals of the difference:
1. `at_end`: the 95 % interval of one look, at an end that was planned (Newcombe's, which holds for small shares too);
2. `any_time`: valid however often it is looked at while the campaign runs. It is wider: the normal mixture of Robbins, as in the mixture
   sequential probability ratio test (Johari, Pekelis, Walsh 2015), with the standard deviation `EXPECTED_EFFECT` of effects.

Nothing is claimed by halves: without a control, or while an arm has fewer than `LEAST_EVENTS` who left, the answer says so in words.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

Verdict = Literal["works", "does_harm", "no_difference_seen", "under_powered", "no_control", "too_early"]

CONFIDENCE = 0.95
Z95 = 1.959964
Z80 = 0.841621
"""Of a power of 80 %."""
EXPECTED_EFFECT = 0.03
"""Three points of retention: what the sequential interval is tuned to. It holds for any other effect, a little wider."""
LEAST_EVENTS = 5
"""Who left, in each arm: with fewer, no normal approximation holds."""


class Arm(NamedTuple):
    customers: int
    """Whose horizon is over."""
    retained: int

    @property
    def left(self) -> int:
        return self.customers - self.retained

    @property
    def share(self) -> float:
        return self.retained / self.customers


class Interval(NamedTuple):
    low: float
    high: float


class Effect(NamedTuple):
    """`lift` is the share retained of the treatment arm less that of the hold-out; positive: the campaign keeps customers."""

    verdict: Verdict
    reason: str
    """In words."""
    lift: float | None = None
    at_end: Interval | None = None
    any_time: Interval | None = None
    detectable: float | None = None
    """The smallest lift that so many customers show with a power of 80 %."""
    saves: float | None = None
    """Customers who would have left: lift x customers of the treatment arm."""
    saves_interval: Interval | None = None
    """By `any_time`."""


class Money(NamedTuple):
    """In minor units. Per save there is nothing to say while no save is shown."""

    cost_minor: int
    saved_value_minor: int | None
    return_on_cost: float | None
    """Saved value per money spent, less one."""
    contacts_per_save: float | None


def measure(treatment: Arm, hold_out: Arm) -> Effect:
    if not treatment.customers and not hold_out.customers:
        return Effect("too_early", "nobody was exposed long enough ago to tell")
    if not hold_out.customers:
        return Effect("no_control", "nobody was held out: what would have happened without the campaign is not known")
    if not treatment.customers:
        return Effect("no_control", "everybody was held out so far: there is nothing to compare")
    lift = treatment.share - hold_out.share
    any_time = sequential(lift, variance(treatment, hold_out))
    detectable = (Z95 + Z80) * math.sqrt(variance(*_pooled(treatment, hold_out)))
    verdict, reason = _judged(treatment, hold_out, any_time, detectable)
    saves = Interval(*(bound * treatment.customers for bound in any_time))
    return Effect(verdict, reason, lift, newcombe(treatment, hold_out), any_time, detectable, lift * treatment.customers, saves)


def _judged(treatment: Arm, hold_out: Arm, any_time: Interval, detectable: float) -> tuple[Verdict, str]:
    if min(treatment.left, hold_out.left) < LEAST_EVENTS:
        few = f"of the treatment arm {treatment.left} left and of the hold-out {hold_out.left}: fewer than {LEAST_EVENTS} in an arm show nothing"
        return "under_powered", few
    if any_time.low > 0:
        return "works", f"it keeps {100 * any_time.low:.1f} to {100 * any_time.high:.1f} of 100 customers who would have left, however often it was looked at"
    if any_time.high < 0:
        return "does_harm", f"{-100 * any_time.high:.1f} to {-100 * any_time.low:.1f} of 100 customers left because of it: stop it"
    told = f"a lift below {100 * detectable:.1f} points would mostly not be seen with so many customers"
    verdict: Verdict = "under_powered" if detectable > EXPECTED_EFFECT else "no_difference_seen"
    return verdict, f"no difference is seen; {told}"


def newcombe(treatment: Arm, hold_out: Arm) -> Interval:
    """Of the difference of two shares, by the Wilson intervals of each (Newcombe 1998, method 10)."""
    (low_t, high_t), (low_c, high_c) = wilson(treatment), wilson(hold_out)
    lift, t, c = treatment.share - hold_out.share, treatment.share, hold_out.share
    return Interval(lift - math.hypot(t - low_t, high_c - c), lift + math.hypot(high_t - t, c - low_c))


def wilson(arm: Arm) -> Interval:
    n, p = arm.customers, arm.share
    middle, spread = p + Z95**2 / (2 * n), Z95 * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return Interval((middle - spread) / (1 + Z95**2 / n), (middle + spread) / (1 + Z95**2 / n))


def sequential(lift: float, spread: float, *, alpha: float = 1 - CONFIDENCE) -> Interval:
    """All effects that the mixture does not reject, at any time. `spread`: the variance of the lift."""
    prior = EXPECTED_EFFECT**2
    half = math.sqrt(2 * spread * (spread + prior) / prior * math.log(math.sqrt((spread + prior) / spread) / alpha))
    return Interval(max(-1.0, lift - half), min(1.0, lift + half))


def variance(treatment: Arm, hold_out: Arm) -> float:
    """Of the difference; of shares of 0 or 1 as if half a customer more had left and half one more stayed."""
    return sum(_spread(arm) for arm in (treatment, hold_out))


def money(effect: Effect, *, contacts: int, cost_minor: int, value_minor: int) -> Money:
    """`value_minor`: the mean future value of a customer of the treatment arm."""
    if effect.verdict != "works" or effect.saves is None:
        return Money(cost_minor, None, None, None)
    saved = round(effect.saves * value_minor)
    return Money(cost_minor, saved, saved / cost_minor - 1 if cost_minor else None, contacts / effect.saves)


def _spread(arm: Arm) -> float:
    share = (arm.retained + 0.5) / (arm.customers + 1)
    return share * (1 - share) / arm.customers


def _pooled(treatment: Arm, hold_out: Arm) -> tuple[Arm, Arm]:
    """As if there were no difference."""
    share = (treatment.retained + hold_out.retained) / (treatment.customers + hold_out.customers)
    return Arm(treatment.customers, round(share * treatment.customers)), Arm(hold_out.customers, round(share * hold_out.customers))
