"""Every statement about loyalty points. Who writes here has locked the customers in `contactables`."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.retention.loyalty import Booking, Key, Lot
from services.retention.tables import LOYALTY_ENTRIES, LOYALTY_LOTS, LOYALTY_MEMBERS, LOYALTY_REDEMPTIONS, LOYALTY_REVERSALS
from shared.database import Transaction, among, insert_rows

Row = Mapping[str, Any]

DIFFERENCES_SHOWN = 100
COMPARED = ("entry_points", "entry_owed", "kept_points", "kept_owed", "lot_points", "lot_owed")


@dataclass(frozen=True, slots=True)
class Member:
    """What the entries of one customer id add up to, and the level in the club. `due_on`: the first day on which it changes by itself."""

    customer_id: str
    points: int = 0
    owed: int = 0
    level: str | None = None
    level_since: datetime | None = None
    due_on: date | None = None


async def claim_lots(tx: Transaction, lots: Collection[Lot]) -> set[Key]:
    """Those of them that no other telling brought before; one that brings them at this moment is waited for."""
    rows = [asdict(one) for one in sorted(lots, key=lambda one: one.key)]
    return {Key(row.fact_id, row.source) for row in await insert_rows(tx, LOYALTY_LOTS, rows, key=("fact_id", "source"), returning=("fact_id", "source"))}


async def claim_reversals(tx: Transaction, rows: Collection[Row]) -> None:
    await insert_rows(tx, LOYALTY_REVERSALS, sorted(rows, key=_key_of), key=("fact_id", "source"))


async def claim_redemptions(tx: Transaction, rows: Collection[Row]) -> set[str]:
    """The ids of those that billing never told us of before."""
    made = await insert_rows(tx, LOYALTY_REDEMPTIONS, sorted(rows, key=_key_of), key=("fact_id", "source"), returning=("redemption_id",))
    return {row.redemption_id for row in made}


async def owners(tx: Transaction, keys: Collection[Key]) -> set[str]:
    """Whose the lots of these facts are."""
    query = sa.select(LOYALTY_LOTS).where(among(tx, LOYALTY_LOTS.c.fact_id, {key.fact_id for key in keys}))
    return {row.customer_id for row in await tx.execute(query) if Key(row.fact_id, row.source) in keys} if keys else set()


async def lots(
    tx: Transaction, customer_ids: Collection[str], *, counting_since: datetime, keys: Collection[Key] = (), payment_ids: Collection[str] = ()
) -> list[Lot]:
    """Of these customers those with points left, owed of, earned since then or of these payments; and those of these facts."""
    table = LOYALTY_LOTS.c
    matter = [table.remaining > 0, table.owed > 0, table.earned_at >= counting_since]
    if payment_ids:
        matter.append(among(tx, table.payment_id, payment_ids))
    found = [_lot(row) for row in await tx.execute(sa.select(LOYALTY_LOTS).where(among(tx, table.customer_id, customer_ids), sa.or_(*matter)))]
    if keys:
        told = await tx.execute(sa.select(LOYALTY_LOTS).where(among(tx, table.fact_id, {key.fact_id for key in keys})))
        found += [lot for lot in map(_lot, told) if lot.key in keys]
    return list({lot.key: lot for lot in found}.values())


async def holders(tx: Transaction, customer_ids: Collection[str]) -> set[str]:
    """Who of them ever earned points."""
    query = sa.select(LOYALTY_LOTS.c.customer_id).where(among(tx, LOYALTY_LOTS.c.customer_id, customer_ids)).distinct()
    return set(await tx.scalars(query))


async def members(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Member]:
    rows = await tx.execute(sa.select(LOYALTY_MEMBERS).where(among(tx, LOYALTY_MEMBERS.c.customer_id, customer_ids)))
    return {row.customer_id: Member(**row._mapping) for row in rows}


async def list_members(tx: Transaction, *, after: str | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Who has a level, by id: of a person whose ids were merged, the id that carries on."""
    query = sa.select(LOYALTY_MEMBERS).where(LOYALTY_MEMBERS.c.level.is_not(None))
    if after is not None:
        query = query.where(LOYALTY_MEMBERS.c.customer_id > after)
    return (await tx.execute(query.order_by(LOYALTY_MEMBERS.c.customer_id).limit(limit))).all()


