"""Calls to abroad and to premium numbers: a few of everybody's own, and many of somebody who took the number over for a week or two.

While a number is taken over its use is told by the day, as a fraud system has it. All dice are of their own purpose: nothing else
that is told of a customer depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from deploy.demo.events import Report, midnight, period, report, voice
from deploy.demo.population import Customer
from deploy.demo.scene import Scene

STOLEN_MINUTES = (15, 160)  # a day
OWN_MINUTES = (1.0, 1.3)  # a week to abroad, lognormal: 3 at the median, one in twenty has 23
FAMILY_WEEK_SHARE, FAMILY_WEEK_FACTOR = 0.01, 6  # nothing is stolen, it is a feast
PREMIUM_WEEK_SHARE = 0.05
SECONDS_PER_CALL = 240


def own_calls(customer: Customer, day: date, left: float) -> dict[str, Any]:
    """Of the week before `day`, by far end; `left` is what a drift leaves of it."""
    dice = customer.random("abroad", day)
    family = FAMILY_WEEK_FACTOR if dice.random() < FAMILY_WEEK_SHARE else 1
    abroad = customer.random("abroad").lognormvariate(*OWN_MINUTES) * dice.uniform(0.3, 1.7) * family * left
    premium = dice.uniform(1, 5) if dice.random() < PREMIUM_WEEK_SHARE else 0.0
    return {"international": _voice(abroad), "premium": _voice(premium)}


def is_taken_over(scene: Scene) -> bool:
    """Yesterday, which is what is told today."""
    return scene.day - timedelta(days=1) in scene.course.taken_over


def told_daily(scene: Scene) -> Iterator[Report]:
    """On the reporting day it stands where the week would."""
    if is_taken_over(scene) and scene.day.weekday() != scene.customer.reporting_weekday:
        yield day_of_takeover(scene)


def day_of_takeover(scene: Scene) -> Report:
    who, dice = scene.customer, scene.customer.random("taken over", scene.day)
    calls, off_net = who.calls_per_week / 7, who.calls_per_week / 7 * who.off_net_share
    kilobytes = who.data_kb_per_week / 7 * dice.uniform(0.5, 1.5)
    return report(
        midnight(scene.day) + timedelta(minutes=30 + who.number % 30), "network.usage_summarised", scene.by_number, **period(scene.day - timedelta(days=1), 1),
        on_net=voice(calls - off_net, calls - off_net, 90), off_net=voice(off_net, off_net, 90), **_stolen(dice),
        data={"g4_kb": round(kilobytes * 0.3), "g5_kb": round(kilobytes * 0.7)},
    )  # fmt: skip


def _stolen(dice: Random) -> dict[str, Any]:
    minutes, premium_share = dice.uniform(*STOLEN_MINUTES), dice.uniform(0, 0.6)
    return {"international": _voice(minutes * (1 - premium_share)), "premium": _voice(minutes * premium_share)}


def _voice(minutes: float) -> dict[str, int]:
    return voice(round(60 * minutes / SECONDS_PER_CALL), 0, SECONDS_PER_CALL)
