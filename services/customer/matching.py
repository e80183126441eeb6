"""Who may be the same person twice: by what two customers are compared, how much it says, and what is no evidence.

Nothing is compared in plain: a value is its keyed index, and what says of nobody who they are (`null`, `000000`) has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from math import prod
from typing import Any, Literal

from shared.contracts.envelope import PersonalKind
from shared.pii import Token

Document = dict[str, Any]
Pair = tuple[str, str]
State = Literal["open", "blocked", "merged", "different"]

# What more customers than this share is an office's number or a shop's demo phone: it says of none of them who they are.
MOST_HOLDERS = 5

# How sure each alone makes us. Together they count as independent: 1 - (1 - .9)(1 - .6) = .96.
WEIGHTS = {"document": 0.9, "name+phone": 0.6, "name+email": 0.6, "name+address": 0.4}
# Two documents that differ: a father and his son of the same name, or one person with a passport and an identity card.
DOCUMENTS_DIFFER = 0.5

# What a part of a key is blocked as.
_BLOCKED_AS: dict[str, PersonalKind] = {
    "document": "document", "device": "imei", "name": "name", "phone": "contact", "email": "contact", "address": "contact",
}  # fmt: skip


def index_of(text: str | None) -> str:
    """What equal values have in common; empty for what says nothing."""
    token = Token.of(text) if text else None
    return token.index if token else ""


def match_keys(profile: Document) -> set[str]:
    """Everything by which the customer may be found to be one we know."""
    found = {f"device:{index_of(one.get('imei'))}" for one in profile.get("subscriptions", ()) if index_of(one.get("imei"))}
    if document := index_of(profile.get("document")):
        found.add(f"document:{document}")
    if name := index_of(profile.get("name")):
        found |= {f"name+{kind}:{name}+{contact}" for kind, contact in _contacts(profile)}
    return found


def parts(key: str) -> list[str]:
    """What of a key can be blocked: `name+email:N+E` is `name:N` and `contact:E`."""
    kinds, _, values = key.partition(":")
    return [f"{_BLOCKED_AS[kind]}:{value}" for kind, value in zip(kinds.split("+"), values.split("+"), strict=True)]


def kind_of(key: str) -> str:
    return key.partition(":")[0]


def is_evidence(key: str) -> bool:
    """That two customers are one person. A device is not: people hand theirs on."""
    return kind_of(key) in WEIGHTS


def pairs(shared: Iterable[tuple[str, str, str]]) -> dict[Pair, set[str]]:
    """(key, customer, customer) as what each two of them share."""
    found: dict[Pair, set[str]] = {}
    for key, one, other in shared:
        found.setdefault((min(one, other), max(one, other)), set()).add(key)
    return found


def unblocked(keys: Iterable[str], blocked: Collection[str]) -> set[str]:
    return {key for key in keys if not any(part in blocked for part in parts(key))}


def is_certain(keys: Collection[str], one: Document, other: Document) -> bool:
    """The same document and the same name."""
    return any(kind_of(key) == "document" for key in keys) and index_of(one.get("name")) == index_of(other.get("name")) != ""


def likeness(keys: Collection[str], one: Document, other: Document) -> float:
    """0 to 1: how sure it is that they are one person."""
    if is_certain(keys, one, other):
        return 1.0
    sure = 1 - prod(1 - WEIGHTS[kind] for kind in {kind_of(key) for key in keys})
    documents = {index_of(one.get("document")), index_of(other.get("document"))}
    return round(sure * (DOCUMENTS_DIFFER if len(documents) == 2 and "" not in documents else 1.0), 4)


def _contacts(profile: Document) -> Iterator[tuple[str, str]]:
    """(kind, index) of the contact points and of the numbers held now."""
    for point in profile.get("contact_points") or ():
        if index := index_of(point["value"]):
            yield point["kind"], index
    for subscription in profile.get("subscriptions", ()):
        if "terminated_at" not in subscription and (index := index_of(subscription.get("msisdn"))):
            yield "phone", index
