"""What a request needs: `<resource>:read` or `<resource>:write`, by its route's tag and its method, and `pii:read` for personal data in plain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import parse_qsl

RESOURCES = {
    "customers": "customers",
    "data quality": "customers",
    "identity": "identity",
    "events": "events",
    "alerts": "alerts",
    "tasks": "tasks",
    "segments": "segments",
    "standings": "segments",
    "parameters": "parameters",
    "analysis": "analysis",
    "pictures": "analysis",
    "learning": "models",
    "churn": "models",
    "retention": "campaigns",
    "messages": "messages",
    "loyalty": "loyalty",
    "credits": "credits",
    "cases": "cases",
    "prospects": "prospects",
    "privacy": "privacy",
    "operations": "operations",
    "dead letters": "operations",
    "health": "operations",
    "subscriptions": "subscriptions",
    "access": "access",
    "tmf621": "cases",
    "tmf629": "customers",
    "tmf658": "loyalty",
    "tmf680": "campaigns",
    "tmf681": "messages",
    "tmf696": "models",
}
"""Tag of a route -> resource."""

PERSONAL = "pii:read"
ACT_FOR_OTHERS = "act-for-others"
"""Whose X-Actor is believed: a system that knows its own people and says which of them acts."""

ALL = (*sorted(f"{resource}:{may}" for resource in set(RESOURCES.values()) for may in ("read", "write")), PERSONAL, ACT_FOR_OTHERS)

READS = frozenset({"GET", "HEAD"})
IN_PLAIN = frozenset(
    {
        "export_customer", "erase_customer", "get_owner", "list_dead_letters", "get_dead_letter", "replay_dead_letter", "list_gateway_dead_letters",
        "get_gateway_dead_letter", "replay_gateway_dead_letter",
    }
)  # fmt: skip
"""Operations that show personal data in plain, or take it away for good, whatever they are asked. A dead letter holds what came."""
NUMBERS = frozenset({"msisdn", "imsi", "document"})
"""Query parameters that ask whose a number is."""
NOT_REVEALED = frozenset({"false", "0"})


class UnknownTag(ValueError):
    """A route that nobody said the resource of: it is answered to nobody."""


def needed(tags: Iterable[str], operation_id: str | None, method: str, query: str) -> tuple[str, ...]:
    """Raises UnknownTag."""
    return _needed(tuple(tags), operation_id, method, bool(query) and _asks_for_personal(query))


@lru_cache(maxsize=4096)
def _needed(tags: tuple[str, ...], operation_id: str | None, method: str, asks_for_personal: bool) -> tuple[str, ...]:
    scope = f"{resource_of(tags)}:{'read' if method in READS else 'write'}"
    return (scope, PERSONAL) if operation_id in IN_PLAIN or asks_for_personal else (scope,)


def resource_of(tags: Iterable[str]) -> str:
    found = [RESOURCES[tag] for tag in tags if tag in RESOURCES]
    if len(found) != 1:
        raise UnknownTag(f"one tag of {', '.join(RESOURCES)}: not {', '.join(tags) or 'none'}")
    return found[0]


def missing(scopes: frozenset[str], wanted: Sequence[str]) -> str | None:
    """The first that is not there."""
    return next((scope for scope in wanted if scope not in scopes), None)


def _asks_for_personal(query: str) -> bool:
    given = parse_qsl(query, keep_blank_values=True)
    return any(name in NUMBERS or (name == "reveal" and value.strip().casefold() not in NOT_REVEALED) for name, value in given)
