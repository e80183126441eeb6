"""What the customer service can do: one function, one transaction's worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.customer import repository
from services.customer.identity import owner_at, why_unowned
from services.customer.profile import REGISTRY_TYPES, RegistryFact, fold, ownerships, rank
from services.customer.rollups import MONTHS_KEPT, Deltas, add, deltas_of, windows
from services.customer.tables import OUTBOX
from shared import clock, outbox
from shared.bus import Message
from shared.contracts.customer import Activity
from shared.contracts.decoding import decode
from shared.contracts.envelope import Event
from shared.database import Transaction
from shared.errors import NotFound
from shared.worker import Batch, Delivery, Entry

SOURCE = "holdfast/customer"
MESSAGE_BYTES = 500_000
FACT_FRAME_BYTES = 300
RECENT_FACTS = 50

Document = dict[str, Any]


class Report(NamedTuple):
    """An event on its way in, and where its books are kept. What is asked of it again and again is worked out once."""

    event: Event[Any]
    topic: str
    partition: int
    key: tuple[str, str]
    occurred_at: datetime

    @classmethod
    def of(cls, event: Event[Any], topic: str, partition: int) -> Report:
        return cls(event, topic, partition, (event.source, event.id), event.occurred_at)


class Stored(NamedTuple):
    """A fact that was new; `data` is its payload as JSON."""

    customer_id: str  # empty: about a cell
    event: Event[Any]
    occurred_at: datetime
    data: str


async def record(batch: Batch, deliveries: Sequence[Delivery]) -> None:
    """Take reported events in: each is applied once, found a duplicate, or parked until its customer appears.

    Events that say who exists go first, then those that say who holds what, then the rest: within one batch their order of
    arrival says nothing. What they make known may release parked events, which then join the queue.
    """
    queue = _by_rank(Report.of(one.event, one.record.topic, one.record.partition) for one in deliveries)
    stored: list[Stored] = []
    unowned: list[Report] = []
    profiles: dict[str, Document] = {}
    news: set[str] = set()
    while queue:
        first = min(queue)
        new, left = await _store(batch, queue.pop(first), registering=first == 0)
        stored += new
        unowned += left
        folded = await _refold(batch.tx, {one.customer_id for one in new if one.event.type in REGISTRY_TYPES})
        profiles |= folded
        news |= _identifiers(folded)
        if not queue:
            queue = _by_rank(await _release_or_park(batch, unowned, news))
            unowned, news = [], set()
    await _publish_activity(batch.tx, stored, profiles)


def _by_rank(reports: Iterable[Report]) -> dict[int, list[Report]]:
    ranked: dict[int, list[Report]] = defaultdict(list)
    for report in reports:
        ranked[rank(type(report.event.data))].append(report)
    return ranked


async def keep_books(batch: Batch) -> None:
    await repository.book(batch.tx, batch.books)


async def reconcile(tx: Transaction, *, recount: bool) -> Document:
    """Accepted = applied + duplicate + parked + dead, per topic and source. `recount` holds the counters against the tables."""
    rows = [dict(row._mapping) for row in await repository.reconciliation(tx)]
    for row in rows:
        row["balanced"] = row["accepted"] == sum(row[name] for name in ("applied", "duplicate", "parked", "dead"))
    totals = {name: sum(row[name] for row in rows) for name in repository.OUTCOMES}
    answer: Document = {"balanced": all(row["balanced"] for row in rows), "totals": totals, "sources": rows}
    if recount:
        facts, parked = await repository.stored_counts(tx)
        answer["recount"] = {"facts": facts, "parked": parked, "agrees": facts == totals["applied"] and parked == totals["parked"]}
    return answer


async def view(tx: Transaction, customer_id: str) -> Document:
    """Everything this service knows of one customer. Raises NotFound."""
    row = await repository.get_customer(tx, customer_id)
    if row is None:
        raise NotFound(f"no customer {customer_id}")
    this_month = clock.month_of(clock.now())
    since = clock.months_before(this_month, MONTHS_KEPT - 1)
    months = {month: found for (_, month), found in (await repository.months(tx, [customer_id], since=since, until=this_month)).items()}
    facts = await repository.recent_facts(tx, customer_id, limit=RECENT_FACTS)
    return {
        "customer_id": customer_id,
        "sequence": row.activity_sequence,
        "updated_at": row.updated_at,
        "profile": row.profile,
        "months": dict(sorted(months.items(), reverse=True)),
        "windows": windows(months, now_month=this_month),
        "facts": [
            {"source": fact.source, "id": fact.id, "type": fact.type, "time": fact.time, "occurred_at": fact.occurred_at, "data": fact.data} for fact in facts
        ],
    }


async def resolve(tx: Transaction, identifier: str, at: datetime) -> str:
    """The customer an identifier belongs to at a moment. Raises NotFound."""
    owned = (await repository.owners(tx, [identifier])).get(identifier, [])
    customer_id = owner_at(owned, at)
    if customer_id is None:
        raise NotFound(f"{identifier}: {why_unowned(owned)}")
    return customer_id


async def _store(batch: Batch, reports: Sequence[Report], *, registering: bool) -> tuple[list[Stored], list[Report]]:
    """Keep as facts what is new and whose owner is known; the rest is given back. Leaves the customers concerned locked."""
    now = clock.now()
    reports = _first_of_each(batch, reports)
    if registering:
        await repository.insert_customers(batch.tx, {_registered_id(report) for report in reports}, now)
    facts, unowned = [], []
    for report, customer_id in zip(reports, await _owners_of(batch.tx, reports, registering=registering), strict=True):
        event = report.event
        if customer_id is None and not event.subject.startswith("cell:"):
            unowned.append(report)
        else:
            facts.append((report, Stored(customer_id or "", event, report.occurred_at, event.data.model_dump_json(exclude_unset=True))))
    keys = await repository.insert_facts(batch.tx, [_fact_row(one, now) for _, one in facts])
    new = [(report, one) for report, one in facts if report.key in keys]
    _book(batch, "applied", (report for report, _ in new))
    _book(batch, "duplicate", (report for report, _ in facts if report.key not in keys))
    stored = [one for _, one in new if one.customer_id]
    await repository.lock_customers(batch.tx, {one.customer_id for one in stored})
    return stored, unowned


def _registered_id(report: Report) -> str:
    return report.event.subject.partition(":")[2]


async def _owners_of(tx: Transaction, reports: Sequence[Report], *, registering: bool) -> list[str | None]:
    """For each, the customer who owned its subject at the time."""
    if registering:
        return [_registered_id(report) for report in reports]
    owned = await repository.owners(tx, {report.event.subject for report in reports})
    return [owner_at(owned.get(report.event.subject, ()), report.occurred_at) for report in reports]


def _first_of_each(batch: Batch, reports: Sequence[Report]) -> list[Report]:
    """Without those that stand in this batch twice, which are booked as duplicates."""
    first: dict[tuple[str, str], Report] = {}
    for report in reports:
        first.setdefault(report.key, report)
    _book(batch, "duplicate", (report for report in reports if first[report.key] is not report))
    return list(first.values())


def _book(batch: Batch, outcome: str, reports: Iterable[Report], sign: int = 1) -> None:
    counts = Counter((report.topic, report.partition, report.event.source) for report in reports)
    for at, count in counts.items():
        batch.books[Entry(*at, outcome)] += sign * count


def _fact_row(one: Stored, now: datetime) -> Document:
    return {
        "source": one.event.source,
        "id": one.event.id,
        "customer_id": one.customer_id or None,
        "type": one.event.type,
        "time": one.event.time,
        "occurred_at": one.occurred_at,
        "recorded_at": now,
        "data": orjson.Fragment(one.data),
    }


async def _release_or_park(batch: Batch, unowned: list[Report], news: set[str]) -> list[Report]:
    """What can be tried again: parked events whose subject is known now, and `unowned` ones that somebody owns by now. Else these are parked.

    Two workers may be here at once, one that parks an event and one that makes its subject known, and neither sees what
    the other has not committed: under the subject's lock the second one looks at what the first one did.
    """
    subjects = news | {report.event.subject for report in unowned}
    if not subjects:
        return []
    await repository.lock_subjects(batch.tx, subjects)
    released = [Report.of(decode(row.value), row.topic, row.partition) for row in await repository.take_parked(batch.tx, news)]
    _book(batch, "parked", released, sign=-1)
    if released or any(await _owners_of(batch.tx, unowned, registering=False)):
        return released + unowned
    await _park(batch, unowned)
    return []


async def _park(batch: Batch, reports: Sequence[Report]) -> None:
    now = clock.now()
    rows = [
        {
            "source": report.event.source,
            "id": report.event.id,
            "subject": report.event.subject,
            "reason": "no customer owned the subject at the time of the event",
            "topic": report.topic,
            "partition": report.partition,
            "value": report.event.model_dump_json(exclude_unset=True).encode(),
            "parked_at": now,
        }
        for report in reports
    ]
    new = await repository.park(batch.tx, rows)
    _book(batch, "parked", (report for report in reports if report.key in new))
    _book(batch, "duplicate", (report for report in reports if report.key not in new))


async def _refold(tx: Transaction, customer_ids: set[str]) -> dict[str, Document]:
    """Fold the profiles again from all registry facts, and make identifiers follow."""
    if not customer_ids:
        return {}
    facts: dict[str, list[RegistryFact]] = await repository.registry_facts(tx, customer_ids)
    profiles = {customer_id: fold(facts[customer_id]) for customer_id in customer_ids}
    await repository.save_profiles(tx, profiles, clock.now())
    await repository.replace_identifiers(tx, {one: ownerships(one, profile) for one, profile in profiles.items()})
    return profiles


def _identifiers(profiles: dict[str, Document]) -> set[str]:
    return {owned.identifier for customer_id, profile in profiles.items() for owned in ownerships(customer_id, profile)}


async def _publish_activity(tx: Transaction, stored: Sequence[Stored], profiles: dict[str, Document]) -> None:
    """Add the new facts to their months and tell downstream, in the customer's sequence."""
    by_customer: dict[str, list[Stored]] = defaultdict(list)
    for one in stored:
        by_customer[one.customer_id].append(one)
    if not by_customer:
        return
    months = await _add_to_months(tx, stored)
    messages: list[Message] = []
    for round_ in _rounds(by_customer):
        sequences = await repository.next_sequences(tx, list(round_))
        for customer_id, facts in round_.items():
            messages.append(_activity(customer_id, sequences[customer_id], facts, months[customer_id], profiles.get(customer_id)))
    await outbox.publish(tx, OUTBOX, messages)


