"""Events in: each is applied once, found a duplicate, or parked until its customer appears."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.customer.facts import OWN_SOURCE, Document, OwnFact, Stored
from services.customer.profile import REGISTRY_TYPES, rank
from services.customer.repository import registry as repository
from services.customer.use_cases import cases, network_faults, prospects, quality, reentry
from services.customer.use_cases.attribution import MOVED_PARTITION, follow_identity, owners_of
from services.customer.use_cases.publishing import publish
from services.customer.use_cases.sealing import LOBBY, keys_for, new_keys, seal
from services.customer.use_cases.work import Work
from shared import clock
from shared.contracts.envelope import Event, Payload
from shared.contracts.orders import CustomerRegistered
from shared.contracts.personal import Fields, personal_fields
from shared.database import Transaction
from shared.pii import DataKey, Keyring
from shared.worker import Batch, Delivery

Follower = Callable[[Transaction, Sequence[Stored], Mapping[str, Document]], Awaitable[list[OwnFact]]]

# What else follows from new facts and changed profiles, under the locks of the customers concerned.
FOLLOWERS: tuple[Follower, ...] = (cases.follow, prospects.follow, reentry.follow, quality.follow, network_faults.follow)


class Report(NamedTuple):
    """An event on its way in, and where its books are kept. What is asked of it again and again is worked out once."""

    event: Event[Payload]
    topic: str
    partition: int
    key: tuple[str, str]
    occurred_at: datetime
    subject: str
    personal: Fields

    @classmethod
    def of(cls, event: Event[Payload], topic: str, partition: int, keyring: Keyring) -> Report:
        return cls(event, topic, partition, (event.source, event.id), event.occurred_at, keyring.subject(event.subject), personal_fields(type(event.data)))


async def record(batch: Batch, deliveries: Sequence[Delivery]) -> None:
    assert batch.keyring, "the worker of this service is sealed"
    work = Work(batch.tx, batch.keyring, clock.now(), batch.books)
    await take_in(work, [Report.of(one.event, one.record.topic, one.record.partition, work.keyring) for one in deliveries])


async def keep_books(batch: Batch) -> None:
    await repository.book(batch.tx, batch.books)


async def take_in(work: Work, reports: Sequence[Report]) -> None:
    """Keep all reports as facts, and publish what changed by them.

    Events that say who exists go first, then those that say who holds what, then the rest: within one batch their order of
    arrival says nothing. What has no owner then is tried again while others among it make owners known, and parked at last.
    """
    queue: dict[int, list[Report]] = defaultdict(list)
    for report in _first_of_each(work, reports):
        queue[_turn(report)].append(report)
    unowned: list[Report] = []
    for turn in sorted(queue):
        unowned += await _keep(work, queue[turn])
    while unowned:
        # From here nobody else makes these subjects known, or parks about them: who is second sees what the first one did.
        await repository.lock_subjects(work.tx, {report.subject for report in unowned})
        left = await _keep(work, unowned)
        if len(left) == len(unowned):
            await _park(work, left)
            break
        unowned = left
    await _finish(work)


async def report(tx: Transaction, keyring: Keyring, own: Sequence[OwnFact]) -> None:
    """Keep and publish what this service found out itself, in sweeps and commands."""
    work = Work(tx, keyring, clock.now())
    await _keep_own(work, own)
    await publish(work)
    await repository.book(tx, work.books)


async def _finish(work: Work) -> None:
    stored = list(work.stored.values())
    await cases.refold(work.tx, work.retold)
    if stored:
        await _keep_own(work, [one for follow in FOLLOWERS for one in await follow(work.tx, stored, work.profiles)])
    await publish(work)


def _turn(report: Report) -> int:
    """When a report's turn is. What says who holds what by the customer's own id can go with the registrations: it needs no
    claim that they make, and every turn folds profiles."""
    turn = rank(type(report.event.data))
    return 0 if turn == 1 and report.subject.startswith("customer:") else turn


def _first_of_each(work: Work, reports: Sequence[Report]) -> list[Report]:
    """Without those that stand in this batch twice, which are booked as duplicates."""
    first: dict[tuple[str, str], Report] = {}
    for report in reports:
        first.setdefault(report.key, report)
    _book(work, "duplicate", (report for report in reports if first[report.key] is not report))
    return list(first.values())


async def _keep(work: Work, reports: Sequence[Report]) -> list[Report]:
    """Keep as facts what is new and whose owner is known; the rest is given back."""
    await _register(work, [report for report in reports if type(report.event.data) is CustomerRegistered])
    owners = await owners_of(work, [(report.subject, report.occurred_at) for report in reports])
    owned = [(report, owner or "") for report, owner in zip(reports, owners, strict=True) if owner or report.subject.startswith("cell:")]
    stored = await _insert(work, owned)
    for one in stored:
        work.keep(one)
    await follow_identity(work, {one.customer_id for one in stored if one.type in REGISTRY_TYPES})
    return [report for report, owner in zip(reports, owners, strict=True) if owner is None and not report.subject.startswith("cell:")]


async def _register(work: Work, reports: Sequence[Report]) -> None:
    """Have the customers there. One who was erased and comes back begins anew, with a new key."""
    if not reports:
        return
    latest = {report.subject.removeprefix("customer:"): report.occurred_at for report in sorted(reports, key=lambda report: report.occurred_at)}
    await repository.insert_customers(work.tx, latest, work.now)
    await work.lock(latest)
    back = {one for one, at in latest.items() if one in work.erased_at and at > work.erased_at[one]}
    if back:
        await new_keys(work.tx, work.keyring, back)
        await repository.revive(work.tx, back)


async def _insert(work: Work, owned: Sequence[tuple[Report, str]]) -> list[Stored]:
    """The facts that were not there yet and are about a customer."""
    keys = await keys_for(work.tx, work.keyring, {owner or LOBBY for report, owner in owned if report.personal})
    made = [(report, _stored(work, report, owner, keys)) for report, owner in owned]
    new = await repository.insert_facts(work.tx, [_row(work, one) for _, one in made])
    _book(work, "applied", (report for report, _ in made if report.key in new))
    _book(work, "duplicate", (report for report, _ in made if report.key not in new))
    stored = [one for report, one in made if report.key in new]
    await network_faults.note_outages(work.tx, [one for one in stored if not one.customer_id])
    return [one for one in stored if one.customer_id]


async def _park(work: Work, reports: Sequence[Report]) -> None:
    keys = await keys_for(work.tx, work.keyring, {LOBBY} if any(report.personal for report in reports) else ())
    new = await repository.insert_facts(work.tx, [_row(work, _stored(work, report, "", keys)) for report in reports])
    _book(work, "parked", (report for report in reports if report.key in new))
    _book(work, "duplicate", (report for report in reports if report.key not in new))


async def _keep_own(work: Work, own: Sequence[OwnFact]) -> None:
    """Found out again is found out once."""
    if not own:
        return
    await work.lock(one.customer_id for one in own)
    events = {one.id: (_own_event(one), one.customer_id) for one in own}
    reports = [(Report.of(event, event.data.topic, MOVED_PARTITION, work.keyring), owner) for event, owner in events.values()]
    _book(work, "accepted", (report for report, _ in reports))
    for one in await _insert(work, reports):
        work.keep(one)


def _own_event(one: OwnFact) -> Event[Any]:
    return Event[Any](id=one.id, source=OWN_SOURCE, type=one.payload.type, subject=f"customer:{one.customer_id}", time=one.at, data=one.payload)


def _stored(work: Work, report: Report, owner: str, keys: Mapping[str, DataKey]) -> Stored:
    event = report.event
    if report.personal:
        document = event.data.model_dump(mode="json", exclude_unset=True)
        seal(work.keyring, keys.get(owner or LOBBY), document, report.personal)
        data = orjson.dumps(document).decode()
    else:
        data = event.data.model_dump_json(exclude_unset=True)
    survivor = work.survivor_of[owner] if owner else ""
    return Stored(event.source, event.id, owner, survivor, report.subject, event.type, event.time, report.occurred_at, event.data, data)


def _row(work: Work, one: Stored) -> Document:
    return {
        "source": one.source,
        "id": one.id,
        "customer_id": one.customer_id or None,
        "subject": one.subject,
        "type": one.type,
        "time": one.time,
        "occurred_at": one.occurred_at,
        "recorded_at": work.now,
        "data": orjson.Fragment(one.data),
    }


def _book(work: Work, outcome: str, reports: Iterable[Report]) -> None:
    for (topic, partition, source), count in Counter((report.topic, report.partition, report.event.source) for report in reports).items():
        work.count(topic, partition, source, outcome, count)
