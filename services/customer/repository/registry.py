"""Statements about who the customers are and what was reported about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zlib import crc32

import sqlalchemy as sa

from services.customer.identity import Claim, Merge
from services.customer.profile import REGISTRY_TYPES, RegistryFact
from services.customer.rollups import Deltas
from services.customer.tables import CUSTOMERS, FACTS, IDENTIFIERS, INTAKE, MERGES, MOVES, ROLLUPS
from shared.database import Instant, Transaction, among, insert_rows
from shared.worker import Entry

# The first half of an advisory lock's key, and how many there are in the second.
SUBJECT_LOCK = 7413
SUBJECT_LOCKS = 256


class _Fact(NamedTuple):
    """A row of facts that can be changed in memory."""

    source: str
    id: str
    customer_id: str | None
    subject: str
    type: str
    time: datetime
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, row: sa.Row[Any]) -> _Fact:
        return cls(*(getattr(row, name) for name in cls._fields))


PARKED = (FACTS.c.customer_id.is_(None), FACTS.c.subject.not_like("cell:%"))
OUTCOMES = ("accepted", "applied", "duplicate", "parked", "dead")


async def claims(tx: Transaction, identifiers: Collection[str]) -> dict[str, list[Any]]:
    """Every claim ever made on each, the latest first, each with the `version` of who made it."""
    query = (
        sa.select(IDENTIFIERS, CUSTOMERS.c.version)
        .join(CUSTOMERS, CUSTOMERS.c.customer_id == IDENTIFIERS.c.customer_id)
        .where(among(tx, IDENTIFIERS.c.identifier, identifiers))
        .order_by(IDENTIFIERS.c.valid_from.desc(), IDENTIFIERS.c.customer_id.desc())
    )
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await tx.execute(query):
        found[row.identifier].append(row)
    return found


async def claims_by(tx: Transaction, customer_ids: Collection[str]) -> dict[str, list[Claim]]:
    """Customer -> the claims they make."""
    columns = [IDENTIFIERS.c[name] for name in Claim._fields]
    found: dict[str, list[Claim]] = defaultdict(list)
    for row in await tx.execute(sa.select(*columns).where(among(tx, IDENTIFIERS.c.customer_id, customer_ids))):
        found[row.customer_id].append(Claim(*row))
    return found


async def replace_claims(tx: Transaction, customer_ids: Collection[str], made: Sequence[Claim]) -> None:
    """What these customers claim now, and no longer what they claimed before."""
    await tx.execute(IDENTIFIERS.delete().where(among(tx, IDENTIFIERS.c.customer_id, customer_ids)))
    rows = [claim._asdict() for claim in sorted(made, key=lambda claim: claim[:3])]
    await insert_rows(tx, IDENTIFIERS, rows)


async def insert_facts(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(source, id) of those that were not there yet."""
    ordered = sorted(rows, key=lambda row: (row["source"], row["id"]))
    new = await insert_rows(tx, FACTS, ordered, key=("source", "id"), returning=("source", "id"))
    return set(map(tuple, new))


async def insert_customers(tx: Transaction, customer_ids: Collection[str], at: datetime) -> None:
    """Those that are not there yet."""
    rows = [{"customer_id": one, "profile": {}, "version": 0, "activity_sequence": 0, "updated_at": at} for one in sorted(customer_ids)]
    await insert_rows(tx, CUSTOMERS, rows, key=("customer_id",))


async def lock_customers(tx: Transaction, customer_ids: Collection[str]) -> Sequence[Any]:
    """Until the transaction ends nobody else folds, adds to, merges or numbers these customers."""
    columns = (CUSTOMERS.c.customer_id, CUSTOMERS.c.survivor_id, CUSTOMERS.c.version, CUSTOMERS.c.erased_at)
    query = sa.select(*columns).where(among(tx, CUSTOMERS.c.customer_id, customer_ids))
    return (await tx.execute(query.order_by(CUSTOMERS.c.customer_id).with_for_update())).all()


async def next_versions(tx: Transaction, customer_ids: Collection[str]) -> None:
    """Whoever looked up an owner among them and has not locked it yet will look again."""
    await tx.execute(sa.update(CUSTOMERS).where(among(tx, CUSTOMERS.c.customer_id, customer_ids)).values(version=CUSTOMERS.c.version + 1))


