"""Whose an identifier is: claims made on it by the facts about customers, and who owned it at a moment.

A claim begins with the fact that gives the customer the number, SIM or account, and ends with the one that takes it away. A
later claim of anybody ends an earlier one: a number has one owner at a time, even when nobody reported that the old one left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from services.customer.profile import NUMBERS, RegistryFact
from shared.contracts import orders
from shared.pii import Token

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


# What of a customer holds an identifier (a subscription, a number), and the kind of it: there one follows the other.
Place = tuple[str, str]


class Claim(NamedTuple):
    """`customer_id` says to own the identifier from `valid_from` to `valid_to`, that moment included."""

    identifier: str
    customer_id: str
    valid_from: datetime
    valid_to: datetime | None = None


class Claimed(Protocol):
    @property
    def customer_id(self) -> str: ...
    @property
    def valid_from(self) -> datetime: ...
    @property
    def valid_to(self) -> datetime | None: ...


def owner_at(claims: Sequence[Claimed], at: datetime, *, ever: bool = False) -> str | None:
    """The owner at `at`, of claims listed latest first. The moment of termination still belongs to the one who leaves, unless
    the next one starts at that very moment: numbers are recycled, events of the last minute are not lost.

    `ever`: of an account, the first to claim it has always had it: bills are older than our knowledge of them.
    """
    for one in claims:
        if one.valid_from <= at:
            return one.customer_id if one.valid_to is None or at <= one.valid_to else None
    return claims[-1].customer_id if ever and claims else None


def why_unowned(claims: Sequence[Claimed]) -> str:
    return "nobody owned it at that time" if claims else "nobody is known by it"


def is_ever(identifier: str) -> bool:
    return identifier.startswith("account:")


def claims_of(customer_id: str, facts: Iterable[RegistryFact]) -> list[Claim]:
    """Every claim that the customer's own registry facts make, in event-time order."""
    found = [Claim(f"customer:{customer_id}", customer_id, BEGINNING)]
    live: dict[Place, int] = {}
    for fact in sorted(facts):
        for place, identifier in _given(fact).items():
            if place in live:
                last = found[live[place]]
                if last.identifier == identifier:
                    continue
                found[live.pop(place)] = last._replace(valid_to=fact.occurred_at)
            if identifier is not None:
                live[place] = len(found)
                found.append(Claim(identifier, customer_id, fact.occurred_at))
    return list(dict.fromkeys(found))


def changed_since(old: Iterable[Claim], new: Iterable[Claim]) -> dict[str, datetime]:
    """Identifier -> the moment from which its ownership may be another, where claims on it changed."""
    since: dict[str, datetime] = {}
    before, after = set(old), set(new)
    ends = {(claim.identifier, claim.valid_from): claim.valid_to for claim in before - after}
    for claim in before ^ after:
        start = claim.valid_from
        if claim in after and (claim.identifier, start) in ends:
            start = min(end for end in (ends[claim.identifier, start], claim.valid_to) if end is not None)
        elif claim in before and any((one.identifier, one.valid_from) == (claim.identifier, start) for one in after - before):
            continue
        moment = BEGINNING if is_ever(claim.identifier) else start
        since[claim.identifier] = min(moment, since.get(claim.identifier, moment))
    return since


class Merge(NamedTuple):
    """In force: `merged_id` is the same person as `survivor_id`, known since `at`."""

    at: datetime
    merge_id: str
    survivor_id: str
    merged_id: str


def survivors(customer_ids: Iterable[str], merges: Iterable[Merge]) -> dict[str, str]:
    """Who carries on for each, by the merges in force."""
    into = {merge.merged_id: merge.survivor_id for merge in merges}
    found: dict[str, str] = {}
    for customer_id in customer_ids:
        survivor = customer_id
        while survivor in into:
            survivor = into[survivor]
        found[customer_id] = survivor
    return found


def elder(one: tuple[str, Mapping[str, object]], other: tuple[str, Mapping[str, object]]) -> tuple[str, str]:
    """Of two customers, each with its profile: (who was registered first, the other). Equal: by id."""
    first, second = sorted((one, other), key=lambda each: (str(each[1].get("registered_at", "9999")), each[0]))
    return first[0], second[0]


def _given(fact: RegistryFact) -> dict[Place, str | None]:
    """What a fact says is held where from now on; None: nothing any more."""
    holder = fact.data.get("subscription_id", "")
    if fact.type == orders.SubscriptionTerminated.type:
        return {(holder, kind): None for kind in NUMBERS}
    given: dict[Place, str | None] = {(account, "account"): f"account:{account}" for account in fact.data.get("accounts", ())}
    for kind in (*NUMBERS, "document", "imei"):
        token = Token.of(fact.data.get(kind) or "")
        if token and token.index:
            given[holder or fact.subject, kind] = f"{kind}:{token.index}"
    return given
