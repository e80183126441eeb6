"""The calls of the listeners, made by the worker.

The life of an attempt:
1. Claim, and commit: the delivery is due again only when the call must have ended, and has the number of the attempt.
2. Call the listener, outside any transaction, with the delivery's id as idempotency key.
3. Note what came of it, and commit: only if the attempt is still the current one.
Whoever dies after 1 leaves a delivery that comes due by itself: at least once, and never not at all.
Each listener is served by a task of its own, so that one that hangs holds up nobody else. No order is promised: a call that fails is made again after others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from services.gateway.push import repository
from services.gateway.settings import load
from shared import clock, telemetry
from shared.contracts.envelope import CONTENT_TYPE
from shared.database import Database, Transaction, is_transient
from shared.pii import Keyring
from shared.settings import Settings
from shared.webhooks import backoff
from shared.webhooks.guard import Network, networks_of
from shared.webhooks.posting import Poster, Said

LOOK_SECONDS = 0.25
CALLS_AT_ONCE = 8
"""Of one listener, by one worker."""
BATCH = 2 * CALLS_AT_ONCE
LEASE = timedelta(seconds=60)
"""More than two calls as long as they may be: the batch has been made well within it."""
REST_SECONDS = 5.0
GRACE_SECONDS = 2.0
LONGEST_SILENCE = timedelta(hours=4)
"""That a listener is left alone for when it says Retry-After. A single delivery waits for as long as it was told."""
GONE = 410

TIDY_SECONDS = 10.0
TIDY_ROWS = 5_000
KEPT = {"delivered": timedelta(hours=6), "dead": timedelta(days=14)}

log = telemetry.logger()


async def deliver(database: Database, settings: Settings, stop: asyncio.Event) -> None:
    """Until `stop`. Calls under way then are given a moment; what they do not end in comes due again."""
    keyring = Keyring.load(settings.keyring_path)
    allowed = networks_of(load().listener_networks)
    serving: dict[str, asyncio.Task[None]] = {}
    try:
        while not stop.is_set():
            serving = {name: task for name, task in serving.items() if not task.done()}
            async with database.reading() as connection:
                due = await repository.due_listeners(connection, clock.wall())
            for row in due:
                if row.listener_id not in serving:
                    serving[row.listener_id] = asyncio.create_task(_serve(database, row, keyring, allowed, stop))
            await _until(stop, LOOK_SECONDS)
    finally:
        await _end(serving.values())


async def _serve(database: Database, listener: sa.Row[Any], keyring: Keyring, allowed: Sequence[Network], stop: asyncio.Event) -> None:
    """All that is due. What goes wrong with one listener is not the others' concern: it is noted, and this one rests."""
    try:
        secret = keyring.open_bytes(listener.secret).decode()
        async with Poster(listener.callback, secret, allowed=allowed) as poster:
            while not stop.is_set() and await _deliver_some(database, listener, poster):
                pass
    except Exception as error:
        telemetry.SWEEP_FAILURES.labels("gateway", type(error).__name__).inc()
        log.exception("push_failed", listener_id=listener.listener_id, error_class=type(error).__name__, exc_info=not is_transient(error))
        await _until(stop, REST_SECONDS)


async def _deliver_some(database: Database, listener: sa.Row[Any], poster: Poster) -> bool:
    """A batch; whether there may be more."""
    now = clock.wall()
    async with database.transaction() as tx:
        claimed = await repository.claim(tx, listener.listener_id, now=now, until=now + LEASE, limit=BATCH)
    free, content_type = asyncio.Semaphore(CALLS_AT_ONCE), "application/json" if listener.api else CONTENT_TYPE
    results = await asyncio.gather(*(_attempt(database, row, poster, free, content_type) for row in claimed), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return len(claimed) == BATCH


async def _attempt(database: Database, row: sa.Row[Any], poster: Poster, free: asyncio.Semaphore, content_type: str) -> None:
    async with free:
        said = await poster.post(row.body.encode(), content_type=content_type, key=row.delivery_id)
        async with database.transaction() as tx:
            await note(tx, row, said)


async def note(tx: Transaction, row: sa.Row[Any], said: Said) -> None:
    """Any 2xx is fine: TM Forum's listeners answer 201 or 204. 410 is the end of the listener, everything else is tried again."""
    now = clock.wall()
    if said.status == GONE:
        await _end_listener(tx, row.listener_id, said.code)
    elif said.status is not None and 200 <= said.status < 300:
        telemetry.PUSH_CALLS.labels("delivered").inc()
        await repository.settle(tx, row.delivery_id, row.attempts, {"state": "delivered", "at": now, "code": said.code})
    else:
        end = row.first_tried_at + backoff.GIVE_UP_AFTER
        at = backoff.next_try(said.retry_after_seconds, now=now, attempt=row.attempts, key=row.delivery_id, end=end)
        telemetry.PUSH_CALLS.labels("dead" if at is None else "retry").inc()
        if said.retry_after_seconds:
            # Before the delivery: who ends a listener locks it first, too.
            silence = min(timedelta(seconds=min(said.retry_after_seconds, 1e6)), LONGEST_SILENCE)
            await repository.change_listener(tx, row.listener_id, {"not_before": now + silence})
        await repository.settle(tx, row.delivery_id, row.attempts, {"state": "dead" if at is None else "waiting", "at": at or now, "code": said.code})


async def _end_listener(tx: Transaction, listener_id: str, code: str) -> None:
    now = clock.wall()
    telemetry.PUSH_CALLS.labels("gone").inc()
    await repository.change_listener(tx, listener_id, {"state": "ended", "state_since": now})
    await repository.give_up(tx, listener_id, {"state": "dead", "at": now, "code": code})
    log.warning("listener_ended", listener_id=listener_id, code=code)


async def tidy(database: Database, _: Keyring | None) -> bool:
    """Forget what was kept long enough, a bounded piece of it; whether there is more. And say how much waits."""
    now, settings = clock.wall(), load()
    async with database.transaction() as tx:
        ended = [await repository.delete_ended(tx, state, before=now - kept, limit=TIDY_ROWS) for state, kept in KEPT.items()]
    async with database.transaction() as tx:
        before = now - timedelta(hours=settings.stream_hours)
        trimmed = await repository.trim(tx, before=before, keep=settings.stream_events, limit=TIDY_ROWS)
    async with database.reading() as connection:
        await _measure(connection)
    return TIDY_ROWS in {*ended, trimmed}


async def _measure(tx: Transaction) -> None:
    listeners = await repository.list_listeners(tx)
    found = await repository.counts(tx, [row.listener_id for row in listeners])
    for state in ("waiting", "dead"):
        telemetry.PUSH_DELIVERIES.labels(state).set(sum(count for (_, one), count in found.items() if one == state))
    for state in ("active", "paused", "ended"):
        telemetry.LISTENERS.labels(state).set(sum(row.state == state for row in listeners))


async def _until(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
