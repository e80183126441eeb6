"""Every statement of the segmentation service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation.features import Features
from services.segmentation.rfm import CutPoints, Payment, Purchases, Snapshot
from services.segmentation.tables import ALERTS, CUTS, FEATURES, FEEDS, PURCHASE_DAYS, RECUTS, RFM, RFM_HISTORY
from shared.database import Transaction, among, insert_rows

HISTOGRAM_ROWS = 5_000
ALERTS_LISTED = 200

_FEATURE_NAMES = tuple(column.name for column in FEATURES.c if column.name != "updated_at")
_RFM_NAMES = tuple(column.name for column in RFM.c)


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
    await insert_rows(tx, FEATURES, rows, key=("customer_id",), merge=dict.fromkeys((*_FEATURE_NAMES[1:], "updated_at"), "replace"))


def _feature_row(features: Features, now: datetime) -> dict[str, Any]:
    return {name: getattr(features, name) for name in _FEATURE_NAMES} | {"updated_at": now}


async def add_payments(tx: Transaction, payments: Mapping[str, Mapping[str, Payment]]) -> None:
    """By customer, then by day: add to what that day has."""
    rows = [{"customer_id": one, "day": day} | payments[one][day]._asdict() for one in sorted(payments) for day in sorted(payments[one])]
    await insert_rows(tx, PURCHASE_DAYS, rows, key=("customer_id", "day"), merge={"payments": "add", "paid_minor": "add"})


async def drop_purchases(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(PURCHASE_DAYS.delete().where(among(tx, PURCHASE_DAYS.c.customer_id, customer_ids)))


async def purchases(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Purchases]:
    """Of those among them who ever bought."""
    days = PURCHASE_DAYS.c
    bought_on = sa.case((days.payments > 0, days.day))
    columns = (days.customer_id, sa.func.max(bought_on), sa.func.count(bought_on), sa.cast(sa.func.sum(days.paid_minor), sa.BigInteger))
    query = sa.select(*columns).where(among(tx, days.customer_id, customer_ids)).group_by(days.customer_id).having(sa.func.count(bought_on) > 0)
    rows = await tx.execute(query)
    return {customer_id: Purchases(date.fromisoformat(last_day), frequency, paid) for customer_id, last_day, frequency, paid in rows}


async def rfm_of(tx: Transaction, customer_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    rows = await tx.execute(sa.select(RFM).where(among(tx, RFM.c.customer_id, customer_ids)))
    return {row.customer_id: row for row in rows}


async def save_rfm(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: str(row["customer_id"]))
    await insert_rows(tx, RFM, ordered, key=("customer_id",), merge=dict.fromkeys(_RFM_NAMES[1:], "replace"))


async def drop_rfm(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(RFM.delete().where(among(tx, RFM.c.customer_id, customer_ids)))


async def add_history(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    names = [column.name for column in RFM_HISTORY.c]
    ordered = sorted(rows, key=lambda row: str(row["customer_id"]))
    await insert_rows(tx, RFM_HISTORY, [{name: row.get(name) for name in names} for row in ordered])


async def drop_history(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(RFM_HISTORY.delete().where(among(tx, RFM_HISTORY.c.customer_id, customer_ids)))


async def last_published(tx: Transaction, customer_ids: Collection[str]) -> dict[str, int]:
    """The sequence of the last that was published about them, also when it was that they have no score any more."""
    query = sa.select(RFM_HISTORY.c.customer_id, sa.func.max(RFM_HISTORY.c.published)).where(among(tx, RFM_HISTORY.c.customer_id, customer_ids))
    return {row[0]: row[1] for row in await tx.execute(query.group_by(RFM_HISTORY.c.customer_id))}


async def rfm_as_of(tx: Transaction, customer_id: str, moment: datetime) -> sa.Row[Any] | None:
    """As it was known then."""
    query = sa.select(RFM_HISTORY).where(RFM_HISTORY.c.customer_id == customer_id, RFM_HISTORY.c.scored_at <= moment)
    return (await tx.execute(query.order_by(RFM_HISTORY.c.published.desc()).limit(1))).one_or_none()


async def scored_after(tx: Transaction, after: str, *, limit: int) -> Sequence[str]:
    """The next customers who have scores, by id."""
    query = sa.select(RFM.c.customer_id).where(RFM.c.customer_id > after).order_by(RFM.c.customer_id).limit(limit)
    return (await tx.scalars(query)).all()


async def anyone_scored(tx: Transaction) -> bool:
    return await tx.scalar(sa.select(RFM.c.customer_id).limit(1)) is not None


async def newest_purchase_day(tx: Transaction) -> date | None:
    day = await tx.scalar(sa.select(sa.func.max(RFM.c.last_day)))
    return date.fromisoformat(day) if day else None


async def histogram(tx: Transaction, measure: str) -> AsyncIterator[tuple[str, int, Any, int]]:
    """(population, its customers, value, who has it) for every value of a column of `rfm`, in ascending order per population."""
    value, holders = RFM.c[measure], sa.func.count()
    customers = sa.cast(sa.func.sum(holders).over(partition_by=RFM.c.population), sa.BigInteger)
    query = sa.select(RFM.c.population, customers, value, holders).group_by(RFM.c.population, value).order_by(RFM.c.population, value)
    result = await tx.stream(query, execution_options={"yield_per": HISTOGRAM_ROWS})
    async for row in result:
        yield row[0], row[1], row[2], row[3]


async def lock_recuts(tx: Transaction) -> None:
    """One at a time asks for a re-cut or carries one on. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        await tx.execute(sa.text("LOCK TABLE recuts IN EXCLUSIVE MODE"))


