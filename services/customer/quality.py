"""How good what we know of a customer is: what an operator needs and lacks, what can not be right, and whether contacts arrive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from shared.contracts.envelope import PersonalKind
from shared.pii import is_telling

Document = dict[str, Any]
Flaws = dict[str, str]
Result = Literal["reached", "unreached", "wrong_number"]

ATTRIBUTES = ("kind", "name", "document", "language", "region", "acquisition_channel", "acquisition_agent", "consents")
OLDEST_YEARS = 120
# A contact of half a year ago says half as much as one of today.
HALF_LIFE = timedelta(days=180)
# Before anything was tried, one contact made and one missed are assumed: an even chance that a few contacts outweigh.
ASSUMED = 1.0

# What outcomes call the channels, where it is not our word.
_CHANNELS = {"hotline": "call", "phone": "call", "e-mail": "email", "mail": "email"}
_MISSED: dict[str, Result] = {"unreached": "unreached", "wrong_number": "wrong_number"}
_REACHED_BY = {"phone": ("call", "sms"), "email": ("email",), "address": ()}

_CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_PHONE = re.compile(r"^[1-9][0-9]{6,14}$")


class Outcome(NamedTuple):
    """What came of one try to reach the customer."""

    at: datetime
    channel: str
    result: Result


class Reachability(NamedTuple):
    """`rate`: how likely the next contact arrives."""

    rate: float
    attempts: int
    reached: int
    last_reached_at: datetime | None
    wrong_number: bool


class Quality(NamedTuple):
    completeness_percent: int
    validity_percent: int
    score_percent: int
    missing: list[str]
    flaws: Flaws


def outcome_of(at: datetime, data: Mapping[str, Any]) -> Outcome | None:
    """Of the payload of a retention outcome or an agent's contact. Who called us was not reached by us."""
    if "result" in data:
        return Outcome(at, "call", _MISSED.get(data["result"], "reached"))
    channel = _CHANNELS.get(data["channel"], data["channel"])
    return Outcome(at, channel, "reached") if data["direction"] == "outbound" else None


def reachability(outcomes: Iterable[Outcome], at: datetime) -> Reachability:
    """Learned from what contacts came to, the recent ones more."""
    listed = sorted(one for one in outcomes if one.at <= at)
    weights = [(one.result == "reached", 0.5 ** ((at - one.at) / HALF_LIFE)) for one in listed]
    reached = sum(weight for arrived, weight in weights if arrived)
    rate = (ASSUMED + reached) / (2 * ASSUMED + sum(weight for _, weight in weights))
    arrived = [one.at for one in listed if one.result == "reached"]
    wrong = any(one.result == "wrong_number" and (not arrived or arrived[-1] <= one.at) for one in listed)
    return Reachability(round(rate, 4), len(listed), len(arrived), arrived[-1] if arrived else None, wrong)


def by_channel(outcomes: Iterable[Outcome], at: datetime) -> dict[str, Reachability]:
    channels: dict[str, list[Outcome]] = {}
    for one in outcomes:
        channels.setdefault(one.channel, []).append(one)
    return {channel: reachability(listed, at) for channel, listed in sorted(channels.items())}


def of_contact_point(kind: str, told_at: datetime | None, outcomes: Iterable[Outcome], at: datetime) -> Reachability:
    """From the contacts on its channels since we know it: those before went elsewhere."""
    return reachability((one for one in outcomes if one.channel in _REACHED_BY[kind] and (told_at is None or told_at <= one.at)), at)


def assess(profile: Document, *, wrong: Iterable[int] = (), today: date) -> Quality:
    """Of a profile in plain; `wrong`: which of its contact points are known to be somebody else's."""
    needed = _needed(profile)
    missing = [name for name, there in needed.items() if not there]
    flaws = _flaws(profile, today) | {f"contact_points.{at}": "wrong_number" for at in wrong}
    judged = _judged(profile)
    completeness = 1 - len(missing) / len(needed)
    validity = 1 - len(flaws) / judged if judged else 1.0
    return Quality(_percent(completeness), _percent(validity), _percent(completeness * validity), missing, dict(sorted(flaws.items())))


def flaw_of(kind: PersonalKind, value: str, today: date) -> str | None:
    """Why the value can not be right; None when nothing speaks against it."""
    if kind == "date":
        return None if _is_birth_date(value, today) else "impossible_date"
    if not is_telling(kind, value):
        return "placeholder"
    if kind == "name":
        return None if len(value.strip()) > 1 and not any(letter.isdigit() for letter in value) else "not_a_name"
    if kind == "document":
        return _document_flaw(*_labelled(value), today)
    return None


def _needed(profile: Document) -> dict[str, bool]:
    points = profile.get("contact_points") or ()
    needed = {name: profile.get(name) is not None for name in ATTRIBUTES}
    if profile.get("kind") != "organisation":
        needed["birth_date"] = profile.get("birth_date") is not None
    return needed | {"contact_point": bool(points), "verified_contact_point": any(one.get("verified") for one in points)}


def _judged(profile: Document) -> int:
    return sum(profile.get(name) is not None for name in ("name", "document", "birth_date")) + len(profile.get("contact_points") or ())


def _flaws(profile: Document, today: date) -> Flaws:
    kinds: dict[str, PersonalKind] = {"name": "name", "document": "document", "birth_date": "date"}
    found = {name: flaw_of(kind, profile[name], today) for name, kind in kinds.items() if profile.get(name) is not None}
    found |= {f"contact_points.{at}": _contact_flaw(point) for at, point in enumerate(profile.get("contact_points") or ())}
    if found.get("birth_date") is None and _contradicts(profile.get("document") or "", profile.get("birth_date")):
        found["birth_date"] = "not_as_on_the_document"
    return {name: flaw for name, flaw in found.items() if flaw}


def _contact_flaw(point: Document) -> str | None:
    value = point["value"]
    if not is_telling("contact", value):
        return "placeholder"
    if point["kind"] == "phone":
        return None if _PHONE.match(value) else "not_a_number"
    if point["kind"] == "email":
        return None if _EMAIL.match(value) else "not_an_address"
    return None if len(value) > 5 else "not_an_address"


def _labelled(document: str) -> tuple[str, str]:
    label, _, number = document.rpartition(":")
    return label, number.upper()


def _document_flaw(label: str, number: str, today: date) -> str | None:
    if label != "id_card":
        return None if len(number) >= 5 else "too_short"
    if not re.match(r"^[0-9]{17}[0-9X]$", number):
        return "not_a_number"
    if not _is_birth_date(_birth_date_on(number), today):
        return "impossible_date"
    # GB 11643: the last digit follows from the others.
    check = sum(weight * int(digit) for weight, digit in zip(_CHECK_WEIGHTS, number[:17], strict=True)) % 11
    return None if number[17] == _CHECK_DIGITS[check] else "check_digit"


def _contradicts(document: str, birth_date: str | None) -> bool:
    label, number = _labelled(document)
    return birth_date is not None and label == "id_card" and len(number) == 18 and _birth_date_on(number) != birth_date


def _birth_date_on(number: str) -> str:
    return f"{number[6:10]}-{number[10:12]}-{number[12:14]}"


def _is_birth_date(value: str, today: date) -> bool:
    try:
        born = date.fromisoformat(value)
    except ValueError:
        return False
    return born <= today and today.year - born.year <= OLDEST_YEARS


def _percent(share: float) -> int:
    return round(100 * max(0.0, share))