async def members(tx: Transaction, survivor_ids: Collection[str]) -> dict[str, list[str]]:
    """Survivor -> those it carries on for, itself first."""
    found = {one: [one] for one in survivor_ids}
    query = sa.select(CUSTOMERS.c.survivor_id, CUSTOMERS.c.customer_id).where(among(tx, CUSTOMERS.c.survivor_id, survivor_ids))
    for survivor_id, customer_id in await tx.execute(query.order_by(CUSTOMERS.c.customer_id)):
        found[survivor_id].append(customer_id)
    return found


async def set_survivors(tx: Transaction, survivor_of: Mapping[str, str]) -> None:
    for survivor_id in sorted(set(survivor_of.values())):
        mine = [one for one, survivor in survivor_of.items() if survivor == survivor_id]
        others = [one for one in mine if one != survivor_id]
        await tx.execute(sa.update(CUSTOMERS).where(among(tx, CUSTOMERS.c.customer_id, others)).values(survivor_id=survivor_id))
        await tx.execute(sa.update(CUSTOMERS).where(CUSTOMERS.c.customer_id == survivor_id).values(survivor_id=None))


async def revive(tx: Transaction, customer_ids: Collection[str]) -> None:
    await tx.execute(sa.update(CUSTOMERS).where(among(tx, CUSTOMERS.c.customer_id, customer_ids)).values(erased_at=None))


async def next_sequences(tx: Transaction, customer_ids: Collection[str]) -> dict[str, int]:
    """+1 for each, under their locks."""
    statement = (
        sa.update(CUSTOMERS)
        .where(among(tx, CUSTOMERS.c.customer_id, customer_ids))
        .values(activity_sequence=CUSTOMERS.c.activity_sequence + 1)
        .returning(CUSTOMERS.c.customer_id, CUSTOMERS.c.activity_sequence)
    )
    return {row.customer_id: row.activity_sequence for row in await tx.execute(statement)}


async def registry_facts(tx: Transaction, customer_ids: Collection[str]) -> dict[str, list[RegistryFact]]:
    query = sa.select(FACTS).where(among(tx, FACTS.c.customer_id, customer_ids), among(tx, FACTS.c.type, sorted(REGISTRY_TYPES)))
    found: dict[str, list[RegistryFact]] = defaultdict(list)
    for row in await tx.execute(query):
        found[row.customer_id].append(RegistryFact(row.occurred_at, row.source, row.id, row.type, row.data, row.subject))
    return found


async def save_profiles(tx: Transaction, profiles: Mapping[str, Mapping[str, Any]], at: datetime) -> None:
    rows = [{"customer_id": one, "profile": profiles[one], "version": 0, "activity_sequence": 0, "updated_at": at} for one in sorted(profiles)]
    await insert_rows(tx, CUSTOMERS, rows, key=("customer_id",), merge={"profile": "replace", "updated_at": "replace"})


async def profiles(tx: Transaction, customer_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    rows = await tx.execute(sa.select(CUSTOMERS.c.customer_id, CUSTOMERS.c.profile).where(among(tx, CUSTOMERS.c.customer_id, customer_ids)))
    return {row.customer_id: row.profile for row in rows}


async def facts_claimed(tx: Transaction, subjects: Collection[str], claimants: Collection[str], *, since: datetime) -> Sequence[sa.Row[Any]]:
    """Facts about these subjects that one of the claimants has."""
    query = sa.select(FACTS).where(among(tx, FACTS.c.customer_id, claimants), FACTS.c.occurred_at >= since, among(tx, FACTS.c.subject, subjects))
    return (await tx.execute(query)).all()


async def facts_unowned(tx: Transaction, subjects: Collection[str]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(FACTS).where(FACTS.c.customer_id.is_(None), among(tx, FACTS.c.subject, subjects)))).all()


async def facts_of(tx: Transaction, customer_ids: Collection[str], *, since: datetime | None = None, until: datetime | None = None) -> Sequence[sa.Row[Any]]:
    """In event-time order; `until` not included."""
    query = sa.select(FACTS).where(among(tx, FACTS.c.customer_id, customer_ids)).order_by(FACTS.c.occurred_at, FACTS.c.source, FACTS.c.id)
    query = query.where(FACTS.c.occurred_at >= since) if since else query
    return (await tx.execute(query.where(FACTS.c.occurred_at < until) if until else query)).all()


