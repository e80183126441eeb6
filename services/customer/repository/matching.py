"""Statements about who may be the same person twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.customer.matching import Document, Pair, parts
from services.customer.tables import BLOCK_LIST, CUSTOMERS, MATCH_KEYS, MATCH_QUEUE, REVIEW_EVIDENCE, REVIEWS
from shared.database import Transaction, among, insert_rows

# The key of an advisory lock: one at a time compares, merges by review or changes the block list.
COMPARING_LOCK = 7414


class Person(NamedTuple):
    """A customer as they stand. `is_live`: carries on itself and was not erased."""

    customer_id: str
    survivor_id: str
    is_live: bool
    profile: Document


async def enqueue(tx: Transaction, customer_ids: Collection[str]) -> None:
    """To be compared again soon."""
    await insert_rows(tx, MATCH_QUEUE, [{"customer_id": one} for one in sorted(customer_ids)])


async def is_queue_empty(tx: Transaction) -> bool:
    return await tx.scalar(sa.select(MATCH_QUEUE.c.entry_id).limit(1)) is None


async def take_queued(tx: Transaction, *, limit: int) -> set[str]:
    """Off the queue: `limit` entries at most."""
    first = sa.select(MATCH_QUEUE.c.entry_id).order_by(MATCH_QUEUE.c.entry_id).limit(limit)
    rows = await tx.execute(MATCH_QUEUE.delete().where(MATCH_QUEUE.c.entry_id.in_(first)).returning(MATCH_QUEUE.c.customer_id))
    return {row.customer_id for row in rows}


async def lock(tx: Transaction, *, wait: bool) -> bool:
    """Until the transaction ends nobody else compares: so of two customers who share something, the later sees the earlier.

    SQLite has one writer anyway.
    """
    if tx.dialect.name != "postgresql":
        return True
    if wait:
        await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(COMPARING_LOCK)))
        return True
    return bool(await tx.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(COMPARING_LOCK))))


async def people(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Person]:
    """These customers, who carries on for them, and everybody else those carry on for."""
    survivors = sa.select(sa.func.coalesce(CUSTOMERS.c.survivor_id, CUSTOMERS.c.customer_id)).where(among(tx, CUSTOMERS.c.customer_id, customer_ids))
    roots = set((await tx.execute(survivors)).scalars())
    columns = (CUSTOMERS.c.customer_id, CUSTOMERS.c.survivor_id, CUSTOMERS.c.erased_at, CUSTOMERS.c.profile)
    found: dict[str, Person] = {}
    for column in (CUSTOMERS.c.customer_id, CUSTOMERS.c.survivor_id):
        for row in await tx.execute(sa.select(*columns).where(among(tx, column, roots))):
            is_live = row.survivor_id is None and row.erased_at is None
            found[row.customer_id] = Person(row.customer_id, row.survivor_id or row.customer_id, is_live, row.profile)
    return found


async def replace_keys(tx: Transaction, keys: Mapping[str, Collection[str]]) -> set[str]:
    """The keys of these customers are these. Answers the keys that somebody does not have any more."""
    wanted = {(key, customer_id) for customer_id, listed in keys.items() for key in listed}
    query = sa.select(MATCH_KEYS.c.key, MATCH_KEYS.c.customer_id).where(among(tx, MATCH_KEYS.c.customer_id, keys))
    known = {(row.key, row.customer_id) for row in await tx.execute(query)}
    lost = sorted(known - wanted)
    for customer_id in {customer_id for _, customer_id in lost}:
        gone = [key for key, holder in lost if holder == customer_id]
        await tx.execute(MATCH_KEYS.delete().where(MATCH_KEYS.c.customer_id == customer_id, among(tx, MATCH_KEYS.c.key, gone)))
    rows = [{"key": key, "customer_id": customer_id} for key, customer_id in sorted(wanted - known)]
    await insert_rows(tx, MATCH_KEYS, rows, key=("key", "customer_id"))
    return {key for key, _ in lost}


def _is_crowded(key: sa.ColumnElement[str], table: sa.Table, most: int) -> sa.ColumnElement[bool]:
    """Whether more than `most` customers have the key: a few steps along the index, however many they are.

    By `>=` and not `=`, because PostgreSQL expects few rows of a key and would fetch and sort them all, a shop's thousands too.
    """
    following = table.alias()
    listed = sa.select(following.c.key).where(following.c.key >= key).order_by(following.c.key, following.c.customer_id)
    return key.is_not_distinct_from(listed.offset(most).limit(1).scalar_subquery())


async def sharing(tx: Transaction, table: sa.Table, customer_ids: Collection[str], *, most: int) -> list[tuple[str, str, str]]:
    """(key, customer, other customer) of what these customers share with any other, but for keys that more than `most` have."""
    mine, theirs = table.alias(), table.alias()
    query = (
        sa.select(mine.c.key, mine.c.customer_id, theirs.c.customer_id.label("other_id"))
        .join(theirs, sa.and_(theirs.c.key == mine.c.key, theirs.c.customer_id != mine.c.customer_id))
        .where(among(tx, mine.c.customer_id, customer_ids), ~_is_crowded(mine.c.key, table, most))
    )
    return [(row.key, row.customer_id, row.other_id) for row in await tx.execute(query)]


async def holders(tx: Transaction, keys: Collection[str], *, most: int) -> set[str]:
    """Of keys that no more than `most` have."""
    query = sa.select(MATCH_KEYS.c.customer_id).where(among(tx, MATCH_KEYS.c.key, keys), ~_is_crowded(MATCH_KEYS.c.key, MATCH_KEYS, most))
    return set((await tx.execute(query)).scalars())


async def keys_of(tx: Transaction, customer_id: str, *, most: int) -> Sequence[sa.Row[Any]]:
    """(key, shared_by_many, others) of one customer; `others` counts up to `most`."""
    theirs = MATCH_KEYS.alias()
    same = sa.select(sa.func.count()).select_from(theirs).where(theirs.c.key == MATCH_KEYS.c.key, theirs.c.customer_id != customer_id)
    crowded = _is_crowded(MATCH_KEYS.c.key, MATCH_KEYS, most)
    # A shop's thousands are not counted.
    others = sa.case((crowded, most), else_=same.scalar_subquery())
    query = sa.select(MATCH_KEYS.c.key, crowded.label("shared_by_many"), others.label("others"))
    return (await tx.execute(query.where(MATCH_KEYS.c.customer_id == customer_id).order_by(MATCH_KEYS.c.key))).all()


async def reviewed_by_crowded_keys(tx: Transaction, customer_ids: Collection[str], *, most: int) -> set[str]:
    """Customers under review for something these customers have and too many others too."""
    query = (
        sa.select(REVIEWS.c.one, REVIEWS.c.other)
        .join(REVIEW_EVIDENCE, REVIEW_EVIDENCE.c.review_id == REVIEWS.c.review_id)
        .join(MATCH_KEYS, MATCH_KEYS.c.key == REVIEW_EVIDENCE.c.key)
        .where(among(tx, MATCH_KEYS.c.customer_id, customer_ids), _is_crowded(MATCH_KEYS.c.key, MATCH_KEYS, most))
    )
    return {customer_id for row in await tx.execute(query) for customer_id in row}


async def reviews_of(tx: Transaction, customer_ids: Collection[str]) -> dict[Pair, Any]:
    found: dict[Pair, Any] = {}
    for column in (REVIEWS.c.one, REVIEWS.c.other):
        for row in await tx.execute(sa.select(REVIEWS).where(among(tx, column, customer_ids))):
            found[row.one, row.other] = row
    return found


async def save_reviews(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """Undecided ones, with what they live on. `opened_at` stays what it was."""
    ordered = sorted(rows, key=lambda row: (row["one"], row["other"]))
    pair, changed = ("one", "other"), ("state", "likeness", "evidence")
    ids = await insert_rows(tx, REVIEWS, ordered, key=pair, merge=dict.fromkeys(changed, "replace"), returning=("review_id", "evidence"))
    await _forget_evidence(tx, [row.review_id for row in ids])
    evidence = [{"review_id": row.review_id, "key": key, "part": part} for row in ids for key in row.evidence for part in parts(key)]
    await insert_rows(tx, REVIEW_EVIDENCE, evidence)


async def decide(tx: Transaction, review_ids: Collection[int], values: Mapping[str, Any]) -> None:
    await _forget_evidence(tx, review_ids)
    await tx.execute(REVIEWS.update().where(among(tx, REVIEWS.c.review_id, review_ids)).values(**values))


async def delete_reviews(tx: Transaction, review_ids: Collection[int]) -> None:
    await _forget_evidence(tx, review_ids)
    await tx.execute(REVIEWS.delete().where(among(tx, REVIEWS.c.review_id, review_ids)))


async def _forget_evidence(tx: Transaction, review_ids: Collection[int]) -> None:
    await tx.execute(REVIEW_EVIDENCE.delete().where(among(tx, REVIEW_EVIDENCE.c.review_id, review_ids)))


async def get_review(tx: Transaction, review_id: int) -> Any:
    return (await tx.execute(sa.select(REVIEWS).where(REVIEWS.c.review_id == review_id))).one_or_none()


async def list_reviews(tx: Transaction, *, state: str | None, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(REVIEWS).where(REVIEWS.c.review_id > after).order_by(REVIEWS.c.review_id).limit(limit)
    return (await tx.execute(query.where(REVIEWS.c.state == state) if state else query)).all()


async def reviewed_by_part(tx: Transaction, part: str) -> set[str]:
    """Customers under review for something that has this part."""
    query = sa.select(REVIEWS.c.one, REVIEWS.c.other).join(REVIEW_EVIDENCE, REVIEW_EVIDENCE.c.review_id == REVIEWS.c.review_id)
    return {customer_id for row in await tx.execute(query.where(REVIEW_EVIDENCE.c.part == part)) for customer_id in row}


async def blocked(tx: Transaction, among_parts: Collection[str]) -> set[str]:
    return set((await tx.execute(sa.select(BLOCK_LIST.c.part).where(among(tx, BLOCK_LIST.c.part, among_parts)))).scalars())


async def list_blocked(tx: Transaction, *, after: str, limit: int) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(BLOCK_LIST).where(BLOCK_LIST.c.part > after).order_by(BLOCK_LIST.c.part).limit(limit))).all()


async def block(tx: Transaction, row: Mapping[str, Any]) -> None:
    await insert_rows(tx, BLOCK_LIST, [row], key=("part",), merge=dict.fromkeys(("note", "blocked_by", "blocked_at"), "replace"))


async def unblock(tx: Transaction, part: str) -> bool:
    """Whether it was there."""
    return (await tx.execute(BLOCK_LIST.delete().where(BLOCK_LIST.c.part == part).returning(BLOCK_LIST.c.part))).first() is not None
