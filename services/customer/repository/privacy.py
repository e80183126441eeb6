"""Statements of export, erasure and retention periods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.customer import legal_holds
from services.customer.obligations import OWED_BY
from services.customer.profile import REGISTRY_TYPES
from services.customer.repository.registry import PARKED
from services.customer.tables import (
    CASES,
    CUSTOMERS,
    DATA_KEYS,
    FACTS,
    FEED_CHANGES,
    IDEMPOTENCY_KEYS,
    IDENTIFIERS,
    INBOX,
    MOVES,
    PROSPECT_KEYS,
    PROSPECTS,
)
from services.customer.tables.holdings import HOLDINGS, Holding
from services.customer.tables.privacy import ERASURES, EXPIRIES
from shared.contracts.orders import CustomerRegistered, CustomerUpdated
from shared.database import Transaction, among, insert_rows

DEAD = INBOX.dead_letters
NUMBERS = sa.or_(IDENTIFIERS.c.identifier.like("msisdn:%"), IDENTIFIERS.c.identifier.like("imsi:%"))
# No event is about one of these, so nothing can come late by them.
DOCUMENTS_AND_DEVICES = sa.or_(IDENTIFIERS.c.identifier.like("document:%"), IDENTIFIERS.c.identifier.like("imei:%"))


class Expiring(NamedTuple):
    """Rows that are kept for a period after `since`."""

    kind: str
    since: sa.Column[Any]
    which: tuple[sa.ColumnElement[bool], ...] = ()


EXPIRING = (
    Expiring("facts", FACTS.c.recorded_at, (FACTS.c.type.not_in(sorted(REGISTRY_TYPES | legal_holds.TYPES)), sa.not_(sa.and_(*PARKED)))),
    Expiring("parked", FACTS.c.recorded_at, PARKED),
    Expiring("moves", MOVES.c.moved_at),
    Expiring("dead_letters", DEAD.c.died_at),
    Expiring("feed_changes", FEED_CHANGES.c.changed_at),
    Expiring("idempotency", IDEMPOTENCY_KEYS.c.answered_at),
)


async def pages_of(tx: Transaction, holding: Holding, customer_ids: Collection[str], *, limit: int) -> AsyncIterator[list[dict[str, Any]]]:
    """All rows about these customers, a page at a time."""
    key = list(holding.table.primary_key.columns)
    shown = [column for column in holding.table.columns if column.name not in holding.hidden]
    query = sa.select(*shown).where(_about(tx, holding, customer_ids)).order_by(*key).limit(limit)
    rows: Sequence[Any] = (await tx.execute(query)).all()
    while rows:
        yield [{str(name): value for name, value in row._mapping.items()} for row in rows]
        last = sa.tuple_(*(sa.literal(getattr(rows[-1], column.name), column.type) for column in key))
        rows = (await tx.execute(query.where(sa.tuple_(*key) > last))).all() if len(rows) == limit else []


async def delete_holdings(tx: Transaction, customer_ids: Collection[str]) -> dict[str, int]:
    """What an erasure deletes, by table; identifiers are another matter."""
    deleted = [one for one in HOLDINGS if one.at_erasure == "deleted" and one.table is not IDENTIFIERS]
    return {str(one.table.name): (await tx.execute(one.table.delete().where(_about(tx, one, customer_ids)))).rowcount for one in deleted}


async def delete_identifiers(tx: Transaction, customer_ids: Collection[str]) -> int:
    """But accounts, which are the operator's own. The claim on a number or SIM stays where without it an earlier owner, of whom
    nobody reported that they left, would be taken for the owner again: what comes late about the erased customer must not
    become theirs."""
    earlier = IDENTIFIERS.alias()
    resurrects = sa.exists().where(
        earlier.c.identifier == IDENTIFIERS.c.identifier,
        sa.not_(among(tx, earlier.c.customer_id, customer_ids)),
        earlier.c.valid_from <= IDENTIFIERS.c.valid_from,
        sa.or_(earlier.c.valid_to.is_(None), earlier.c.valid_to > IDENTIFIERS.c.valid_from),
    )
    which = sa.or_(DOCUMENTS_AND_DEVICES, sa.and_(NUMBERS, ~resurrects))
    return (await tx.execute(IDENTIFIERS.delete().where(among(tx, IDENTIFIERS.c.customer_id, customer_ids), which))).rowcount


async def delete_dead_letters(tx: Transaction, customer_ids: Collection[str]) -> int:
    """Those about what was the customers' when they came."""
    claimed = sa.exists().where(
        among(tx, IDENTIFIERS.c.customer_id, customer_ids),
        IDENTIFIERS.c.identifier == DEAD.c.key,
        DEAD.c.died_at >= IDENTIFIERS.c.valid_from,
        sa.or_(IDENTIFIERS.c.valid_to.is_(None), DEAD.c.died_at <= IDENTIFIERS.c.valid_to),
    )
    return (await tx.execute(DEAD.delete().where(claimed))).rowcount