async def newest_recut(tx: Transaction) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(RECUTS).order_by(RECUTS.c.version.desc()).limit(1))).one_or_none()


async def insert_recut(tx: Transaction, **columns: Any) -> None:
    await tx.execute(sa.insert(RECUTS).values(**columns))


async def update_recut(tx: Transaction, version: int, **columns: Any) -> None:
    await tx.execute(sa.update(RECUTS).where(RECUTS.c.version == version).values(**columns))


async def insert_cuts(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, CUTS, rows)


async def newest_cuts(tx: Transaction) -> dict[str, Snapshot]:
    """Of each population that was ever cut."""
    newest = sa.select(CUTS.c.population, sa.func.max(CUTS.c.version).label("version")).group_by(CUTS.c.population).subquery()
    query = sa.select(CUTS).join(newest, sa.and_(CUTS.c.population == newest.c.population, CUTS.c.version == newest.c.version))
    return {row.population: Snapshot(row.version, CutPoints.of(row.points)) for row in await tx.execute(query)}


async def list_recuts(tx: Transaction, *, before: int | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(RECUTS).order_by(RECUTS.c.version.desc()).limit(limit)
    return (await tx.execute(query if before is None else query.where(RECUTS.c.version < before))).all()


async def cuts_of(tx: Transaction, versions: Collection[int]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(CUTS).where(among(tx, CUTS.c.version, versions)).order_by(CUTS.c.population))).all()


async def segment_counts(tx: Transaction) -> Sequence[sa.Row[Any]]:
    grouped = (RFM.c.population, RFM.c.segment, RFM.c.returned)
    return (await tx.execute(sa.select(*grouped, sa.func.count().label("customers")).group_by(*grouped).order_by(*grouped))).all()


async def insert_alerts(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of those that were not there yet."""
    ordered = sorted(rows, key=lambda row: str(row["alert_id"]))
    return {row.alert_id for row in await insert_rows(tx, ALERTS, ordered, key=("alert_id",), returning=("alert_id",))}


async def list_alerts(
    tx: Transaction, *, kind: str | None, customer_id: str | None, since: datetime | None, before: tuple[datetime, str] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Newest first, those before the position `before`."""
    query = sa.select(ALERTS).order_by(ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc()).limit(limit)
    if kind is not None:
        query = query.where(ALERTS.c.kind == kind)
    if customer_id is not None:
        query = query.where(ALERTS.c.customer_id == customer_id)
    if since is not None:
        query = query.where(ALERTS.c.raised_at >= since)
    if before is not None:
        query = query.where(sa.tuple_(ALERTS.c.raised_at, ALERTS.c.alert_id) < sa.tuple_(*before, types=[ALERTS.c.raised_at.type, ALERTS.c.alert_id.type]))
    return (await tx.execute(query)).all()


async def get_alerts(tx: Transaction, alert_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    return (await tx.execute(sa.select(ALERTS).where(among(tx, ALERTS.c.alert_id, alert_ids)).order_by(ALERTS.c.raised_at.desc()))).all()


async def alerts_between(tx: Transaction, customer_id: str, since: datetime, until: datetime) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(ALERTS).where(ALERTS.c.customer_id == customer_id, ALERTS.c.raised_at > since, ALERTS.c.raised_at <= until)
    return (await tx.execute(query.order_by(ALERTS.c.raised_at.desc(), ALERTS.c.alert_id.desc()).limit(ALERTS_LISTED))).all()


async def save_feeds(tx: Transaction, states: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """By topic and source. Who comes late leaves what is there."""
    await insert_rows(tx, FEEDS, [states[key] for key in sorted(states)], key=("feed_topic", "feed_source"))
    for (topic, source), state in sorted(states.items()):
        older = sa.and_(FEEDS.c.feed_topic == topic, FEEDS.c.feed_source == source, FEEDS.c.changed_at < state["changed_at"])
        await tx.execute(sa.update(FEEDS).where(older).values(state=state["state"], changed_at=state["changed_at"]))


async def unhealthy_feeds(tx: Transaction) -> list[tuple[str, str]]:
    query = sa.select(FEEDS.c.feed_topic, FEEDS.c.feed_source).where(FEEDS.c.state != "healthy").order_by(FEEDS.c.feed_topic, FEEDS.c.feed_source)
    return [(row.feed_topic, row.feed_source) for row in await tx.execute(query)]


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
