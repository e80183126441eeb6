"""The lifecycle stage, as a state machine written as a table: from where, to where, when.

The first row that fits is taken, again and again until none does: a customer told anew walks from prospect to where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from services.segmentation.features import Features, active, holdings
from services.segmentation.features.months import OUT_SECONDS, PAID, back, covered, trend_percent
from services.segmentation.parameters import Lifecycle
from services.segmentation.seen import Seen
from services.segmentation.words import Stage

COVERED_DAYS = 45
"""Of three months: less says nothing about usage."""


class Situation(NamedTuple):
    """What the stages depend on, as of a day."""

    has_live: bool
    ever_left: bool
    tenure_days: int
    came_back: bool
    """Under another id, or under this one after a time without a subscription."""
    percent: float | None
    """Of the three months before, by money or, where nobody pays, by outgoing seconds; None: too little to tell."""
    silent_days: int | None


class Transition(NamedTuple):
    sources: frozenset[Stage]
    target: Stage
    when: Callable[[Situation, Lifecycle], bool]
    reason: str


def situation_of(features: Features, seen: Seen) -> Situation:
    joined = features.joined_on
    return Situation(
        has_live=bool(features.live),
        ever_left=any(one["terminated_on"] for one in features.subscriptions),
        tenure_days=max(0, (seen.today - joined).days) if joined else 0,
        came_back=features.returned or holdings.came_back(features.subscriptions),
        percent=_percent(features, seen.behaviour),
        silent_days=active.silent_days(features.active, seen.usage),
    )


def next_stage(stage: Stage | None, situation: Situation, parameters: Lifecycle) -> tuple[Stage, str]:
    """Where the customer is now and by which transition they came; the reason is empty when they stay."""
    at, reason = stage or "prospect", "" if stage else "registered"
    for _ in TRANSITIONS:  # each row at most once: no table can go round in a circle for ever
        row = next((row for row in TRANSITIONS if at in row.sources and row.when(situation, parameters)), None)
        if row is None:
            break
        at, reason = row.target, row.reason
    return at, reason


def _percent(features: Features, today: date) -> float | None:
    if covered(back(features.months, today, 4, 6)) < COVERED_DAYS and not any(month.get(name) for month in back(features.months, today, 4, 6) for name in PAID):
        return None
    money = trend_percent(features.months, today, *PAID)
    return trend_percent(features.months, today, *OUT_SECONDS) if money is None else money


def _left(situation: Situation, _: Lifecycle) -> bool:
    return not situation.has_live and situation.ever_left


def _holds_nothing(situation: Situation, _: Lifecycle) -> bool:
    return not situation.has_live and not situation.ever_left


def _activated(situation: Situation, _: Lifecycle) -> bool:
    return situation.has_live


def _came_back(situation: Situation, _: Lifecycle) -> bool:
    return situation.has_live and situation.came_back


def _settled_back(situation: Situation, parameters: Lifecycle) -> bool:
    return situation.tenure_days >= parameters.won_back_days


def _falls(situation: Situation, parameters: Lifecycle) -> bool:
    falling = situation.percent is not None and situation.percent < 100 - parameters.falling_percent
    return falling or (situation.silent_days is not None and situation.silent_days >= parameters.silent_days)


def _rises(situation: Situation, parameters: Lifecycle) -> bool:
    return situation.percent is not None and situation.percent >= 100 + parameters.rising_percent


def _is_young(situation: Situation, parameters: Lifecycle) -> bool:
    return parameters.onboarding_days <= situation.tenure_days < parameters.growth_days


def _is_old(situation: Situation, parameters: Lifecycle) -> bool:
    return situation.tenure_days >= parameters.growth_days


def _recovered(situation: Situation, parameters: Lifecycle) -> bool:
    heard_of = situation.silent_days is None or situation.silent_days < parameters.silent_days
    return heard_of and (situation.percent is None or situation.percent >= 100 - parameters.recovered_percent)


_CUSTOMERS: frozenset[Stage] = frozenset({"onboarding", "growth", "mature", "decline", "won_back"})

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_CUSTOMERS | {"prospect"}, "churned", _left, "the last subscription ended"),
    Transition(_CUSTOMERS | {"churned"}, "prospect", _holds_nothing, "all that was held turned out to be somebody else's"),
    Transition(frozenset({"prospect"}), "won_back", _came_back, "came back"),
    Transition(frozenset({"prospect"}), "onboarding", _activated, "the first subscription was activated"),
    Transition(frozenset({"churned"}), "won_back", _activated, "came back"),
    Transition(frozenset({"growth", "mature"}), "decline", _falls, "pays or uses much less than before, or is silent"),
    Transition(frozenset({"decline"}), "mature", _recovered, "is back to what it was"),
    Transition(frozenset({"won_back"}), "mature", _settled_back, "stayed since coming back"),
    Transition(frozenset({"onboarding"}), "growth", _is_young, "onboarding is over"),
    Transition(frozenset({"onboarding", "growth"}), "mature", _is_old, "a long-standing customer"),
    Transition(frozenset({"mature"}), "growth", lambda s, p: _rises(s, p) and not _is_old(s, p), "grows"),
)
