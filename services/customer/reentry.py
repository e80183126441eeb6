"""Who comes in as a new customer and is one who just left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

Document = dict[str, Any]
MatchedBy = Literal["document", "device", "circle"]

WITHIN = timedelta(days=90)
# People often take the new contract first and end the old one when it works.
OVERLAP = timedelta(days=7)
# A newcomer shows whom they call within weeks; what is reported later than this is not looked at any more.
WATCHED = timedelta(days=180)
NEWCOMER_SHOWS = timedelta(days=60)
# Who ended so did not leave to come back: another person has the number or the phone now.
HANDED_ON = frozenset({"death", "transfer"})

_SUREST: tuple[MatchedBy, ...] = ("document", "device", "circle")


class Stay(NamedTuple):
    """When a customer came and left; None where it is not known, or not so."""

    customer_id: str
    registered_at: datetime | None = None
    channel: str | None = None
    came_at: datetime | None = None
    left_at: datetime | None = None


class Match(NamedTuple):
    former: Stay
    matched_by: MatchedBy
    likeness: float = 1.0


def stay_of(customer_id: str, profile: Document) -> Stay:
    held = [one for one in profile.get("subscriptions", ()) if "activated_at" in one]
    registered = profile.get("registered_at")
    came = min((datetime.fromisoformat(one["activated_at"]) for one in held), default=None)
    return Stay(customer_id, datetime.fromisoformat(registered) if registered else None, profile.get("acquisition_channel"), came, _left_at(held))


def is_return(newcomer: Stay, former: Stay) -> bool:
    """Whether the times fit: the one registered and came when the other had left, or was about to."""
    if newcomer.came_at is None or newcomer.registered_at is None or former.left_at is None or former.came_at is None:
        return False
    first = former.left_at - OVERLAP
    return former.came_at < newcomer.came_at and first <= newcomer.registered_at and first <= newcomer.came_at <= former.left_at + WITHIN


def surest(matches: Iterable[Match]) -> Match:
    """By a document rather than a device, by a device rather than a circle; the likest; the last who left."""
    return min(matches, key=lambda one: (_SUREST.index(one.matched_by), -one.likeness, -_seconds(one.former.left_at), one.former.customer_id))


def watched_period(stay: Stay, now: datetime) -> tuple[datetime, datetime] | None:
    """Whose calls in which period tell them: of who left lately the last ones, of who came lately the first ones."""
    if stay.left_at is not None and now - stay.left_at < WATCHED:
        return stay.left_at - WITHIN, stay.left_at
    if stay.left_at is None and stay.came_at is not None and now - stay.came_at < WATCHED:
        return stay.came_at, stay.came_at + NEWCOMER_SHOWS
    return None


def watched_until(stay: Stay) -> datetime:
    """Raises ValueError for one who is neither here nor gone."""
    since = stay.left_at or stay.came_at
    if since is None:
        raise ValueError(stay.customer_id)
    return since + WATCHED


def matches(newcomer: Stay, by_value: Iterable[tuple[MatchedBy, str]], by_circle: Mapping[str, float], stays: Mapping[str, Stay]) -> list[Match]:
    """Of all whom the newcomer shares something with, those whose times fit."""
    found = [Match(stays[former], matched_by) for matched_by, former in by_value if former in stays]
    found += [Match(stays[former], "circle", likeness) for former, likeness in by_circle.items() if former in stays]
    return [one for one in found if is_return(newcomer, one.former)]


def _left_at(held: list[Document]) -> datetime | None:
    if not held or any("terminated_at" not in one for one in held):
        return None
    last = max(held, key=lambda one: datetime.fromisoformat(one["terminated_at"]))
    return None if last.get("termination_reason") in HANDED_ON else datetime.fromisoformat(last["terminated_at"])


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0
