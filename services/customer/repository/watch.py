"""Every statement about the sources of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.drift import Seen, Shape
from services.customer.identity import BEGINNING
from services.customer.tables import FEED_CHANGES, FEED_HOURS, FEED_SAMPLES, FEED_SHAPES, FEED_WATCH, FEEDS, INTAKE
from services.customer.watch import Hour
from shared.database import Transaction, among, insert_rows

Feed = tuple[str, str]
ShapeKey = tuple[str, str, str]

HOUR_COLUMNS = tuple(FEED_HOURS.c[name] for name in Hour._fields)


async def lock_watch(tx: Transaction, now: datetime) -> sa.Row[Any]:
    await insert_rows(tx, FEED_WATCH, [{"one": 1, "looked_at": BEGINNING, "listening_since": now}], key=("one",))
    return (await tx.execute(sa.select(FEED_WATCH).with_for_update())).one()


async def save_watch(tx: Transaction, *, looked_at: datetime, listening_since: datetime) -> None:
    await tx.execute(sa.update(FEED_WATCH).values(looked_at=looked_at, listening_since=listening_since))


async def booked(tx: Transaction, *, limit: int) -> dict[Feed, tuple[int, int]]:
    """(topic, source) -> what came by the bus so far, and how much of it is dead."""
    sums = [sa.cast(sa.func.sum(INTAKE.c[name]), sa.BigInteger) for name in ("accepted", "dead")]
    feed = (INTAKE.c.topic, INTAKE.c.source)
    query = sa.select(*feed, *sums).where(INTAKE.c.partition >= 0, INTAKE.c.source != "unknown").group_by(*feed).order_by(*feed).limit(limit)
    return {(topic, source): (accepted, dead) for topic, source, accepted, dead in await tx.execute(query)}


async def feeds(tx: Transaction) -> dict[Feed, sa.Row[Any]]:
    return {(row.topic, row.source): row for row in await tx.execute(sa.select(FEEDS))}


async def list_feeds(tx: Transaction, *, after: Feed, limit: int) -> Sequence[sa.Row[Any]]:
    key = sa.tuple_(FEEDS.c.topic, FEEDS.c.source)
    return (await tx.execute(sa.select(FEEDS).where(key > sa.tuple_(*after)).order_by(FEEDS.c.topic, FEEDS.c.source).limit(limit))).all()


async def save_feeds(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    names = [column.name for column in FEEDS.c if not column.primary_key]
    await insert_rows(tx, FEEDS, rows, key=("topic", "source"), merge=dict.fromkeys(names, "replace"))


async def hours(tx: Transaction, *, since: datetime, sources: Iterable[str] | None = None) -> dict[Feed, list[Hour]]:
    """Per (topic, source), oldest first."""
    query = sa.select(FEED_HOURS.c.topic, FEED_HOURS.c.source, *HOUR_COLUMNS).where(FEED_HOURS.c.starts_at >= since).order_by(FEED_HOURS.c.starts_at)
    found: dict[Feed, list[Hour]] = {}
    for topic, source, *hour in await tx.execute(query if sources is None else query.where(among(tx, FEED_HOURS.c.source, sorted(set(sources))))):
        found.setdefault((topic, source), []).append(Hour(*hour))
    return found


async def save_hours(tx: Transaction, changed: Mapping[Feed, Hour]) -> None:
    rows = [{"topic": topic, "source": source, **hour._asdict()} for (topic, source), hour in sorted(changed.items())]
    names = (name for name in Hour._fields if name != "starts_at")
    await insert_rows(tx, FEED_HOURS, rows, key=("topic", "source", "starts_at"), merge=dict.fromkeys(names, "replace"))


async def add_samples(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, FEED_SAMPLES, rows)


async def take_samples(tx: Transaction, *, limit: int) -> list[sa.Row[Any]]:
    """The oldest, which are gone then."""
    oldest = sa.select(FEED_SAMPLES.c.sample_id).order_by(FEED_SAMPLES.c.sample_id).limit(limit)
    rows = await tx.execute(FEED_SAMPLES.delete().where(FEED_SAMPLES.c.sample_id.in_(oldest)).returning(*FEED_SAMPLES.c))
    return sorted(rows, key=lambda row: int(row.sample_id))


async def shapes(tx: Transaction) -> dict[ShapeKey, Shape]:
    rows = await tx.execute(sa.select(FEED_SHAPES))
    return {(row.topic, row.source, row.type): Shape(row.samples, {name: Seen(*seen) for name, seen in row.fields.items()}) for row in rows}


async def save_shapes(tx: Transaction, changed: Mapping[ShapeKey, Shape]) -> None:
    rows = [
        {"topic": topic, "source": source, "type": type_, "samples": shape.samples, "fields": {name: tuple(seen) for name, seen in shape.fields.items()}}
        for (topic, source, type_), shape in sorted(changed.items())
    ]
    await insert_rows(tx, FEED_SHAPES, rows, key=("topic", "source", "type"), merge={"samples": "replace", "fields": "replace"})


async def add_changes(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, FEED_CHANGES, rows)


async def list_changes(tx: Transaction, *, before: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    return (await tx.execute(sa.select(FEED_CHANGES).where(FEED_CHANGES.c.change_id < before).order_by(FEED_CHANGES.c.change_id.desc()).limit(limit))).all()


async def forget(tx: Transaction, *, hours_before: datetime, changes_before: datetime) -> None:
    await tx.execute(FEED_HOURS.delete().where(FEED_HOURS.c.starts_at < hours_before))
    await tx.execute(FEED_CHANGES.delete().where(FEED_CHANGES.c.changed_at < changes_before))
