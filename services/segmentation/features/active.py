"""Stretches of days with chargeable events: outgoing use, or a top-up. Their union is the same in whatever order the facts come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.segmentation.features.months import FAR_ENDS
from shared.contracts import billing, network
from shared.contracts.customer import Fact

GAP_DAYS = 7
"""Stretches no further apart are one: usage is summarised by the week."""
STRETCHES_KEPT = 30

Stretches = list[list[str]]


def is_chargeable(usage: Mapping[str, Any]) -> bool:
    spoke = any(usage.get(far_end, {}).get("out_seconds", 0) for far_end in FAR_ENDS)
    abroad = usage.get("roaming", {})
    return spoke or bool(usage.get("sms_out")) or any(usage.get("data", {}).values()) or bool(abroad.get("seconds") or abroad.get("data_kb"))


def period_of(usage: Mapping[str, Any]) -> tuple[str, str]:
    """First and last day of a summary."""
    first, end = (datetime.fromisoformat(usage[name]).astimezone(UTC) for name in ("period_start", "period_end"))
    return first.date().isoformat(), (end - timedelta(microseconds=1)).date().isoformat()


def heard_of(fact: Fact) -> Iterator[tuple[str, date]]:
    """Which feeds a fact shows to have come to which day: also a summary of no use at all."""
    if fact.type == network.UsageSummarised.type:
        yield "usage", date.fromisoformat(period_of(fact.data)[1])
    elif fact.type in {billing.PaymentReceived.type, billing.ToppedUp.type}:
        yield "payments", fact.time.astimezone(UTC).date()
        if fact.type == billing.ToppedUp.type:
            yield "usage", fact.time.astimezone(UTC).date()


def day_of(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def add(stretches: Stretches, first: str, last: str) -> None:
    """Join a stretch in, in place; the oldest ones fall out of what is kept."""
    if stretches and stretches[-1][0] <= first and _days(stretches[-1][1], first) <= GAP_DAYS:
        stretches[-1][1] = max(stretches[-1][1], last)
        return
    joined: Stretches = []
    for one in sorted([*stretches, [first, last]]):
        if joined and _days(joined[-1][1], one[0]) <= GAP_DAYS:
            joined[-1][1] = max(joined[-1][1], one[1])
        else:
            joined.append(list(one))
    stretches[:] = joined[-STRETCHES_KEPT:]


def silent_days(stretches: Sequence[Sequence[str]], heard: date | None) -> int | None:
    """Days from the last chargeable event to where the feed has come; None when there never was one, or nothing was heard of."""
    return max(0, (heard - date.fromisoformat(stretches[-1][1])).days) if stretches and heard else None


def silence_began(stretches: Sequence[Sequence[str]], days: int, after: date, until: date) -> date | None:
    """The first day in (`after`, `until`] on which a silence was `days` long: so many after the last day of a stretch, and before the first
    of the next. In any order, and they may overlap. A silence shorter than `GAP_DAYS` may be hidden inside a stretch."""
    reached: date | None = None
    for first, end in (*sorted((date.fromisoformat(one[0]), date.fromisoformat(one[1])) for one in stretches), (date.max, date.max)):
        if reached and after < reached <= until and reached < first:
            return reached
        if first > until:
            return None
        reached = max(reached or date.min, end + timedelta(days=days))
    return None


def _days(earlier: str, later: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days
