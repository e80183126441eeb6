"""Whose each fact is, kept true while it turns out who owned what.

A registry fact may change who owned an identifier, from some moment on, whenever it comes. Facts about that identifier are
then handed to whom they belonged at their time: from one customer to another, out of the lobby, or back into it. A fact that
is handed on may itself change who owned what, so this goes on until nothing changes. It ends: the owner at a moment depends
on earlier facts only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from services.customer.facts import Document, Stored, payload_of
from services.customer.identity import changed_since, claims_of, is_ever, owner_at
from services.customer.profile import REGISTRY_TYPES, fold_group
from services.customer.repository import matching
from services.customer.repository import registry as repository
from services.customer.use_cases.sealing import LOBBY, hand_on, keys_for, keys_of
from services.customer.use_cases.work import Work
from shared import clock
from shared.contracts.personal import personal_fields
from shared.contracts.registry import PAYLOADS

ROUNDS = 50
MOVED_PARTITION = -1


class NeverSettles(Exception):
    """Ownership kept changing: a rule that depends on later facts would do that."""


async def owners_of(work: Work, asked: Sequence[tuple[str, datetime]]) -> list[str | None]:
    """For each (subject, moment) the customer it belonged to, who is locked then.

    Looked up first and locked after: if meanwhile another worker changed a claim on what was looked up, look again.
    """
    for _ in range(ROUNDS):
        claims = await repository.claims(work.tx, {subject for subject, _ in asked})
        owners = [owner_at(claims.get(subject, ()), at, ever=is_ever(subject)) or _just_registered(work, subject) for subject, at in asked]
        seen = {claim.customer_id: claim.version for listed in claims.values() for claim in listed}
        if await work.lock(owners, seen=seen):
            return owners
    raise NeverSettles


def _just_registered(work: Work, subject: str) -> str | None:
    """A customer whose row is there, and whose claim on its own id comes with the fact that is about to be kept."""
    customer_id = subject.removeprefix("customer:")
    return customer_id if customer_id != subject and customer_id in work.survivor_of else None


async def follow_identity(work: Work, customer_ids: Collection[str]) -> None:
    """After new registry facts about these (locked) customers: claims, profiles, and every fact where it belongs."""
    for _ in range(ROUNDS):
        if not customer_ids:
            return
        changed, claimants = await _claim(work, customer_ids)
        await refold(work, {work.survivor_of[one] for one in customer_ids})
        customer_ids = await _reattribute(work, changed, claimants)
    raise NeverSettles


async def refold(work: Work, survivor_ids: Collection[str]) -> None:
    """Fold the profiles again from all registry facts of everybody the survivors carry on for."""
    groups = await repository.members(work.tx, survivor_ids)
    members = [one for group in groups.values() for one in group]
    facts = await repository.registry_facts(work.tx, members)
    merged = [one for group in groups.values() if len(group) > 1 for one in group]
    merges = await repository.merges_in_force(work.tx, merged) if merged else []
    for survivor_id, group in groups.items():
        mine = [merge for merge in merges if merge.merged_id in group]
        work.profiles[survivor_id] = fold_group(survivor_id, {one: facts.get(one, ()) for one in group}, mine)
    await repository.save_profiles(work.tx, {one: work.profiles[one] for one in survivor_ids}, work.now)
    await matching.enqueue(work.tx, survivor_ids)


async def _claim(work: Work, customer_ids: Collection[str]) -> tuple[dict[str, datetime], dict[str, set[str]]]:
    """Write what the customers claim now. Identifiers whose ownership may have changed, with the moment from which; and who
    claimed them before."""
    facts = await repository.registry_facts(work.tx, customer_ids)
    held = await repository.claims_by(work.tx, customer_ids)
    made = {one: claims_of(one, facts.get(one, ())) for one in customer_ids}
    since = {one: changed_since(held.get(one, ()), made[one]) for one in customer_ids}
    movers = [one for one in customer_ids if since[one]]
    changed: dict[str, datetime] = {}
    for one in movers:
        for identifier, moment in since[one].items():
            changed[identifier] = min(moment, changed.get(identifier, moment))
    if not changed:
        return {}, {}
    before = await repository.claims(work.tx, changed)
    claimants = {identifier: {claim.customer_id for claim in listed} for identifier, listed in before.items()}
    concerned = set(movers).union(*claimants.values())
    await work.lock(concerned)
    await repository.replace_claims(work.tx, movers, [claim for one in movers for claim in made[one]])
    await repository.next_versions(work.tx, concerned)
    return changed, claimants


async def _reattribute(work: Work, changed: Mapping[str, datetime], claimants: Mapping[str, set[str]]) -> set[str]:
    """Hand on the facts about these identifiers; the customers who lost or got registry facts by it."""
    if not changed:
        return set()
    await repository.lock_subjects(work.tx, changed)
    claims = await repository.claims(work.tx, changed)
    facts = list(await repository.facts_unowned(work.tx, list(changed)))
    if claimants:
        since = min(changed[one] for one in claimants)
        facts += await repository.facts_claimed(work.tx, list(claimants), set().union(*claimants.values()), since=since)
    owners = {(fact.source, fact.id): owner_at(claims.get(fact.subject, ()), fact.occurred_at, ever=is_ever(fact.subject)) for fact in facts}
    moving = [fact for fact in facts if owners[fact.source, fact.id] != fact.customer_id]
    return await _move(work, moving, [owners[fact.source, fact.id] for fact in moving])


async def _move(work: Work, facts: Sequence[Any], owners: Sequence[str | None]) -> set[str]:
    if not facts:
        return set()
    await work.lock(owners)
    rows = await _handed_on(work, facts, owners)
    await repository.move_facts(work.tx, rows, before=[fact.customer_id for fact in facts], at=work.now)
    for fact, row in zip(facts, rows, strict=True):
        _account_for(work, fact, row)
    moved = [(fact.customer_id, owner) for fact, owner in zip(facts, owners, strict=True) if fact.type in REGISTRY_TYPES]
    return {one for pair in moved for one in pair if one}


async def _handed_on(work: Work, facts: Sequence[Any], owners: Sequence[str | None]) -> list[Document]:
    """The rows as they are from now on: what is personal sealed under the new owner's key."""
    sealed = [personal_fields(PAYLOADS[fact.type]) for fact in facts]
    concerned = {owner or LOBBY for owner, fields in zip(owners, sealed, strict=True) if fields}
    keys = await keys_for(work.tx, work.keyring, concerned)
    old = await keys_of(work.tx, work.keyring, [fact.data for fact, fields in zip(facts, sealed, strict=True) if fields])
    rows = []
    for fact, owner, fields in zip(facts, owners, sealed, strict=True):
        row = fact._asdict() | {"customer_id": owner}
        if fields:
            hand_on(work.keyring, row["data"], fields, old=old, new=keys.get(owner or LOBBY))
        rows.append(row)
    return rows


