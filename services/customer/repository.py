"""Every statement of the customer service."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

import sqlalchemy as sa

from services.customer.profile import REGISTRY_TYPES, Ownership, RegistryFact
from services.customer.rollups import Deltas
from services.customer.tables import CUSTOMERS, FACTS, IDENTIFIERS, INTAKE, PARKED, ROLLUPS
from shared.database import Transaction, among, insert_rows
from shared.worker import Entry

# The first half of an advisory lock's key, and how many there are in the second.
SUBJECT_LOCK = 7413
SUBJECT_LOCKS = 256
OUTCOMES = ("accepted", "applied", "duplicate", "parked", "dead")


async def owners(tx: Transaction, subjects: Collection[str]) -> dict[str, list[Any]]:
    """Everyone each subject ever belonged to, the latest owner first."""
    columns = (IDENTIFIERS.c.identifier, IDENTIFIERS.c.customer_id, IDENTIFIERS.c.valid_from, IDENTIFIERS.c.valid_to)
    query = sa.select(*columns).where(among(tx, IDENTIFIERS.c.identifier, subjects)).order_by(IDENTIFIERS.c.valid_from.desc())
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await tx.execute(query):
        found[row.identifier].append(row)
    return found


async def insert_facts(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(source, id) of those that were not there yet."""
    ordered = sorted(rows, key=lambda row: (row["source"], row["id"]))
    new = await insert_rows(tx, FACTS, ordered, key=("source", "id"), returning=("source", "id"))
    return set(map(tuple, new))


async def insert_customers(tx: Transaction, customer_ids: Iterable[str], at: datetime) -> None:
    rows = [{"customer_id": one, "profile": {}, "activity_sequence": 0, "updated_at": at} for one in sorted(customer_ids)]
    await insert_rows(tx, CUSTOMERS, rows, key=("customer_id",))


async def lock_customers(tx: Transaction, customer_ids: Collection[str]) -> None:
    """Until the transaction ends nobody else folds, adds to or numbers what concerns these customers."""
    query = sa.select(CUSTOMERS.c.customer_id).where(among(tx, CUSTOMERS.c.customer_id, customer_ids))
    await tx.execute(query.order_by(CUSTOMERS.c.customer_id).with_for_update())


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
        found[row.customer_id].append(RegistryFact(row.occurred_at, row.source, row.id, row.type, row.data))
    return found


async def save_profiles(tx: Transaction, profiles: Mapping[str, Mapping[str, Any]], at: datetime) -> None:
    rows = [{"customer_id": one, "profile": profiles[one], "activity_sequence": 0, "updated_at": at} for one in sorted(profiles)]
    await insert_rows(tx, CUSTOMERS, rows, key=("customer_id",), merge={"profile": "replace", "updated_at": "replace"})


async def replace_identifiers(tx: Transaction, owned: Mapping[str, Sequence[Ownership]]) -> None:
    """What the customers own now, and no longer what they owned by an earlier fold."""
    await tx.execute(IDENTIFIERS.delete().where(among(tx, IDENTIFIERS.c.customer_id, list(owned))))
    rows = [{**one._asdict(), "customer_id": customer_id} for customer_id, all_owned in owned.items() for one in dict.fromkeys(all_owned)]
    rows.sort(key=lambda row: (row["identifier"], row["valid_from"]))
    await insert_rows(tx, IDENTIFIERS, rows, key=("identifier", "valid_from"), merge={"valid_to": "replace", "customer_id": "replace"})


async def months(tx: Transaction, customer_ids: Collection[str], *, since: str, until: str) -> dict[tuple[str, str], Deltas]:
    """(customer id, month) -> measures, both months included."""
    query = sa.select(ROLLUPS).where(among(tx, ROLLUPS.c.customer_id, customer_ids), ROLLUPS.c.month.between(since, until))
    rows = await tx.execute(query)
    return {(customer_id, month): measures for customer_id, month, measures in rows}


async def save_months(tx: Transaction, changed: Mapping[tuple[str, str], Deltas]) -> None:
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


async def park(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(source, id) of those that were not parked yet."""
    ordered = sorted(rows, key=lambda row: (row["source"], row["id"]))
    new = await insert_rows(tx, PARKED, ordered, key=("source", "id"), returning=("source", "id"))
    return {(row.source, row.id) for row in new}


async def take_parked(tx: Transaction, subjects: Collection[str]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(PARKED.delete().where(among(tx, PARKED.c.subject, subjects)).returning(*PARKED.c))).all()


async def list_parked(tx: Transaction, *, after: tuple[str, str], limit: int) -> Sequence[sa.Row[Any]]:
    key = sa.tuple_(PARKED.c.source, PARKED.c.id)
    return (await tx.execute(sa.select(PARKED).where(key > sa.tuple_(*after)).order_by(PARKED.c.source, PARKED.c.id).limit(limit))).all()


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
    facts = await tx.scalar(sa.select(sa.func.count()).select_from(FACTS))
    parked = await tx.scalar(sa.select(sa.func.count()).select_from(PARKED))
    return facts or 0, parked or 0


async def get_customer(tx: Transaction, customer_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(CUSTOMERS).where(CUSTOMERS.c.customer_id == customer_id))).one_or_none()


async def recent_facts(tx: Transaction, customer_id: str, *, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(FACTS).where(FACTS.c.customer_id == customer_id).order_by(FACTS.c.occurred_at.desc()).limit(limit)
    return (await tx.execute(query)).all()
