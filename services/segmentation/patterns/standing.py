"""What time passing and changed scores show, without an event about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

from services.segmentation.features import Features, active
from services.segmentation.features.account import Position
from services.segmentation.parameters import Parameters
from services.segmentation.patterns.finding import Finding, Severity
from services.segmentation.seen import Seen
from services.segmentation.words import Segment

LIVE_DAYS = 7
"""The feed of usage is live when it has come this close to today: only then is silence one."""


class Stands(NamedTuple):
    """What was found out about the customer as of a day."""

    seen: Seen
    position: Position
    dunning_level: int
    segment: Segment | None
    segment_before: Segment | None
    """A good segment they were in within the days that RFM migration looks back; None: in none."""
    segment_before_on: date | None = None
    rhythm: float | None = None
    """Days since the last purchase over the customer's own mean days between purchases; None: no rhythm known."""


def arm_again(features: Features, stands: Stands, parameters: Parameters) -> None:
    """What is over: the bill paid, the contract renewed, the silence broken."""
    rules, alerted = parameters.patterns, features.alerted
    if not stands.position.owed_minor:
        alerted.pop("arrears", None)
    if "contract_ending" in alerted and next(_ending(features, stands.seen.today, rules.contract_ending_days), None) is None:
        del alerted["contract_ending"]
    silent = _silent_days(features, stands)
    if silent is not None and silent < rules.silent_days:
        alerted.pop("silent", None)


def findings(features: Features, stands: Stands, now: datetime, parameters: Parameters) -> Iterator[Finding]:
    if not features.live:
        return
    yield from _contract_ending(features, stands, now, parameters)
    yield from _silent(features, stands, now, parameters)
    yield from _rfm_migration(stands, now, parameters)
    yield from _arrears(stands, now, parameters)


def _contract_ending(features: Features, stands: Stands, now: datetime, parameters: Parameters) -> Iterator[Finding]:
    rules = parameters.patterns
    ending = min(_ending(features, stands.seen.today, rules.contract_ending_days), default=None)
    if ending:
        days, subscription_id = ending
        reason = f"The contract of {subscription_id} ends in {days} days" if days else f"The contract of {subscription_id} ends today"
        evidence = {"subscription_id": subscription_id, "days_left": days}
        yield Finding("contract_ending", "urgent" if days <= rules.contract_urgent_days else "warning", reason, evidence, now, _cause(stands))


def _ending(features: Features, today: date, within_days: int) -> Iterator[tuple[int, str]]:
    for one in features.live:
        if one["contract_ends"]:
            days = (date.fromisoformat(one["contract_ends"]) - today).days
            if 0 <= days <= within_days:
                yield days, str(one["subscription_id"])


def _silent(features: Features, stands: Stands, now: datetime, parameters: Parameters) -> Iterator[Finding]:
    heard = stands.seen.usage
    if heard is None or (stands.seen.today - heard).days > LIVE_DAYS:
        return  # a backlog comes by several partitions, and one of them may be weeks behind another
    days = _silent_days(features, stands)
    if days is not None and days >= parameters.patterns.silent_days:
        evidence = {"silent_days": days, "last_active_on": features.active[-1][1]}
        yield Finding("silent", "warning", f"No chargeable event for {days} days", evidence, now, _cause(stands))


def _silent_days(features: Features, stands: Stands) -> int | None:
    """The time before a customer came back is no silence of theirs."""
    heard, joined = stands.seen.usage, features.joined_on
    days = active.silent_days(features.active, heard)
    return days if days is None or heard is None or joined is None else min(days, max(0, (heard - joined).days))


def _rfm_migration(stands: Stands, now: datetime, parameters: Parameters) -> Iterator[Finding]:
    out_of_rhythm = stands.rhythm is None or stands.rhythm >= parameters.patterns.rfm_rhythm
    if stands.segment in parameters.patterns.rfm_to and stands.segment_before and out_of_rhythm:
        reason = f"From {stands.segment_before} to {stands.segment} within {parameters.patterns.rfm_fall_days} days"
        since = stands.segment_before_on.isoformat() if stands.segment_before_on else None
        evidence = {"from": stands.segment_before, "to": stands.segment, "was_on": since}
        yield Finding("rfm_migration", "warning", reason, evidence, now, _cause(stands))


def _arrears(stands: Stands, now: datetime, parameters: Parameters) -> Iterator[Finding]:
    owed, days = stands.position.owed_minor, stands.position.overdue_days
    if stands.dunning_level >= parameters.moments.bad_debt_level:
        evidence = {"owed_minor": owed, "overdue_days": days, "dunning_level": stands.dunning_level, "bills": list(stands.position.bills)}
        severity: Severity = "urgent" if stands.dunning_level >= 3 else "warning"
        yield Finding("arrears", severity, f"{owed / 100:,.2f} are {days} days past due", evidence, now, _cause(stands))


def _cause(stands: Stands) -> str:
    return f"day:{stands.seen.today.isoformat()}"
