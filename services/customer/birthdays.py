"""When customers have their birthday: on their own clock, told on the day or soon after it, and never with a year of birth."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.customer.facts import OwnFact
from shared.contracts.customer import BirthdayReached

# Who was down for a day or two tells what was missed; later than that nobody wants to be congratulated.
LATE_DAYS = 2
# Clocks on earth are from 12 hours behind UTC to 14 ahead of it.
MOST_BEHIND, MOST_AHEAD = timedelta(hours=12), timedelta(hours=14)


def month_day_of(birth_date: str) -> str | None:
    """`11-28`; None for what is no date."""
    try:
        return f"{date.fromisoformat(birth_date):%m-%d}"
    except ValueError:
        return None


def celebrated_on(day: date) -> list[str]:
    """Whose birthday it is, as month and day: in years without a February 29 it is on the 28th."""
    own = f"{day:%m-%d}"
    return [own, "02-29"] if own == "02-28" and not isleap(day.year) else [own]


def days_at(now: datetime) -> list[date]:
    """Days that somewhere on earth are today, or not over for too long."""
    first, last = (now - MOST_BEHIND).date() - timedelta(days=LATE_DAYS), (now + MOST_AHEAD).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def is_reached(day: date, zone: ZoneInfo, now: datetime) -> bool:
    """It is that day there, or it was not too long ago."""
    return timedelta(0) <= now.astimezone(zone).date() - day <= timedelta(days=LATE_DAYS)


def is_celebrated(profile: Mapping[str, Any], day: date, zone: ZoneInfo) -> bool:
    """Of a registered person who has a subscription that was live before the day was over."""
    if profile.get("kind") != "person" or "registered_at" not in profile:
        return False
    over = _begin(day + timedelta(days=1), zone)
    live = (one for one in profile["subscriptions"] if "activated_at" in one and "terminated_at" not in one)
    return any(datetime.fromisoformat(one["activated_at"]) < over for one in live)


def fact_id(customer_id: str, year: int) -> str:
    """Once a year, whatever becomes of the date meanwhile."""
    return f"birthday:{customer_id}:{year}"


def fact_of(customer_id: str, day: date, zone: ZoneInfo) -> OwnFact:
    """It happened when the day began, however late it is told."""
    return OwnFact(customer_id, fact_id(customer_id, day.year), BirthdayReached(on=day), _begin(day, zone))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
