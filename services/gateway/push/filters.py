"""Which events a listener or a stream gets: `eventType=alert_raised&severity=urgent,warning&region=hangzhou`.

The query of TM Forum's hub. Of one name any value will do, of several names all have to fit; an event that lacks the field
does not. Names are those of the contracts (`customerId` is `customer_id`), types are whole or without service and version.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

from services.gateway.push.published import TYPES, customer_of
from shared.errors import InvalidRequest

MOST_CHARACTERS = 2000
MOST_NAMES = 10
MOST_VALUES = 50

# Of the event itself, and not of its data.
_ABOUT = frozenset({"customer_id", "region"})
_TYPE_NAMES = frozenset({"event_type", "type", "types"})
_SHORT = {name.split(".")[1]: name for name in TYPES}
TOLD = {
    "tmf621": ("TroubleTicketCreateEvent", "TroubleTicketResolvedEvent", "TroubleTicketStatusChangeEvent"),
    "tmf629": ("CustomerAttributeValueChangeEvent", "CustomerCreateEvent", "CustomerDeleteEvent"),
    "tmf696": ("PartyRoleRiskAssessmentStatusChangeEvent",),
}
"""Tag of a TM Forum API -> what its listeners are told. Of the others nothing is published."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Filter(NamedTuple):
    """`fields`: name -> the values that fit, as text."""

    types: frozenset[str]
    fields: Mapping[str, frozenset[str]]

    def lets_through(self, document: Mapping[str, Any]) -> bool:
        """Of an event as it leaves."""
        return document["type"] in self.types and all(_text_of(document, name) in values for name, values in self.fields.items())


@lru_cache(maxsize=1000)
def parse(query: str, otherwise: Collection[str] = tuple(TYPES)) -> Filter:
    """`otherwise`: the types when the query names none. Raises InvalidRequest with what is wrong with it: no filter that never fits is taken."""
    given = _given(query)
    types = frozenset(map(_type, {one for name in _TYPE_NAMES for one in given.pop(name, ())})) or frozenset(otherwise)
    for name in given:
        if name not in _ABOUT and not any(name in TYPES[one].model_fields for one in types):
            raise InvalidRequest(f"query: none of the chosen events has a field {name!r}")
    return Filter(types, given)


@lru_cache(maxsize=1000)
def parse_told(query: str, api: str) -> Filter:
    """Of a listener of a TM Forum API. Its notifications are chosen by type, customer and region. Raises InvalidRequest."""
    given = _given(query)
    types = frozenset(one for name in _TYPE_NAMES for one in given.pop(name, ())) or frozenset(TOLD[api])
    unknown = sorted(types - frozenset(TOLD[api])) + sorted(set(given) - _ABOUT)
    if unknown:
        raise InvalidRequest(f"query: eventType is one of {', '.join(TOLD[api])}; beside it there are customerId and region; not {', '.join(unknown)}")
    return Filter(types, given)


def told_query(query: str, api: str) -> str:
    """With all types named, so that one callback may listen to several APIs. Raises InvalidRequest."""
    found = parse_told(query, api)
    return "&".join(f"{name}={quote(','.join(sorted(values)), safe=',')}" for name, values in [("eventType", found.types), *sorted(found.fields.items())])


def filter_of(query: str, api: str | None) -> Filter:
    """Of a listener, as it was stored."""
    return parse_told(query, api) if api else parse(query)


def _given(query: str) -> dict[str, frozenset[str]]:
    if len(query) > MOST_CHARACTERS:
        raise InvalidRequest(f"query: at most {MOST_CHARACTERS} characters")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MOST_VALUES)
    except ValueError:
        raise InvalidRequest("query: write it as name=value&name=value") from None
    found: dict[str, frozenset[str]] = {}
    for name, values in pairs:
        plain = _CAMEL.sub("_", name).lower()
        found[plain] = found.get(plain, frozenset()) | frozenset(values.split(","))
    if len(found) > MOST_NAMES or any(len(values) > MOST_VALUES for values in found.values()):
        raise InvalidRequest(f"query: at most {MOST_NAMES} names with {MOST_VALUES} values each")
    return found


def _type(name: str) -> str:
    known = name if name in TYPES else _SHORT.get(name)
    if known is None:
        raise InvalidRequest(f"query: {name!r} is no event that is pushed; there are {', '.join(sorted(_SHORT))}")
    return known


def _about(document: Mapping[str, Any]) -> dict[str, str | None]:
    return {"customer_id": customer_of(document["subject"]), "region": document.get("region")}


def _text_of(document: Mapping[str, Any], name: str) -> str | None:
    """None for what is not there, and for what is no plain value."""
    value = _about(document)[name] if name in _ABOUT else document["data"].get(name)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
