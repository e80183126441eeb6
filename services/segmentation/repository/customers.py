"""The customers' features and purchases."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation.features import Features
from services.segmentation.rfm import Payment, Purchases
from services.segmentation.tables import FEATURES, HEARD, PURCHASE_DAYS
from shared.database import Transaction, among, insert_rows

_FEATURE_NAMES = tuple(column.name for column in FEATURES.c if column.name not in {"updated_at", "active_day"})


async def hold(tx: Transaction, customer_ids: Collection[str], now: datetime) -> dict[str, Features]:
    """The customers' features, new ones among them, locked until the transaction ends."""
    found = await _locked(tx, customer_ids)
    unknown = sorted(set(customer_ids) - set(found))
    if unknown:
        await insert_rows(tx, FEATURES, [_feature_row(Features(one), now) for one in unknown], key=("customer_id",))
        found |= await _locked(tx, unknown)
    return found


async def _locked(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Features]:
    query = sa.select(*(FEATURES.c[name] for name in _FEATURE_NAMES)).where(among(tx, FEATURES.c.customer_id, customer_ids))
    rows = await tx.execute(query.order_by(FEATURES.c.customer_id).with_for_update())
    return {row.customer_id: Features(**row._mapping) for row in rows}


async def save_features(tx: Transaction, features: Iterable[Features], now: datetime) -> None:
    rows = [_feature_row(one, now) for one in sorted(features, key=lambda one: one.customer_id)]
    await insert_rows(tx, FEATURES, rows, key=("customer_id",), merge=dict.fromkeys((*_FEATURE_NAMES[1:], "active_day", "updated_at"), "replace"))


def _feature_row(features: Features, now: datetime) -> dict[str, Any]:
    return {name: getattr(features, name) for name in _FEATURE_NAMES} | {"active_day": features.active_day, "updated_at": now}


async def add_payments(tx: Transaction, payments: Mapping[str, Mapping[str, Payment]]) -> None:
    """By customer, then by day: add to what that day has."""
    rows = [{"customer_id": one, "day": day} | payments[one][day]._asdict() for one in sorted(payments) for day in sorted(payments[one])]
    await insert_rows(tx, PURCHASE_DAYS, rows, key=("customer_id", "day"), merge={"payments": "add", "paid_minor": "add"})


async def drop_purchases(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(PURCHASE_DAYS.delete().where(among(tx, PURCHASE_DAYS.c.customer_id, customer_ids)))


async def purchases(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Purchases]:
    """Of those among them who ever paid, by what they paid alone."""
    days = PURCHASE_DAYS.c
    bought_on = sa.case((days.payments > 0, days.day))
    columns = (
        days.customer_id, sa.func.min(bought_on), sa.func.max(bought_on), sa.func.count(bought_on), sa.cast(sa.func.sum(days.paid_minor), sa.BigInteger)
    )  # fmt: skip
    query = sa.select(*columns).where(among(tx, days.customer_id, customer_ids)).group_by(days.customer_id).having(sa.func.count(bought_on) > 0)
    rows = await tx.execute(query)
    return {
        customer_id: Purchases(date.fromisoformat(last), frequency, paid, date.fromisoformat(first), date.fromisoformat(last))
        for customer_id, first, last, frequency, paid in rows
    }


async def ids_after(tx: Transaction, after: str, *, limit: int) -> Sequence[str]:
    """The next customers who are still there, by id."""
    gone = sa.or_(FEATURES.c.erased, FEATURES.c.merged_into.is_not(None))
    query = sa.select(FEATURES.c.customer_id).where(FEATURES.c.customer_id > after, ~gone).order_by(FEATURES.c.customer_id).limit(limit)
    return (await tx.scalars(query)).all()


async def heard(tx: Transaction) -> dict[str, date]:
    """How far the feeds have come, by name."""
    return {row.name: date.fromisoformat(row.day) for row in await tx.execute(sa.select(HEARD))}


async def note_heard(tx: Transaction, days: Mapping[str, date]) -> None:
    rows = [{"name": name, "day": days[name].isoformat()} for name in sorted(days)]
    await insert_rows(tx, HEARD, rows, key=("name",), merge={"day": "max"})


async def anyone(tx: Transaction) -> bool:
    return await tx.scalar(sa.select(FEATURES.c.customer_id).limit(1)) is not None


async def read_features(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Features]:
    """As they stand, without a lock: for what is only looked at."""
    query = sa.select(*(FEATURES.c[name] for name in _FEATURE_NAMES)).where(among(tx, FEATURES.c.customer_id, customer_ids))
    return {row.customer_id: Features(**row._mapping) for row in await tx.execute(query)}


async def find_survivor(tx: Transaction, customer_id: str) -> str | None:
    """Who the customer is by now, over however many merges; None while the merges heard of go round in a circle."""
    seen: set[str] = set()
    step: str | None = customer_id
    while step is not None and step not in seen:
        seen.add(step)
        row = (await tx.execute(sa.select(FEATURES.c.merged_into).where(FEATURES.c.customer_id == step))).one_or_none()
        if row is None or row.merged_into is None:
            return step if row else None
        step = row.merged_into
    return None


async def get_features(tx: Transaction, customer_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(FEATURES).where(FEATURES.c.customer_id == customer_id))).one_or_none()
