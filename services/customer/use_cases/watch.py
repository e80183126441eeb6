"""Watch the sources of events: what batches put down is looked at once a minute, and who is not as usual is told.

Counting costs a batch nothing: the books count already, and each look takes what was added since the last one. Field names
come from a few raw records per batch, put down without a lock.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from services.customer import drift
from services.customer.facts import OWN_SOURCE
from services.customer.repository import watch as repository
from services.customer.repository.watch import Feed, ShapeKey
from services.customer.tables import OUTBOX
from services.customer.watch import DAY, DAYS_KEPT, HOUR, STATES, Hour, State, Verdict, heard, hour_of, verdict
from shared import clock, outbox, telemetry
from shared.bus import Message
from shared.contracts.customer import FeedStateChanged
from shared.contracts.decoding import structured
from shared.contracts.envelope import Event
from shared.database import Database, Transaction
from shared.pii import Keyring
from shared.worker import Batch, Delivery

LOOK_SECONDS = 60.0
# Several workers: the second one of a minute has nothing to look at.
LEAST_SECONDS_BETWEEN = 30.0
# No look for so long: nobody listened.
DEAF_AFTER = timedelta(seconds=5 * LOOK_SECONDS)
SAMPLES_PER_BATCH = 4
SAMPLES_PER_LOOK = 2000
FEEDS_WATCHED = 200
CHANGES_KEPT = 400 * DAY
SUBJECT_CHARACTERS = 100

Document = dict[str, Any]


class Heard(NamedTuple):
    """A source, and what the books say of it by now."""

    feed: Feed
    known: Any
    accepted: int
    dead: int

    @property
    def is_new(self) -> bool:
        return self.known is None or self.accepted > self.known.accepted


async def sample(batch: Batch) -> None:
    """Put down which fields a few of the batch's events have."""
    picked = random.sample(batch.deliveries, min(SAMPLES_PER_BATCH, len(batch.deliveries)))
    now = clock.wall()
    await repository.add_samples(batch.tx, [_sample(one, now) for one in picked])


async def step(database: Database, _: Keyring | None) -> bool:
    """A look, as the worker takes it."""
    async with database.transaction() as tx:
        more = await look(tx, clock.wall())
    async with database.reading() as connection:
        _show(await repository.feeds(connection))
    return more


async def look(tx: Transaction, now: datetime) -> bool:
    """Bring every source's state up to now, and publish those that changed. Whether there are more samples to look at."""
    watch = await repository.lock_watch(tx, now)
    more = await _fold_samples(tx)
    if (now - watch.looked_at).total_seconds() < LEAST_SECONDS_BETWEEN:
        return more
    listening_since = now if now - watch.looked_at > DEAF_AFTER else watch.listening_since
    await repository.save_watch(tx, looked_at=now, listening_since=listening_since)
    await repository.forget(tx, hours_before=hour_of(now) - DAYS_KEPT * DAY - HOUR, changes_before=now - CHANGES_KEPT)
    known = await repository.feeds(tx)
    booked = await repository.booked(tx, limit=FEEDS_WATCHED)
    feeds = [Heard(feed, known.get(feed), accepted, dead) for feed, (accepted, dead) in booked.items()]
    hours = await _add_hours(tx, feeds, now)
    await _judge(tx, feeds, hours, listening_since, now)
    return more


async def page(tx: Transaction, *, after: Feed, limit: int) -> list[Document]:
    """Sources with their state and the hours of the last day."""
    rows = await repository.list_feeds(tx, after=after, limit=limit)
    since = hour_of(clock.wall()) - DAY
    hours = await repository.hours(tx, since=since, sources=[row.source for row in rows])
    return [dict(row._mapping) | {"hours": [hour._asdict() for hour in hours.get((row.topic, row.source), ())]} for row in rows]


def _sample(delivery: Delivery, at: datetime) -> Document:
    event, record = delivery.event, delivery.record
    data = orjson.loads(structured(record.value, record.headers))["data"]
    return {"topic": record.topic, "source": event.source, "type": event.type, "fields": sorted(drift.field_names(data))[: drift.FIELDS_KEPT], "sampled_at": at}