async def due(tx: Transaction, today: date, *, limit: int) -> list[str]:
    query = sa.select(LOYALTY_MEMBERS.c.customer_id).where(LOYALTY_MEMBERS.c.due_on <= today)
    return list(await tx.scalars(query.order_by(LOYALTY_MEMBERS.c.due_on, LOYALTY_MEMBERS.c.customer_id).limit(limit)))


async def waiting_reversals(tx: Transaction, customer_ids: Collection[str], payment_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """Money that was given back, and has not yet taken its points with it."""
    table = LOYALTY_REVERSALS.c
    theirs = sa.and_(among(tx, table.customer_id, customer_ids), among(tx, table.payment_id, payment_ids), table.unapplied_minor > 0)
    return (await tx.execute(sa.select(LOYALTY_REVERSALS).where(theirs).order_by(table.fact_id, table.source))).all() if payment_ids else []


async def apply_reversal(tx: Transaction, key: Key, *, unapplied_minor: int) -> None:
    mine = sa.and_(LOYALTY_REVERSALS.c.fact_id == key.fact_id, LOYALTY_REVERSALS.c.source == key.source)
    await tx.execute(sa.update(LOYALTY_REVERSALS).where(mine).values(unapplied_minor=unapplied_minor))


async def unconfirmed(tx: Transaction, customer_ids: Collection[str], *, since: datetime, until: datetime) -> list[sa.Row[Any]]:
    """Redemptions made here that billing told nothing of yet, the oldest first."""
    table = LOYALTY_REDEMPTIONS.c
    theirs = sa.and_(among(tx, table.customer_id, customer_ids), table.fact_id.is_(None), table.redeemed_at.between(since, until))
    return list((await tx.execute(sa.select(LOYALTY_REDEMPTIONS).where(theirs).order_by(table.redeemed_at, table.redemption_id))).all())


async def insert_redemption(tx: Transaction, row: Row) -> None:
    await insert_rows(tx, LOYALTY_REDEMPTIONS, [row])


async def confirm(tx: Transaction, redemption_id: str, *, told: Row) -> None:
    """That billing told of is this one: it is one redemption, not two."""
    table = LOYALTY_REDEMPTIONS.c
    await tx.execute(LOYALTY_REDEMPTIONS.delete().where(table.redemption_id == told["redemption_id"]))
    same = {"fact_id": told["fact_id"], "source": told["source"]}
    await tx.execute(sa.update(LOYALTY_REDEMPTIONS).where(table.redemption_id == redemption_id).values(**same))


async def cover(tx: Transaction, redemption_id: str, *, points: int) -> None:
    mine = LOYALTY_REDEMPTIONS.c.redemption_id == redemption_id
    await tx.execute(sa.update(LOYALTY_REDEMPTIONS).where(mine).values(covered_points=points))


async def save(tx: Transaction, *, lots: Iterable[Lot], bookings: Iterable[Booking], members: Iterable[Member], at: datetime) -> None:
    rows = [asdict(one) for one in sorted(lots, key=lambda one: one.key)]
    await insert_rows(tx, LOYALTY_LOTS, rows, key=("fact_id", "source"), merge=dict.fromkeys((one.name for one in fields(Lot)), "replace"))
    await insert_rows(tx, LOYALTY_ENTRIES, [row for one in bookings for row in _entries(one, at)])
    rows = [asdict(one) for one in sorted(members, key=lambda one: one.customer_id)]
    await insert_rows(tx, LOYALTY_MEMBERS, rows, key=("customer_id",), merge=dict.fromkeys((one.name for one in fields(Member)), "replace"))


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    """Their entries name nobody from now on, and go on adding up; all else is deleted."""
    if not customer_ids:
        return
    for table in (LOYALTY_LOTS, LOYALTY_REVERSALS, LOYALTY_REDEMPTIONS, LOYALTY_MEMBERS):
        await tx.execute(table.delete().where(among(tx, table.c.customer_id, customer_ids)))
    theirs = sa.select(LOYALTY_ENTRIES.c.transaction_id).where(among(tx, LOYALTY_ENTRIES.c.customer_id, customer_ids))
    await tx.execute(sa.update(LOYALTY_ENTRIES).where(LOYALTY_ENTRIES.c.transaction_id.in_(theirs)).values(reference=""))
    await tx.execute(sa.update(LOYALTY_ENTRIES).where(among(tx, LOYALTY_ENTRIES.c.customer_id, customer_ids)).values(customer_id=None))


async def entries_of(tx: Transaction, customer_ids: Collection[str], *, limit: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(LOYALTY_ENTRIES).where(among(tx, LOYALTY_ENTRIES.c.customer_id, customer_ids))
    return (await tx.execute(query.order_by(LOYALTY_ENTRIES.c.entry_id.desc()).limit(limit))).all()


async def sums(tx: Transaction) -> dict[str, int]:
    """By account, over everybody."""
    query = sa.select(LOYALTY_ENTRIES.c.account, sa.func.sum(LOYALTY_ENTRIES.c.points)).group_by(LOYALTY_ENTRIES.c.account)
    return {row[0]: int(row[1]) for row in await tx.execute(query.order_by(LOYALTY_ENTRIES.c.account))}


async def unbalanced(tx: Transaction) -> dict[str, int]:
    """Transactions whose entries do not add up to zero, and to what they do."""
    total = sa.func.sum(LOYALTY_ENTRIES.c.points)
    query = sa.select(LOYALTY_ENTRIES.c.transaction_id, total).group_by(LOYALTY_ENTRIES.c.transaction_id).having(total != 0)
    return {row[0]: int(row[1]) for row in await tx.execute(query.order_by(LOYALTY_ENTRIES.c.transaction_id).limit(DIFFERENCES_SHOWN))}


async def differing(tx: Transaction) -> Sequence[sa.Row[Any]]:
    """Customers (None: who were erased) of whom entries, kept balances and lots do not say the same: one statement, so of one moment."""
    entries, members, lots = LOYALTY_ENTRIES.c, LOYALTY_MEMBERS.c, LOYALTY_LOTS.c
    points = sa.case((entries.account == "points", entries.points), else_=0)
    owed = sa.case((entries.account == "owed", -entries.points), else_=0)
    said = sa.union_all(
        _said(entries.customer_id, entry_points=points, entry_owed=owed),
        _said(members.customer_id, kept_points=members.points, kept_owed=members.owed),
        _said(lots.customer_id, lot_points=lots.remaining, lot_owed=lots.owed),
    ).subquery()
    total = {name: sa.func.sum(said.c[name]) for name in COMPARED}
    differ = [total[f"entry_{one}"] != total[f"{other}_{one}"] for one in ("points", "owed") for other in ("kept", "lot")]
    query = sa.select(said.c.customer_id, *(total[name].label(name) for name in COMPARED)).group_by(said.c.customer_id).having(sa.or_(*differ))
    return (await tx.execute(query.order_by(said.c.customer_id).limit(DIFFERENCES_SHOWN))).all()


def _said(customer_id: sa.ColumnElement[Any], **values: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(customer_id.label("customer_id"), *(values.get(name, sa.literal(0)).label(name) for name in COMPARED))


def _entries(booking: Booking, at: datetime) -> list[dict[str, Any]]:
    common = {"transaction_id": uuid.uuid4().hex, "kind": booking.kind, "reference": booking.reference, "booked_at": at}
    return [common | entry._asdict() for entry in booking.entries]


def _lot(row: sa.Row[Any]) -> Lot:
    return Lot(**row._mapping)


def _key_of(row: Row) -> Key:
    return Key(row["fact_id"], row["source"])
