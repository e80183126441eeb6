"""Customers who left and are back as new ones, found from how things stand: whichever of the two became known last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from services.customer import circle
from services.customer.facts import Document, OwnFact, Stored
from services.customer.matching import index_of, kind_of, unblocked
from services.customer.reentry import WATCHED, Match, MatchedBy, Stay, matches, stay_of, surest, watched_period, watched_until
from services.customer.repository import matching
from services.customer.repository import reentry as repository
from services.customer.repository.matching import Person
from services.customer.tables import CIRCLES
from shared import clock
from shared.contracts.customer import CustomerReturned
from shared.contracts.network import UsageSummarised
from shared.database import Database, Transaction
from shared.pii import Keyring

Shared = Iterable[tuple[str, str, str]]

PURGE_SECONDS = 60.0
PURGED_AT_ONCE = 5000

_VALUES: dict[str, MatchedBy] = {"document": "document", "device": "device"}


async def follow(tx: Transaction, stored: Sequence[Stored], profiles: Mapping[str, Document]) -> list[OwnFact]:
    """Compare again who came or left lately and whose calls are new; who has a new profile is on the queue already."""
    callers = {one.survivor_id for one in stored if type(one.payload) is UsageSummarised and one.payload.top_contacts}
    if callers:
        await matching.enqueue(tx, await repository.watched(tx, callers, since=clock.now() - WATCHED))
    return []


async def find(tx: Transaction, changed: Sequence[Person], shared: Shared, blocked: Collection[str]) -> list[OwnFact]:
    """Who of those who changed came back, or is whom somebody else came back from. Each is told once, and stays told."""
    stays = {one.customer_id: stay_of(one.customer_id, one.profile) for one in changed if one.is_live}
    await repository.save_stays(tx, stays.values())
    await repository.delete_stays(tx, [one.customer_id for one in changed if one.survivor_id != one.customer_id])
    await _keep_circles(tx, changed, stays)
    values, circles = _by_value(shared, blocked), await _by_circle(tx, stays)
    stays |= await repository.stays(tx, {*values, *circles} - stays.keys())
    return await _tell(tx, _returns(stays, values, circles))


async def purge(database: Database, _: Keyring | None) -> bool:
    """Circles that are too old to be looked at."""
    async with database.transaction() as tx:
        return await repository.delete_old_circles(tx, now=clock.now(), limit=PURGED_AT_ONCE) == PURGED_AT_ONCE


async def new_customers(tx: Transaction, month: str) -> list[Document]:
    """Registered, returned and net new by acquisition channel."""
    since, until = clock.bounds_of(month)
    rows = await repository.registrations(tx, since=since, until=until)
    return [row._asdict() | {"net_new": row.registered - row.returned} for row in rows]


async def _keep_circles(tx: Transaction, changed: Sequence[Person], stays: Mapping[str, Stay]) -> None:
    now = clock.now()
    periods = {one: period for one, stay in stays.items() if (period := watched_period(stay, now))}
    members = {one.customer_id: one.survivor_id for one in changed if one.survivor_id in periods}
    usage = await repository.usage(tx, members, since=min(start for start, _ in periods.values())) if periods else {}
    called: dict[str, list[list[str]]] = defaultdict(list)
    for member, summaries in usage.items():
        start, end = periods[members[member]]
        called[members[member]] += [[index_of(one) for one in contacts] for at, contacts in summaries if start <= at <= end]
    none: tuple[frozenset[str], None] = frozenset(), None
    kept = {one: (circle.circle(called[one]), watched_until(stays[one])) for one in periods}
    await repository.replace_circles(tx, {one.customer_id: kept.get(one.customer_id, none) for one in changed})


def _by_value(shared: Shared, blocked: Collection[str]) -> dict[str, set[tuple[MatchedBy, str]]]:
    """Customer -> (document or device, who has the same), both ways."""
    found: dict[str, set[tuple[MatchedBy, str]]] = defaultdict(set)
    for key, one, other in shared:
        if kind_of(key) in _VALUES and unblocked([key], blocked):
            found[one].add((_VALUES[kind_of(key)], other))
            found[other].add((_VALUES[kind_of(key)], one))
    return found


async def _by_circle(tx: Transaction, stays: Collection[str]) -> dict[str, dict[str, float]]:
    """Customer -> how much of the circle who else has, both ways; only where it is enough."""
    common: dict[tuple[str, str], set[str]] = defaultdict(set)
    for contact, one, other in await matching.sharing(tx, CIRCLES, stays, most=circle.MOST_CIRCLES):
        common[one, other].add(contact)
    close = {pair: contacts for pair, contacts in common.items() if len(contacts) >= circle.SHARED_CONTACTS}
    blocked = await matching.blocked(tx, {f"contact:{contact}" for contacts in close.values() for contact in contacts})
    sizes = await repository.circle_sizes(tx, {one for pair in close for one in pair}) if close else {}
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (one, other), contacts in close.items():
        counting = sum(f"contact:{contact}" not in blocked for contact in contacts)
        like = circle.likeness(counting, sizes[one], sizes[other])
        if like is not None:
            found[one][other] = found[other][one] = like
    return found


def _returns(
    stays: Mapping[str, Stay], values: Mapping[str, Collection[tuple[MatchedBy, str]]], circles: Mapping[str, Mapping[str, float]]
) -> list[tuple[Stay, Match]]:
    found = []
    for one in sorted({*values, *circles} & stays.keys()):
        fitting = matches(stays[one], values.get(one, ()), circles.get(one, {}), stays)
        if fitting:
            found.append((stays[one], surest(fitting)))
    return found


async def _tell(tx: Transaction, returns: Sequence[tuple[Stay, Match]]) -> list[OwnFact]:
    now = clock.now()
    new = await repository.insert_reentries(tx, [_row(newcomer, match) | {"found_at": now} for newcomer, match in returns])
    return [_fact(newcomer, match) for newcomer, match in returns if newcomer.customer_id in new]


def _row(newcomer: Stay, match: Match) -> dict[str, Any]:
    return {
        "customer_id": newcomer.customer_id,
        "former_customer_id": match.former.customer_id,
        "matched_by": match.matched_by,
        "likeness": match.likeness,
        "left_at": match.former.left_at,
        "came_at": newcomer.came_at,
    }


def _fact(newcomer: Stay, match: Match) -> OwnFact:
    assert newcomer.came_at and match.former.left_at, "the times fitted"
    payload = CustomerReturned(former_customer_id=match.former.customer_id, left_at=match.former.left_at, matched_by=match.matched_by, likeness=match.likeness)
    return OwnFact(newcomer.customer_id, f"returned:{newcomer.customer_id}", payload, newcomer.came_at)