async def _fold_samples(tx: Transaction) -> bool:
    samples = await repository.take_samples(tx, limit=SAMPLES_PER_LOOK)
    if samples:
        shapes = await repository.shapes(tx)
        changed: dict[ShapeKey, drift.Shape] = {}
        for one in samples:
            key = one.topic, one.source, one.type
            changed[key] = drift.fold(changed.get(key) or shapes.get(key) or drift.Shape(), set(one.fields), one.sampled_at)
        await repository.save_shapes(tx, changed)
    return len(samples) == SAMPLES_PER_LOOK


async def _add_hours(tx: Transaction, feeds: Sequence[Heard], now: datetime) -> dict[Feed, list[Hour]]:
    """What was booked since the last look goes into the running hour. All hours of all sources."""
    hours = await repository.hours(tx, since=hour_of(now) - DAYS_KEPT * DAY - HOUR)
    changed: dict[Feed, Hour] = {}
    for one in feeds:
        if one.is_new:
            of_feed = hours.setdefault(one.feed, [])
            running = of_feed.pop() if of_feed and of_feed[-1].starts_at == hour_of(now) else None
            before = one.known.accepted if one.known else 0, one.known.dead if one.known else 0
            changed[one.feed] = heard(running, now, events=one.accepted - before[0], dead=one.dead - before[1])
            of_feed.append(changed[one.feed])
    await repository.save_hours(tx, changed)
    return hours


async def _judge(tx: Transaction, feeds: Sequence[Heard], hours: dict[Feed, list[Hour]], listening_since: datetime, now: datetime) -> None:
    shapes = await repository.shapes(tx)
    rows, changes = [], []
    for one in feeds:
        of_feed = {type_: shape for (*feed, type_), shape in shapes.items() if tuple(feed) == one.feed}
        drifts = [sentence for type_, shape in sorted(of_feed.items()) for sentence in drift.drifts(type_, shape, now)]
        before: State = one.known.state if one.known else "healthy"
        since = one.known.since if one.known else now
        found = verdict(hours.get(one.feed, []), drifts, before=before, since=since, listening_since=listening_since, now=now)
        rows.append(_row(one, found, since if found.state == before else now, of_feed, now))
        if found.state != before:
            changes.append(rows[-1] | {"state_before": before})
    await repository.save_feeds(tx, rows)
    await _tell(tx, changes, now)


def _show(feeds: Mapping[Feed, Any]) -> None:
    """In the metrics of every worker, whoever of them looked."""
    for (topic, source), feed in feeds.items():
        telemetry.FEED_SILENCE_SECONDS.labels(topic, source).set((clock.wall() - feed.last_heard_at).total_seconds())
        for state in STATES:
            telemetry.FEED_STATE.labels(topic, source, state).set(feed.state == state)


def _row(one: Heard, found: Verdict, since: datetime, shapes: dict[str, drift.Shape], now: datetime) -> Document:
    unknown = {type_: drift.unknown_fields(type_, shape) for type_, shape in shapes.items()}
    return {
        "topic": one.feed[0],
        "source": one.feed[1],
        "state": found.state,
        "reason": found.reason,
        "since": since,
        "last_heard_at": now if one.is_new else one.known.last_heard_at,
        "usual_silence_seconds": None if found.usual_silence is None else int(found.usual_silence.total_seconds()),
        "accepted": one.accepted,
        "dead": one.dead,
        "unknown_fields": {type_: names for type_, names in unknown.items() if names},
    }


async def _tell(tx: Transaction, changes: Sequence[Document], now: datetime) -> None:
    names = ("topic", "source", "state", "state_before", "reason")
    await repository.add_changes(tx, [{name: change[name] for name in names} | {"changed_at": now} for change in changes])
    await outbox.publish(tx, OUTBOX, [_message(change, now) for change in changes])


def _message(change: Document, now: datetime) -> Message:
    feed = f"{change['topic']}:{change['source']}"[:SUBJECT_CHARACTERS]
    event_id = f"{feed}:{now.timestamp():.0f}"
    data = FeedStateChanged(
        feed_topic=change["topic"], feed_source=change["source"], state=change["state"], reason=change["reason"][:2000], last_event_at=change["last_heard_at"]
    )
    event = Event(id=event_id, source=OWN_SOURCE, type=FeedStateChanged.type, subject=f"feed:{feed}", time=clock.now(), data=data)
    return outbox.event_message(FeedStateChanged.topic, feed, event_type=FeedStateChanged.type, event_id=event_id, value=event.to_json())
