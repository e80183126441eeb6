"""The worker of a service: one consumer loop and the outbox relay, supervised together.

The life of one polled batch:
1. Poll. The batch is in flight until `done`: a rebalance waits for it.
2. Decode each record by its contract; what can not be decoded is set aside with the reason.
3. One transaction: advance the watermarks (dropping what was applied before), run the handlers, bury the dead, fill the outbox.
4. Commit the offsets, only now. A crash between the two delivers again, and the watermark drops it.
5. Trouble that passes (database or bus away) holds the batch and tries it again, for ever, visible in readiness.
6. A batch that fails otherwise is halved until the one record that fails alone is found: that one is buried. Past a rate
   the worker stops instead, so that a bad release can not drain a topic into the dead letters.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from shared import clock, telemetry
from shared.bus import Bus, Consumer, Partition, Record
from shared.contracts.decoding import decode, peek_source
from shared.database import Database, Transaction, insert_rows, is_transient
from shared.errors import BusUnavailable, EventRejected, HandlerFailed, OwnershipLost
from shared.inbox import REPLAY_HEADER, advance, bury
from shared.outbox import Relay
from shared.pii import Keyring
from shared.settings import Settings
from shared.worker.spec import Batch, Delivery, Duty, Entry, Handler, Sweep, WorkerSpec

T = TypeVar("T")

POLL_SECONDS = 0.5
BEAT_SECONDS = 2.0
FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 15.0
DUTY_RETRY_SECONDS = 1.0
FORGOTTEN_AFTER = timedelta(hours=1)

log = telemetry.logger()


class TooManyFailures(Exception):
    """Handlers fail faster than the rate that looks like single bad records."""


class Worker:
    def __init__(self, spec: WorkerSpec, *, settings: Settings, database: Database, bus: Bus, name: str) -> None:
        self._spec, self._settings, self._database, self._bus, self._name = spec, settings, database, bus, name
        self._relay = Relay(service=spec.service, database=database, bus=bus, outbox=spec.tables.outbox)
        self._failures: deque[float] = deque(maxlen=settings.handler_failures_per_minute)
        self._state = "starting"
        # Outside supervisors look at this file's age: the worker turns, whatever the database and the bus do.
        self._alive = settings.data_dir / f"{spec.service}-worker.alive"
        self._by_type = {payload.type: handler for payload, handler in spec.handlers.items()}
        self._keyring = Keyring.load(settings.keyring_path) if spec.sealed else None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; raises what ends the process with an error."""
        consumer = await self._open(stop)
        if consumer is None:
            return
        sweeps = (self._sweep(sweep, stop) for sweep in self._spec.sweeps)
        duties = (self._go_on(duty, stop) for duty in self._spec.duties)
        steps = (self._consume(consumer, stop), self._relay.run(stop), self._beat(consumer, stop), *sweeps, *duties)
        tasks = [asyncio.create_task(step) for step in steps]
        try:
            await _first_error(tasks)
        finally:
            stop.set()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._sign_off()
            await consumer.close()
            log.info("worker_stopped")

    async def _open(self, stop: asyncio.Event) -> Consumer | None:
        """Join the group, waiting for a bus that is not there yet."""
        delay = FIRST_RETRY_SECONDS
        while not stop.is_set():
            try:
                return await self._bus.consumer(self._spec.service, self._spec.topics)
            except BusUnavailable as error:
                delay = await self._hold(error, delay, stop)
        return None

    async def _consume(self, consumer: Consumer, stop: asyncio.Event) -> None:
        self._state = "running"
        while not stop.is_set():
            records = await self._poll(consumer, stop)
            if not records:
                continue
            try:
                if await self._apply_until_done(records, stop):
                    await self._commit(consumer, records)
                else:
                    await consumer.seek_to_committed()
            finally:
                consumer.done()

    async def _poll(self, consumer: Consumer, stop: asyncio.Event) -> list[Record]:
        self._alive.touch()
        try:
            records = await _unless(stop, consumer.poll(max_records=self._settings.batch_records, timeout_seconds=POLL_SECONDS)) or []
        except BusUnavailable as error:
            await self._hold(error, LONGEST_RETRY_SECONDS / 15, stop)
            return []
        self._state = "running"
        return records

    async def _commit(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Failing to is never a loss: what was applied lies below the watermark when it comes again."""
        offsets: dict[Partition, int] = {}
        for record in records:
            offsets[record.at] = max(offsets.get(record.at, 0), record.offset + 1)
        try:
            await consumer.commit(offsets)
        except OwnershipLost:
            log.info("ownership_lost", records=len(records))
        except BusUnavailable as error:
            log.warning("offset_commit_failed", error_class=type(error).__name__)

    async def _apply_until_done(self, records: list[Record], stop: asyncio.Event) -> bool:
        """Whether the batch is applied: a stop while it is held leaves it to be delivered again."""
        delay = FIRST_RETRY_SECONDS
        while not stop.is_set():
            try:
                with telemetry.BATCH_SECONDS.labels(self._spec.service).time():
                    await self._apply(records)
                self._relay.wake()
                return True
            except Exception as error:
                if not is_transient(error):
                    raise
                delay = await self._hold(error, delay, stop)
        return False

    async def _apply(self, records: list[Record]) -> None:
        """The batch in one transaction; when a handler fails, in halves, down to the record that fails alone."""
        failure = await self._try(records)
        if failure is None:
            return
        if len(records) > 1:
            middle = len(records) // 2
            await self._apply(records[:middle])
            await self._apply(records[middle:])
            return
        self._count_failure(failure)
        # What failed may say the values it failed on: where those are sealed, its class has to do.
        reason = type(failure).__name__ if self._keyring else f"{type(failure).__name__}: {_first_line(failure)}"
        await self._transact(records, poison=HandlerFailed(reason))

    async def _try(self, records: list[Record]) -> Exception | None:
        """The error of a handler; trouble that passes is raised."""
        try:
            await self._transact(records, poison=None)
        except Exception as error:
            if is_transient(error):
                raise
            return error
        return None

    async def _transact(self, records: list[Record], *, poison: EventRejected | None) -> None:
        async with self._database.transaction() as tx:
            fresh = await advance(tx, self._spec.tables.watermarks, records)
            batch = self._decoded(tx, [record for record in fresh if self._is_for_us(record)], poison)
            for handler, deliveries in self._by_handler(batch.deliveries):
                await handler(batch, deliveries)
            await bury(tx, self._spec.tables, group=self._spec.service, dead=batch.dead, keyring=self._keyring)
            if self._spec.after:
                await self._spec.after(batch)
        self._report(records, fresh, batch)

    def _is_for_us(self, record: Record) -> bool:
        return record.headers.get(REPLAY_HEADER, self._spec.service.encode()) == self._spec.service.encode()

    def _decoded(self, tx: Transaction, records: list[Record], poison: EventRejected | None) -> Batch:
        batch = Batch(tx, [], [], self._keyring)
        for record in records:
            try:
                if poison:
                    raise poison
                event = decode(record.value, record.headers, topic=record.topic)
                batch.deliveries.append(Delivery(event, record, REPLAY_HEADER in record.headers))
                batch.books[Entry(record.topic, record.partition, event.source, "accepted")] += 1
            except EventRejected as error:
                batch.dead.append((record, error))
                source = peek_source(record.value)
                batch.books[Entry(record.topic, record.partition, source, "accepted")] += 1
                batch.books[Entry(record.topic, record.partition, source, "dead")] += 1
        return batch

    def _by_handler(self, deliveries: list[Delivery]) -> list[tuple[Handler, list[Delivery]]]:
        """Deliveries in their order, per handler, in the order the subscription map lists the handlers."""
        groups: dict[Handler, list[Delivery]] = {handler: [] for handler in self._by_type.values()}
        for delivery in deliveries:
            handler = self._by_type.get(delivery.event.type)
            if handler:
                groups[handler].append(delivery)
        return [(handler, group) for handler, group in groups.items() if group]

    def _report(self, records: list[Record], fresh: list[Record], batch: Batch) -> None:
        counts = Counter[tuple[str, str]]()
        counts.update((record.topic, "taken") for record in records)
        counts.update((record.topic, "dead") for record, _ in batch.dead)
        if len(records) > len(fresh):
            counts[records[0].topic, "redelivered"] += len(records) - len(fresh)
        for (topic, outcome), count in counts.items():
            telemetry.RECORDS.labels(self._spec.service, topic, outcome).inc(count)
        for record, error in batch.dead:
            log.warning("dead_letter", topic=record.topic, partition=record.partition, offset=record.offset, code=error.code)

    def _count_failure(self, error: Exception) -> None:
        log.error("handler_failed", error_class=type(error).__name__, exc_info=error)
        now = clock.monotonic()
        self._failures.append(now)
        if len(self._failures) == self._failures.maxlen and now - self._failures[0] < 60:
            raise TooManyFailures(f"{len(self._failures)} records failed in a minute; the last: {type(error).__name__}") from error

    async def _hold(self, error: BaseException, delay: float, stop: asyncio.Event) -> float:
        """Wait before the same thing is tried again; the next delay."""
        self._alive.touch()
        self._state = f"holding: {type(error).__name__}"
        telemetry.BATCH_FAILURES.labels(self._spec.service, type(error).__name__).inc()
        log.warning("held", error_class=type(error).__name__, error=_first_line(error), delay_seconds=round(delay, 2))
        await _sleep(delay, stop)
        return min(delay * 2, LONGEST_RETRY_SECONDS)

    async def _beat(self, consumer: Consumer, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._bus.ping()
                await self._record_beat(await consumer.lag())
            except Exception as error:
                if not (is_transient(error) or isinstance(error, BusUnavailable)):
                    raise
                self._state = f"holding: {type(error).__name__}"
                log.warning("beat_failed", error_class=type(error).__name__)
            await _sleep(BEAT_SECONDS, stop)

    async def _sign_off(self) -> None:
        """Who stopped is not silent, it is gone. So are those who were killed long ago: their names do not come back."""
        workers = self._spec.workers
        gone = sa.or_(workers.c.name == self._name, workers.c.beat_at < clock.wall() - FORGOTTEN_AFTER)
        try:
            async with self._database.transaction() as tx:
                await tx.execute(workers.delete().where(gone))
        except Exception as error:
            if not is_transient(error):
                raise

    async def _sweep(self, sweep: Sweep, stop: asyncio.Event) -> None:
        """A sweep that fails is tried again at its next turn: events go on meanwhile, they do not depend on it."""
        while not stop.is_set():
            try:
                more = await sweep.step(self._database, self._keyring)
            except Exception as error:
                more = False
                self._note_failure(error)
            if not more:
                await _sleep(sweep.every_seconds, stop)

    async def _go_on(self, duty: Duty, stop: asyncio.Event) -> None:
        """A duty that fails is begun again."""
        while not stop.is_set():
            try:
                await duty(self._database, self._settings, stop)
            except Exception as error:
                self._note_failure(error)
                await _sleep(DUTY_RETRY_SECONDS, stop)

    def _note_failure(self, error: Exception) -> None:
        telemetry.SWEEP_FAILURES.labels(self._spec.service, type(error).__name__).inc()
        log.exception("sweep_failed", error_class=type(error).__name__, exc_info=not is_transient(error))

    async def _record_beat(self, lag: Mapping[Partition, int]) -> None:
        per_topic = Counter[str]()
        for at, records in lag.items():
            per_topic[at.topic] += records
        for topic in self._spec.topics:
            telemetry.LAG.labels(self._spec.service, topic).set(per_topic[topic])
        row = {"name": self._name, "state": self._state, "lag_records": sum(lag.values()), "beat_at": clock.wall()}
        async with self._database.transaction() as tx:
            await insert_rows(tx, self._spec.workers, [row], key=("name",), merge={"state": "replace", "lag_records": "replace", "beat_at": "replace"})


async def _first_error(tasks: Sequence[asyncio.Task[None]]) -> None:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _unless(stop: asyncio.Event, asked: Coroutine[Any, Any, T]) -> T | None:
    """What was asked for, or None as soon as all is to stop: nobody waits for a poll that nothing will come of."""
    asking, stopping = asyncio.create_task(asked), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        for task in (asking, stopping):
            task.cancel()
        await asyncio.gather(asking, stopping, return_exceptions=True)


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _first_line(error: BaseException) -> str:
    """Drivers put statements and values on the later lines: those stay out of logs and dead letters."""
    return str(error).split("\n", 1)[0][:300]
