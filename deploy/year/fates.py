"""What became of the same customers in two years that differ in nothing but the calls. Pure.

The dice of every customer are their own (deploy/demo/population.py), so who left in one year and not in the other was kept, or driven away, by a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple

from deploy.demo.population import Responder
from deploy.demo.stream import Stream
from deploy.evaluate.metrics import Window
from services.retention.effect import Arm, Effect, measure
from services.retention.hold_out import Arm as ArmName

EVERYBODY = "everybody"


class Fate(NamedTuple):
    responder: Responder
    left_off: date | None
    """With no campaign."""
    left_on: date | None


class Exposed(NamedTuple):
    """A customer in the campaign, as retention's database has it."""

    customer_id: str
    arm: ArmName
    on: date
    value_minor: int
    """Future value at that moment; 0: not known."""


class Uplift(NamedTuple):
    """Of customers of one hidden type, or of all."""

    who: str
    treated: int
    held_out: int
    truth: float | None
    """The share of the treated whom the campaign kept within the horizon, by both years."""
    found: Effect
    """By their arms, as the campaign's own effect is measured; the types are known to the simulation alone."""


def fates_of(off: Stream, on: Stream, end: date) -> dict[str, Fate]:
    """By customer, of those who are in both years; who leaves later has not left."""
    both = [one for name, one in on.customers.items() if name in off.customers]
    return {one.customer_id: Fate(one.responder, _until(end, off, one.customer_id), _until(end, on, one.customer_id)) for one in both}


def _until(end: date, stream: Stream, customer_id: str) -> date | None:
    left = stream.course(customer_id).left
    return left if left and left < end else None


def left_by_day(left: Iterable[date | None], window: Window) -> list[tuple[date, float]]:
    """How many had left by the end of each day, from the first one on."""
    days = [window.first + timedelta(days=nth) for nth in range((window.end - window.first).days)]
    counts = dict.fromkeys(days, 0)
    for day in left:
        if day in counts:
            counts[day] += 1
    return list(zip(days, map(float, accumulate(counts.values())), strict=True))


def saved_minor(exposed: Iterable[Exposed], fates: Mapping[str, Fate]) -> dict[str, int]:
    """By month: the value of who would have left in it, less that of who did."""
    months: dict[str, int] = {}
    for one in exposed:
        fate = fates.get(one.customer_id)
        for day, sign in ((fate.left_off, 1), (fate.left_on, -1)) if fate and fate.left_off != fate.left_on else ():
            if day:
                months[f"{day:%Y-%m}"] = months.get(f"{day:%Y-%m}", 0) + sign * one.value_minor
    return months


def uplifts(exposed: Sequence[Exposed], fates: Mapping[str, Fate], *, days: int, before: date) -> Iterator[Uplift]:
    """Of all who were exposed so many days before, then by type."""
    ripe = [(one, fates[one.customer_id]) for one in exposed if one.customer_id in fates and one.on + timedelta(days=days) <= before]
    yield _uplift(EVERYBODY, ripe, days)
    for responder in Responder:
        yield _uplift(responder, [(one, fate) for one, fate in ripe if fate.responder == responder], days)


def _uplift(who: str, ripe: Sequence[tuple[Exposed, Fate]], days: int) -> Uplift:
    treated, held_out = ([pair for pair in ripe if pair[0].arm == arm] for arm in ("treatment", "hold_out"))
    kept = [_leaves(one, fate.left_off, days) - _leaves(one, fate.left_on, days) for one, fate in treated]
    truth = sum(kept) / len(kept) if kept else None
    return Uplift(who, len(treated), len(held_out), truth, measure(_arm(treated, days), _arm(held_out, days)))


def _arm(pairs: Sequence[tuple[Exposed, Fate]], days: int) -> Arm:
    return Arm(len(pairs), sum(not _leaves(one, fate.left_on, days) for one, fate in pairs))


def _leaves(one: Exposed, left: date | None, days: int) -> bool:
    return left is not None and left <= one.on + timedelta(days=days)