async def move_facts(tx: Transaction, rows: Sequence[Mapping[str, Any]], *, before: Sequence[str | None], at: datetime) -> None:
    """Rows as they are from now on, and to whom each belonged before."""
    ordered = sorted(rows, key=lambda row: (row["source"], row["id"]))
    await insert_rows(tx, FACTS, ordered, key=("source", "id"), merge={"customer_id": "replace", "data": "replace"})
    moves = [
        {"source": row["source"], "id": row["id"], "from_customer_id": owner, "to_customer_id": row["customer_id"], "moved_at": at}
        for row, owner in zip(rows, before, strict=True)
    ]
    await insert_rows(tx, MOVES, moves)


async def months(tx: Transaction, customer_ids: Collection[str], *, since: str = "", until: str = "9999") -> dict[tuple[str, str], Deltas]:
    """(customer id, month) -> measures, both months included."""
    query = sa.select(ROLLUPS).where(among(tx, ROLLUPS.c.customer_id, customer_ids), ROLLUPS.c.month.between(since, until))
    rows = await tx.execute(query)
    return {(customer_id, month): measures for customer_id, month, measures in rows}


async def save_months(tx: Transaction, changed: Mapping[tuple[str, str], Deltas]) -> None:
    """A month without measures is one in which nothing was reported: a row that says so."""
    rows = [{"customer_id": customer_id, "month": month, "measures": changed[customer_id, month]} for customer_id, month in sorted(changed)]
    await insert_rows(tx, ROLLUPS, rows, key=("customer_id", "month"), merge={"measures": "replace"})


async def lock_subjects(tx: Transaction, subjects: Collection[str]) -> None:
    """Until the transaction ends nobody else parks or releases what is about them. SQLite has one writer anyway.

    By hash, so that a batch of any size holds few locks: the server has room for some thousands.
    """
    if tx.dialect.name == "postgresql":
        buckets = sorted({crc32(subject.encode()) % SUBJECT_LOCKS for subject in subjects})
        await tx.execute(
            sa.text("SELECT pg_advisory_xact_lock(:space, bucket) FROM unnest(CAST(:buckets AS int[])) AS bucket"), {"space": SUBJECT_LOCK, "buckets": buckets}
        )


async def list_parked(tx: Transaction, *, subject: str | None, after: tuple[str, str], limit: int) -> Sequence[sa.Row[Any]]:
    key = sa.tuple_(FACTS.c.source, FACTS.c.id)
    query = sa.select(FACTS).where(*PARKED, key > sa.tuple_(*after))
    query = query if subject is None else query.where(FACTS.c.subject == subject)
    return (await tx.execute(query.order_by(FACTS.c.source, FACTS.c.id).limit(limit))).all()


async def book(tx: Transaction, books: Mapping[Entry, int]) -> None:
    """Add to the intake counters."""
    lines: dict[tuple[str, int, str], Counter[str]] = defaultdict(Counter)
    for entry, count in books.items():
        lines[entry.topic, entry.partition, entry.source][entry.outcome] += count
    rows = [
        {"topic": topic, "partition": partition, "source": source} | {name: counts[name] for name in OUTCOMES}
        for (topic, partition, source), counts in sorted(lines.items())
    ]
    await insert_rows(tx, INTAKE, rows, key=("topic", "partition", "source"), merge=dict.fromkeys(OUTCOMES, "add"))


async def reconciliation(tx: Transaction) -> Sequence[sa.Row[Any]]:
    """The intake counters per topic and source."""
    sums = [sa.cast(sa.func.sum(INTAKE.c[name]), sa.BigInteger).label(name) for name in OUTCOMES]
    grouped = (INTAKE.c.topic, INTAKE.c.source)
    return (await tx.execute(sa.select(*grouped, *sums).group_by(*grouped).order_by(*grouped))).all()


async def stored_counts(tx: Transaction) -> tuple[int, int]:
    """Facts and parked events that are really there: what the counters must add up to."""
    total = await tx.scalar(sa.select(sa.func.count()).select_from(FACTS)) or 0
    parked = await tx.scalar(sa.select(sa.func.count()).select_from(FACTS).where(*PARKED)) or 0
    return total - parked, parked