async def save_stripped(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Facts as they are from now on."""
    await insert_rows(tx, FACTS, rows, key=("source", "id"), merge={"data": "replace", "subject": "replace"})


async def strip_customers(tx: Transaction, customer_ids: Collection[str], *, profile: Mapping[str, Any], at: datetime) -> None:
    values = {"profile": profile, "erased_at": at, "updated_at": at, "version": CUSTOMERS.c.version + 1}
    await tx.execute(sa.update(CUSTOMERS).where(among(tx, CUSTOMERS.c.customer_id, customer_ids)).values(values))


async def strip_prospects(tx: Transaction, customer_ids: Collection[str]) -> list[str]:
    """Those that these customers were."""
    statement = sa.update(PROSPECTS).where(among(tx, PROSPECTS.c.customer_id, customer_ids)).values(personal={}).returning(PROSPECTS.c.prospect_id)
    return list(await tx.scalars(statement))


async def destroy_keys(tx: Transaction, owners: Collection[str], at: datetime) -> list[str]:
    """Their ids. From the commit on nobody can read what was sealed under them."""
    living = sa.and_(among(tx, DATA_KEYS.c.customer_id, owners), DATA_KEYS.c.wrapped.is_not(None))
    statement = sa.update(DATA_KEYS).where(living).values(wrapped=None, destroyed_at=at).returning(DATA_KEYS.c.key_id)
    return sorted(await tx.scalars(statement))


async def insert_erasure(tx: Transaction, row: Mapping[str, Any]) -> None:
    await insert_rows(tx, ERASURES, [row])


async def last_erasure(tx: Transaction, customer_id: str) -> sa.Row[Any] | None:
    query = sa.select(ERASURES).where(ERASURES.c.customer_id == customer_id).order_by(ERASURES.c.erased_at.desc()).limit(1)
    return (await tx.execute(query)).one_or_none()


async def billing_facts(tx: Transaction, customer_ids: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
    query = sa.select(FACTS.c.type, FACTS.c.data).where(among(tx, FACTS.c.customer_id, customer_ids), among(tx, FACTS.c.type, sorted(OWED_BY)))
    return [(row.type, row.data) for row in await tx.execute(query)]


async def open_cases(tx: Transaction, survivor_id: str, now: datetime) -> list[str]:
    is_open = sa.or_(CASES.c.closed_at.is_(None), CASES.c.closed_at > now)
    query = sa.select(CASES.c.complaint_id).where(CASES.c.survivor_id == survivor_id, is_open)
    return list(await tx.scalars(query.order_by(CASES.c.complaint_id)))


async def consent_facts(tx: Transaction, customer_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    types = (CustomerRegistered.type, CustomerUpdated.type)
    query = sa.select(FACTS).where(among(tx, FACTS.c.customer_id, customer_ids), among(tx, FACTS.c.type, types))
    return (await tx.execute(query.order_by(FACTS.c.occurred_at.desc(), FACTS.c.source.desc(), FACTS.c.id.desc()))).all()


async def expired_until(tx: Transaction, one: Expiring) -> datetime | None:
    """From where to look on; None: there is nothing."""
    until: datetime | None = await tx.scalar(sa.select(EXPIRIES.c.until).where(EXPIRIES.c.kind == one.kind))
    return until or await tx.scalar(sa.select(sa.func.min(one.since)))


async def delete_expired(tx: Transaction, one: Expiring, *, since: datetime, until: datetime, limit: int) -> int:
    """At most `limit`; others who delete the same leave each other's rows alone."""
    key = list(one.since.table.primary_key.columns)
    page = sa.select(*key).where(one.since >= since, one.since < until, *one.which).limit(limit).with_for_update(skip_locked=True)
    return (await tx.execute(sa.delete(one.since.table).where(sa.tuple_(*key).in_(page)))).rowcount


async def delete_prospects(tx: Transaction, *, before: datetime, limit: int) -> list[str]:
    """Of those who did not become customers and whom nobody touched since."""
    old = sa.select(PROSPECTS.c.prospect_id).where(PROSPECTS.c.changed_at < before, PROSPECTS.c.customer_id.is_(None)).limit(limit)
    ids = list(await tx.scalars(old.with_for_update(skip_locked=True)))
    await tx.execute(PROSPECT_KEYS.delete().where(among(tx, PROSPECT_KEYS.c.prospect_id, ids)))
    await tx.execute(PROSPECTS.delete().where(among(tx, PROSPECTS.c.prospect_id, ids)))
    return ids


async def book_expired(tx: Transaction, kind: str, *, rows: int, until: datetime, at: datetime) -> None:
    row = {"kind": kind, "rows": rows, "until": until, "looked_at": at}
    await insert_rows(tx, EXPIRIES, [row], key=("kind",), merge={"rows": "add", "until": "max", "looked_at": "max"})


async def list_expiries(tx: Transaction) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(EXPIRIES).order_by(EXPIRIES.c.kind))).all()


async def expired_facts(tx: Transaction) -> tuple[int, int]:
    """Facts and parked events that the retention periods took."""
    rows = {row.kind: row.rows for row in await list_expiries(tx)}
    return rows.get("facts", 0), rows.get("parked", 0)


def _about(tx: Transaction, holding: Holding, customer_ids: Collection[str]) -> sa.ColumnElement[bool]:
    if holding.columns:
        return sa.or_(*(among(tx, holding.table.c[name], customer_ids) for name in holding.columns))
    (key,) = holding.table.foreign_keys
    parent = next(one for one in HOLDINGS if one.table is key.column.table)
    return key.parent.in_(sa.select(key.column).where(_about(tx, parent, customer_ids)))