def _rounds(by_customer: dict[str, list[Stored]]) -> Iterable[dict[str, list[Stored]]]:
    """Round after round, what each customer's next message carries: facts in event-time order, bounded in bytes."""
    cut = {customer_id: list(_cut(facts)) for customer_id, facts in by_customer.items()}
    for number in range(max(map(len, cut.values()))):
        yield {customer_id: pieces[number] for customer_id, pieces in cut.items() if len(pieces) > number}


def _cut(facts: list[Stored]) -> Iterable[list[Stored]]:
    piece: list[Stored] = []
    size = 0
    for one in sorted(facts, key=lambda one: (one.occurred_at, one.event.source, one.event.id)):
        size += len(one.data) + FACT_FRAME_BYTES
        if piece and size > MESSAGE_BYTES:
            yield piece
            piece, size = [], len(one.data) + FACT_FRAME_BYTES
        piece.append(one)
    yield piece


async def _add_to_months(tx: Transaction, stored: Sequence[Stored]) -> dict[str, dict[str, Deltas]]:
    """The months that changed, whole, per customer. The customers are locked, so reading and writing back is safe."""
    deltas = [(one.customer_id, clock.month_of(one.occurred_at), deltas_of(one.event.data)) for one in stored]
    touched = [month for _, month, _ in deltas]
    known = await repository.months(tx, {customer_id for customer_id, _, _ in deltas}, since=min(touched), until=max(touched))
    changed: dict[tuple[str, str], Deltas] = {}
    for customer_id, month, delta in deltas:
        if delta:
            add(changed.setdefault((customer_id, month), known.get((customer_id, month), {})), delta)
    await repository.save_months(tx, changed)
    by_customer: dict[str, dict[str, Deltas]] = defaultdict(dict)
    for (customer_id, month), measures in changed.items():
        by_customer[customer_id][month] = measures
    return by_customer


def _activity(customer_id: str, sequence: int, facts: Sequence[Stored], months: dict[str, Deltas], profile: Document | None) -> Message:
    """The event as bytes, straight from the parts: validating again what was validated would double the cost of a batch."""
    event_id = f"{customer_id}:{sequence}"
    document = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": Activity.type,
        "subject": f"customer:{customer_id}",
        "time": clock.now(),
        "datacontenttype": "application/json",
        "sequence": sequence,
        "data": {"facts": [_published(one) for one in facts], "months": months} | ({} if profile is None else {"profile": profile}),
    }
    return outbox.event_message(Activity.topic, customer_id, event_type=Activity.type, event_id=event_id, value=orjson.dumps(document))


def _published(one: Stored) -> Document:
    event = one.event
    return {"source": event.source, "id": event.id, "type": event.type, "time": event.time, "occurred_at": one.occurred_at, "data": orjson.Fragment(one.data)}
