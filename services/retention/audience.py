"""Who a campaign is for: a condition over what is known of a customer, as a tree of data that is explained and never executed.

    {"all": [{"field": "tier", "one_of": ["gold", "platinum"]}, {"field": "risk", "at_least": 0.2}]}

What is not known makes its leaf neither true nor false, and nobody belongs to an audience by what is not known of them: `not` of it is no
more true. A tree that can not be read holds for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from services.retention.contactable import Contactable
from services.retention.worth import Worth

Condition = Mapping[str, Any]
Facts = Mapping[str, Any]
Kind = Literal["number", "text", "flag", "list"]

MOST_LEAVES, DEEPEST = 40, 6
_FITS: Mapping[str, frozenset[Kind]] = {
    "is": frozenset({"text", "flag", "number"}),
    "one_of": frozenset({"text", "number"}),
    "at_least": frozenset({"number"}),
    "at_most": frozenset({"number"}),
    "has": frozenset({"list"}),
    "known": frozenset({"number", "text", "flag", "list"}),
}


class Field(NamedTuple):
    kind: Kind
    about: str


FIELDS: Mapping[str, Field] = {
    "kind": Field("text", "person or organisation"),
    "region": Field("text", "Where they live"),
    "language": Field("text", "Two letters"),
    "service_star": Field("number", "Service level as order entry reports it, 1 to 5"),
    "acquisition_channel": Field("text", "How they came to us"),
    "payment_types": Field("list", "prepaid, postpaid: of live subscriptions, of who left of those they had"),
    "brands": Field("list", "Of live subscriptions"),
    "plans": Field("list", "Of live subscriptions"),
    "products": Field("list", "Of live subscriptions"),
    "live_subscriptions": Field("number", "How many"),
    "tenure_days": Field("number", "Since the oldest live subscription started"),
    "anniversary_days": Field("number", "Since the last anniversary of that day; from the first one on"),
    "contract_ends_in_days": Field("number", "The next end of a contract"),
    "left_days": Field("number", "Since the last subscription ended, of who has none"),
    "left_because": Field("text", "port_out, customer_request, arrears, fraud, death, transfer, other"),
    "birthday_days": Field("number", "Since the last birthday; customer tells of it on the day, and never of the year"),
    "tier": Field("text", "Value tier"),
    "grade": Field("text", "Of a key account"),
    "star": Field("number", "Service star"),
    "category": Field("text", "mvc, mgc, bz or other"),
    "lifecycle": Field("text", "Stage of the customer's life with us"),
    "status_group": Field("text", "stable, warning, off_net"),
    "cluster": Field("text", "Behaviour cluster"),
    "dunning_level": Field("number", "0 to 4"),
    "owed_minor": Field("number", "Past due"),
    "value_minor": Field("number", "Per year"),
    "future_value_minor": Field("number", "Expected"),
    "revenue_at_risk_minor": Field("number", "Probability to leave times future value"),
    "segment": Field("text", "Named RFM segment"),
    "r": Field("number", "Recency, 1 to 5"),
    "f": Field("number", "Frequency, 1 to 5"),
    "m": Field("number", "Monetary, 1 to 5"),
    "risk": Field("number", "Probability to leave within the horizon"),
    "sensitivity": Field("text", "persuadable, sure_thing, lost_cause, do_not_disturb"),
    "open_complaints": Field("number", "How many"),
    "resolved_days": Field("number", "Since the last complaint was resolved"),
    "warnings": Field("list", "Kinds of warnings, moments and moves in the club within 30 days"),
    "club_level": Field("text", "Of the loyalty club"),
    "points": Field("number", "Loyalty points"),
}


class Around(NamedTuple):
    """What else is known at the moment."""

    now: datetime
    open_complaints: int = 0
    warnings: Sequence[str] = ()
    club_level: str | None = None
    points: int = 0
    resolved_at: datetime | None = None
    """When the last complaint was."""


def facts(customer: Contactable, worth: Worth | None, around: Around) -> dict[str, Any]:
    """By the names of FIELDS; None: not known."""
    held = customer.attributes
    today = around.now.date()
    since = _days(today, held.get("active_since"))
    left = customer.left_at
    found = {name: held.get(name) for name in ("kind", "acquisition_channel", "brands", "plans", "products", "left_because")}
    found |= {
        "language": customer.language,
        "region": customer.region,
        "service_star": customer.service_star,
        "payment_types": customer.payment_types,
        "live_subscriptions": customer.live_subscriptions,
        "tenure_days": since,
        "anniversary_days": _since_anniversary(today, held.get("active_since")),
        "contract_ends_in_days": None if held.get("contract_ends") is None else -(_days(today, held["contract_ends"]) or 0),
        "left_days": (around.now - left).days if left else None,
        "birthday_days": _days(today, held.get("birthday_on")),
        "open_complaints": around.open_complaints,
        "resolved_days": (around.now - around.resolved_at).days if around.resolved_at else None,
        "warnings": around.warnings,
        "club_level": around.club_level,
        "points": around.points,
    }
    if worth is not None:
        found |= {**worth.standing, **worth.rfm}
        found |= {"tier": worth.tier, "future_value_minor": worth.future_value_minor, "risk": worth.risk, "sensitivity": worth.kind}
    return found


def holds(condition: Condition, known: Facts) -> bool | None:
    """None: not to be told by what is known. Raises ValueError for what is no condition."""
    match condition:
        case {"all": [*parts]} if parts:
            told = [holds(part, known) for part in parts]
            return False if False in told else None if None in told else True
        case {"any": [*parts]} if parts:
            told = [holds(part, known) for part in parts]
            return True if True in told else None if None in told else False
        case {"not": part}:
            inner = holds(part, known)
            return None if inner is None else not inner
        case {"field": str(name), **asked} if asked and asked.keys() <= _FITS.keys():
            return _leaf(known.get(name), asked)
    raise ValueError("is no condition")


def belongs(condition: Condition | None, known: Facts) -> tuple[bool, str]:
    """Whether such a customer belongs to the audience, and by what not. No condition: everybody does."""
    if condition is None:
        return True, "everybody"
    try:
        told = holds(condition, known)
    except (ValueError, TypeError):
        return False, "the condition can not be read"
    if told:
        return True, "belongs to it"
    return False, "; ".join(_unmet(condition, known))[:500] or "does not belong to it"


def problems(condition: Any, path: str = "audience", depth: int = 1) -> list[str]:
    """What is wrong with it, in words with the place; none: it can be used."""
    if depth > DEEPEST:
        return [f"{path} is nested more than {DEEPEST} deep"]
    match condition:
        case {"all": [*parts], **rest} | {"any": [*parts], **rest} if parts and not rest:
            word = next(iter(condition))
            found = [one for nth, part in enumerate(parts) for one in problems(part, f"{path}.{word}[{nth}]", depth + 1)]
            return found or ([f"{path} has more than {MOST_LEAVES} leaves"] if sum(1 for _ in _leaves(condition)) > MOST_LEAVES else [])
        case {"not": part, **rest} if not rest:
            return problems(part, f"{path}.not", depth + 1)
        case {"field": name, **rest}:
            return _problems_of_leaf(name, {str(word): value for word, value in rest.items()}, path)
    return [f"{path} is none of all, any, not, or a field with what is asked of it"]


def _problems_of_leaf(name: Any, asked: Mapping[str, Any], path: str) -> list[str]:
    field = FIELDS.get(name) if isinstance(name, str) else None
    if field is None:
        return [f"{path}: there is no field {str(name)[:64]}; there are {', '.join(FIELDS)}"]
    if not asked:
        return [f"{path}: nothing is asked of {name}; ask {', '.join(word for word, kinds in _FITS.items() if field.kind in kinds)}"]
    wrong = [word for word in asked if field.kind not in _FITS.get(word, ())]
    if wrong:
        return [f"{path}: {', '.join(wrong)} can not be asked of {name}, which is a {field.kind}"]
    return [f"{path}: {word} of {name} can not be {str(value)[:64]!r}" for word, value in asked.items() if not _is_right(word, value, field.kind)]


def _is_right(word: str, value: Any, kind: Kind) -> bool:
    match word:
        case "known":
            return isinstance(value, bool)
        case "has":
            return isinstance(value, str)
        case "one_of":
            return isinstance(value, list) and 0 < len(value) <= 100 and all(_is_right("is", one, kind) for one in value)
        case "is" if kind == "flag":
            return isinstance(value, bool)
        case "is" if kind == "text":
            return isinstance(value, str) and len(value) <= 64
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 10**15


def _leaf(value: Any, asked: Mapping[str, Any]) -> bool | None:
    if "known" in asked:
        return bool((value is not None) == asked["known"])
    if value is None:
        return None
    return all(_meets(value, word, wanted) for word, wanted in asked.items())


def _meets(value: Any, word: str, wanted: Any) -> bool:
    match word:
        case "is":
            return bool(value == wanted)
        case "one_of":
            return value in wanted
        case "at_least":
            return bool(value >= wanted)
        case "at_most":
            return bool(value <= wanted)
    return wanted in value


def _unmet(condition: Condition, known: Facts) -> Iterator[str]:
    """The leaves that do not hold, with what was seen."""
    for leaf in _leaves(condition):
        if not holds(leaf, known):
            asked = ", ".join(f"{word} {wanted}" for word, wanted in leaf.items() if word != "field")
            yield f"{leaf['field']} is {_said(known.get(leaf['field']))}, asked: {asked}"


def _leaves(condition: Condition) -> Iterator[Condition]:
    if "field" in condition:
        yield condition
    elif "not" in condition:
        yield from _leaves(condition["not"])
    else:
        for part in condition.get("all") or condition.get("any") or ():
            yield from _leaves(part)


def _said(value: Any) -> str:
    return "unknown" if value is None else ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


def _days(today: date, since: str | None) -> int | None:
    return None if since is None else (today - date.fromisoformat(since[:10])).days


def _since_anniversary(today: date, since: str | None) -> int | None:
    """None in the first year. Of 29 February it is the 28th in other years."""
    if since is None:
        return None
    start = date.fromisoformat(since[:10])
    for year in (today.year, today.year - 1):
        anniversary = start.replace(year=year, day=28) if (start.month, start.day) == (2, 29) and not _is_leap(year) else start.replace(year=year)
        if start < anniversary <= today:
            return (today - anniversary).days
    return None


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
