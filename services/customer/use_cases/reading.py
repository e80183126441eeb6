"""What is asked of the customer service."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from services.customer.facts import Document, payload_of
from services.customer.identity import Merge, is_ever, owner_at, survivors, why_unowned
from services.customer.profile import REGISTRY_TYPES, RegistryFact, fold_group
from services.customer.repository import privacy
from services.customer.repository import registry as repository
from services.customer.rollups import MONTHS_KEPT, Deltas, add, deltas_of, windows
from services.customer.use_cases.sealing import opened, opened_json
from shared import clock
from shared.database import Transaction
from shared.errors import Gone, InvalidRequest, NotFound
from shared.pii import ERASED, Keyring, Show, mask

RECENT_FACTS = 50
KINDS = ("customer", "account", "msisdn", "imsi", "imei", "document")
BLOCKS = ("profile", "months", "windows", "facts")
PERSONAL = ("name", "document", "birth_date", "contact_points")
PERSONAL_OF_SUBSCRIPTION = ("subscription_id", "msisdn", "imsi", "imei")


async def resolve(tx: Transaction, keyring: Keyring, identifier: str, at: datetime) -> str:
    """Who carries on for the customer that an identifier belongs to at a moment. Raises InvalidRequest, NotFound."""
    if identifier.partition(":")[0] not in KINDS:
        raise InvalidRequest(f"an identifier begins with its kind: {', '.join(f'{kind}:' for kind in KINDS)}")
    subject = keyring.subject(identifier)
    claims = (await repository.claims(tx, [subject])).get(subject, [])
    customer_id = owner_at(claims, at, ever=is_ever(subject))
    if customer_id is None:
        raise NotFound(why_unowned(claims))
    return await survivor_of(tx, customer_id)


async def survivor_of(tx: Transaction, customer_id: str) -> str:
    """Raises NotFound."""
    row = await repository.get_customer(tx, customer_id)
    if row is None:
        raise NotFound(f"no customer {customer_id}")
    return row.survivor_id or customer_id


async def view(tx: Transaction, keyring: Keyring, customer_id: str, *, blocks: Collection[str] = BLOCKS, show: Show = mask) -> bytes:
    """As JSON: the blocks asked for of what this service knows of one customer, or of who carries on for them. Raises NotFound, Gone."""
    row = await live(tx, customer_id)
    group = (await repository.members(tx, [row.customer_id]))[row.customer_id]
    document: Document = {"customer_id": row.customer_id, "aliases": group[1:], "sequence": row.activity_sequence, "updated_at": row.updated_at}
    if "profile" in blocks:
        document["profile"] = row.profile
    if not {"months", "windows"}.isdisjoint(blocks):
        document |= await _behaviour(tx, group)
    if "facts" in blocks:
        document["facts"] = [_fact(fact) for fact in await repository.recent_facts(tx, group, limit=RECENT_FACTS)]
    return await opened_json(tx, keyring, {name: value for name, value in document.items() if name not in BLOCKS or name in blocks}, show)


async def view_as_of(
    tx: Transaction, keyring: Keyring, customer_id: str, *, as_of: datetime, known_at: datetime, blocks: Collection[str] = BLOCKS, show: Show = mask
) -> bytes:
    """The same at a past moment: what had happened by `as_of`, as far as it was recorded by `known_at`. Raises NotFound, Gone.

    Facts that turned out later to be somebody else's are still theirs, and merges made or undone later are not known.
    """
    await live(tx, customer_id)
    merges = await repository.merges_known_at(tx, customer_id, known_at)
    survivor_id = survivors([customer_id], merges)[customer_id]
    everyone = {customer_id, *(one for merge in merges for one in (merge.survivor_id, merge.merged_id))}
    group = [one for one, survivor in survivors(everyone, merges).items() if survivor == survivor_id]
    rows = [row for row in await repository.facts_known_at(tx, group, known_at) if row.occurred_at <= as_of]
    if not any(row.type in REGISTRY_TYPES for row in rows):
        raise NotFound(f"no customer {customer_id} was known then")
    document = _told_then(survivor_id, group, rows, [merge for merge in merges if merge.merged_id in group], as_of)
    asked = {name: value for name, value in document.items() if name not in BLOCKS or name in blocks}
    return await opened_json(tx, keyring, asked | {"as_of": as_of, "known_at": known_at}, show)


async def personal(tx: Transaction, keyring: Keyring, customer_id: str, *, show: Show = mask) -> Document:
    """Who they are and how they are reached. Raises NotFound, Gone."""
    row = await live(tx, customer_id)
    profile = row.profile
    document = {"customer_id": row.customer_id} | {name: profile.get(name) for name in PERSONAL}
    document["subscriptions"] = [{name: one.get(name) for name in PERSONAL_OF_SUBSCRIPTION} for one in profile["subscriptions"]]
    plain: Document = await opened(tx, keyring, document, show)
    return plain


async def address(tx: Transaction, keyring: Keyring, customer_id: str, *, kind: Literal["phone", "email"]) -> Document:
    """The first contact point of the kind, in plain, verified ones before others; none when its key is destroyed. Raises NotFound, Gone."""
    row = await live(tx, customer_id)
    points = [one for one in row.profile.get("contact_points") or () if one["kind"] == kind]
    best = min(points, key=lambda one: not one.get("verified"), default=None)
    value = await opened(tx, keyring, best["value"]) if best else None
    return {"customer_id": row.customer_id, "address": None if value == ERASED else value}


async def parked(tx: Transaction, keyring: Keyring, rows: Sequence[sa.Row[Any]]) -> list[Document]:
    """With why each still waits, masked."""
    claims = await repository.claims(tx, {row.subject for row in rows})
    listed = [_fact(row) | {"subject": row.subject, "reason": why_unowned(claims.get(row.subject, ())), "parked_at": row.recorded_at} for row in rows]
    plain: list[Document] = await opened(tx, keyring, listed, mask)
    return plain


async def reconcile(tx: Transaction, *, recount: bool) -> Document:
    """Accepted = applied + duplicate + parked + dead, per topic and source. `recount` holds the counters against the tables."""
    rows = [dict(row._mapping) for row in await repository.reconciliation(tx)]
    for row in rows:
        row["balanced"] = row["accepted"] == sum(row[name] for name in ("applied", "duplicate", "parked", "dead"))
    totals = {name: sum(row[name] for row in rows) for name in repository.OUTCOMES}
    answer: Document = {"balanced": all(row["balanced"] for row in rows), "totals": totals, "sources": rows}
    if recount:
        facts, waiting = await repository.stored_counts(tx)
        expired, expired_parked = await privacy.expired_facts(tx)
        agrees = facts + expired == totals["applied"] and waiting + expired_parked == totals["parked"]
        answer["recount"] = {"facts": facts, "parked": waiting, "expired": expired + expired_parked, "agrees": agrees}
    return answer


async def _behaviour(tx: Transaction, group: Collection[str]) -> Document:
    this_month = clock.month_of(clock.now())
    since = clock.months_before(this_month, MONTHS_KEPT - 1)
    months = _together(await repository.months(tx, group, since=since, until=this_month))
    return {"months": dict(sorted(months.items(), reverse=True)), "windows": windows(months, now_month=this_month)}


async def live(tx: Transaction, customer_id: str) -> sa.Row[Any]:
    """The row of who carries on for the customer."""
    row = await repository.get_customer(tx, customer_id)
    if row is not None and row.survivor_id:
        row = await repository.get_customer(tx, row.survivor_id)
    if row is None:
        raise NotFound(f"no customer {customer_id}")
    if row.erased_at:
        raise Gone(f"customer {customer_id} was erased at {row.erased_at.isoformat()}")
    return row


def _told_then(survivor_id: str, group: Collection[str], rows: Sequence[Any], merges: Iterable[Merge], as_of: datetime) -> Document:
    registry: dict[str, list[RegistryFact]] = {one: [] for one in group}
    months: dict[str, Deltas] = {}
    for row in rows:
        if row.type in REGISTRY_TYPES:
            registry[row.customer_id].append(RegistryFact(row.occurred_at, row.source, row.id, row.type, row.data, row.subject))
        add(months.setdefault(clock.month_of(row.occurred_at), {}), deltas_of(payload_of(row.type, row.data)))
    this_month = clock.month_of(as_of)
    shown = {month: months[month] for month in sorted(months, reverse=True) if months[month] and month > clock.months_before(this_month, MONTHS_KEPT)}
    return {
        "customer_id": survivor_id,
        "aliases": [one for one in group if one != survivor_id],
        "profile": fold_group(survivor_id, registry, merges),
        "months": shown,
        "windows": windows(shown, now_month=this_month),
        "facts": [_fact(row) for row in sorted(rows, key=lambda row: row.occurred_at, reverse=True)[:RECENT_FACTS]],
    }


def _together(months: dict[tuple[str, str], Deltas]) -> dict[str, Deltas]:
    found: dict[str, Deltas] = {}
    for (_, month), measures in months.items():
        if measures:
            add(found.setdefault(month, {}), measures)
    return found


def _fact(row: Any) -> Document:
    return {name: getattr(row, name) for name in ("source", "id", "type", "time", "occurred_at", "data")}