def _account_for(work: Work, fact: Any, row: Document) -> None:
    """In the books, in the months of both, and in what is to be published."""
    topic = PAYLOADS[fact.type].topic
    pending = work.stored.pop((fact.source, fact.id), None)
    if fact.customer_id is None:
        work.count(topic, MOVED_PARTITION, fact.source, "parked", -1)
        work.count(topic, MOVED_PARTITION, fact.source, "applied")
    elif row["customer_id"] is None:
        work.count(topic, MOVED_PARTITION, fact.source, "applied", -1)
        work.count(topic, MOVED_PARTITION, fact.source, "parked")
    if fact.customer_id and pending is None:
        work.stale.add((fact.customer_id, clock.month_of(fact.occurred_at)))
        work.retold.add(work.survivor_of[fact.customer_id])
    if row["customer_id"]:
        work.keep(stored_of(work, row))


def stored_of(work: Work, row: Mapping[str, Any]) -> Stored:
    customer_id = row["customer_id"]
    return Stored(
        source=row["source"],
        id=row["id"],
        customer_id=customer_id,
        survivor_id=work.survivor_of[customer_id],
        subject=row["subject"],
        type=row["type"],
        time=row["time"],
        occurred_at=row["occurred_at"],
        payload=payload_of(row["type"], row["data"]),
        data=orjson.dumps(row["data"]).decode(),
    )