async def get_customer(tx: Transaction, customer_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(CUSTOMERS).where(CUSTOMERS.c.customer_id == customer_id))).one_or_none()


async def recent_facts(tx: Transaction, customer_ids: Collection[str], *, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(FACTS).where(among(tx, FACTS.c.customer_id, customer_ids)).order_by(FACTS.c.occurred_at.desc()).limit(limit)
    return (await tx.execute(query)).all()


async def merges_in_force(tx: Transaction, customer_ids: Collection[str]) -> list[Merge]:
    """Those that concern any of these customers."""
    concerned = sa.or_(among(tx, MERGES.c.survivor_id, customer_ids), among(tx, MERGES.c.merged_id, customer_ids))
    rows = await tx.execute(sa.select(MERGES).where(concerned, MERGES.c.undone_at.is_(None)))
    return sorted(Merge(row.merged_at, row.merge_id, row.survivor_id, row.merged_id) for row in rows)


async def get_merge(tx: Transaction, merge_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(MERGES).where(MERGES.c.merge_id == merge_id).with_for_update())).one_or_none()


async def insert_merge(tx: Transaction, row: Mapping[str, Any]) -> None:
    await insert_rows(tx, MERGES, [row])


async def undo_merge(tx: Transaction, merge_id: str, *, at: datetime, actor: str, reason: str) -> None:
    await tx.execute(sa.update(MERGES).where(MERGES.c.merge_id == merge_id).values(undone_at=at, undone_by=actor, undo_reason=reason))


async def list_merges(tx: Transaction, *, customer_id: str | None, before: tuple[datetime, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(MERGES).order_by(MERGES.c.merged_at.desc(), MERGES.c.merge_id.desc()).limit(limit)
    if customer_id is not None:
        query = query.where(sa.or_(MERGES.c.survivor_id == customer_id, MERGES.c.merged_id == customer_id))
    if before:
        query = query.where(sa.tuple_(MERGES.c.merged_at, MERGES.c.merge_id) < sa.tuple_(sa.literal(before[0], Instant()), before[1]))
    return (await tx.execute(query)).all()


async def merges_known_at(tx: Transaction, customer_id: str, known_at: datetime) -> list[Merge]:
    """All that made the customer one person with others, as it was known then."""
    found: dict[str, Merge] = {}
    frontier = {customer_id}
    while frontier:
        concerned = sa.or_(among(tx, MERGES.c.survivor_id, frontier), among(tx, MERGES.c.merged_id, frontier))
        in_force = sa.or_(MERGES.c.undone_at.is_(None), MERGES.c.undone_at > known_at)
        rows = await tx.execute(sa.select(MERGES).where(concerned, MERGES.c.merged_at <= known_at, in_force))
        new = {row.merge_id: Merge(row.merged_at, row.merge_id, row.survivor_id, row.merged_id) for row in rows if row.merge_id not in found}
        found |= new
        frontier = {one for merge in new.values() for one in (merge.survivor_id, merge.merged_id)}
    return sorted(found.values())


async def facts_known_at(tx: Transaction, customer_ids: Collection[str], known_at: datetime) -> list[Any]:
    """The facts these customers had then: those that were handed on since are still with whom they were."""
    concerned = sa.or_(among(tx, MOVES.c.from_customer_id, customer_ids), among(tx, MOVES.c.to_customer_id, customer_ids))
    query = sa.select(MOVES).where(concerned, MOVES.c.moved_at > known_at).order_by(MOVES.c.move_id.desc())
    owner_then = {(row.source, row.id): row.from_customer_id for row in await tx.execute(query)}
    gone = [key for key, owner in owner_then.items() if owner in set(customer_ids)]
    mine = sa.or_(among(tx, FACTS.c.customer_id, customer_ids), sa.tuple_(FACTS.c.source, FACTS.c.id).in_(gone))
    rows = (await tx.execute(sa.select(FACTS).where(mine, FACTS.c.recorded_at <= known_at))).all()
    then = [row._replace(customer_id=owner_then[row.source, row.id]) if (row.source, row.id) in owner_then else row for row in map(_Fact.of, rows)]
    return [row for row in then if row.customer_id in set(customer_ids)]
