"""What changed about customers, added to their months and told downstream as `activity`, in each customer's sequence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from services.customer import periods
from services.customer.facts import OWN_SOURCE, Document, payload_of
from services.customer.repository import registry as repository
from services.customer.rollups import Deltas, add, deltas_of
from services.customer.tables import OUTBOX
from services.customer.use_cases.work import Work
from shared import clock, outbox
from shared.bus import Message
from shared.contracts.customer import Activity

MESSAGE_BYTES = 500_000
FACT_FRAME_BYTES = 300

Months = dict[str, Deltas]


class Told(NamedTuple):
    """A fact as it is published."""

    source: str
    id: str
    type: str
    time: datetime
    occurred_at: datetime
    data: str


async def publish(work: Work) -> None:
    """Add the new facts to their months, and have everything that changed published once the transaction commits.

    A customer who lost facts is told again from the beginning; what is new comes after that, as news.
    """
    changed = await _add_to_months(work)
    by_survivor: dict[str, list[Told]] = defaultdict(list)
    for one in work.stored.values():
        by_survivor[one.survivor_id].append(Told(one.source, one.id, one.type, one.time, one.occurred_at, one.data))
    pieces: dict[str, list[Document]] = defaultdict(list)
    for survivor_id in work.retold:
        pieces[survivor_id] += await retelling(work, survivor_id)
    months = await _of_survivors(work, changed)
    for survivor_id in by_survivor.keys() | (work.profiles.keys() - work.retold):
        profile = None if survivor_id in work.retold else work.profiles.get(survivor_id)
        pieces[survivor_id] += _news(by_survivor[survivor_id], months.get(survivor_id, {}), profile)
    await send(work, pieces)


async def send(work: Work, pieces: Mapping[str, Sequence[Document]]) -> None:
    """One message per piece and customer, numbered in the customer's sequence."""
    messages: list[Message] = []
    for number in range(max(map(len, pieces.values()), default=0)):
        turn = {customer_id: listed[number] for customer_id, listed in pieces.items() if len(listed) > number}
        sequences = await repository.next_sequences(work.tx, list(turn))
        messages += [_message(customer_id, sequences[customer_id], data) for customer_id, data in turn.items()]
    await outbox.publish(work.tx, OUTBOX, messages)


async def retelling(work: Work, survivor_id: str) -> list[Document]:
    """Everything about a customer but what is news in this very transaction, the first message to reset what readers hold."""
    group = (await repository.members(work.tx, [survivor_id]))[survivor_id]
    rows = await repository.facts_of(work.tx, group)
    old = [
        Told(row.source, row.id, row.type, row.time, row.occurred_at, orjson.dumps(row.data).decode())
        for row in rows
        if (row.source, row.id) not in work.stored
    ]
    months: Months = {}
    for (_, month), measures in (await repository.months(work.tx, group)).items():
        add(months.setdefault(month, {}), measures)
    profile = work.profiles.get(survivor_id) or (await repository.profiles(work.tx, [survivor_id]))[survivor_id]
    told = [data | {"restated": True} for data in _news(old, months, profile)]
    told[0]["resets"] = True
    return told


def _news(facts: Iterable[Told], months: Months, profile: Document | None) -> list[Document]:
    """Facts in event-time order, in messages bounded in bytes; each with the months and the profile, which are whole."""
    whole: Document = {"months": months} | ({} if profile is None else {"profile": profile})
    return [{"facts": [_published(one) for one in piece], **whole} for piece in _cut(facts)]


def _cut(facts: Iterable[Told]) -> Iterable[list[Told]]:
    piece: list[Told] = []
    size = 0
    for one in sorted(facts, key=lambda one: (one.occurred_at, one.source, one.id)):
        size += len(one.data) + FACT_FRAME_BYTES
        if piece and size > MESSAGE_BYTES:
            yield piece
            piece, size = [], len(one.data) + FACT_FRAME_BYTES
        piece.append(one)
    yield piece


async def _add_to_months(work: Work) -> dict[tuple[str, str], Deltas]:
    """The months that changed, whole. The customers are locked, so reading and writing back is safe."""
    deltas = [(one.customer_id, clock.month_of(one.occurred_at), deltas_of(one.payload)) for one in work.stored.values()]
    added = [(customer_id, month, delta) for customer_id, month, delta in deltas if delta and (customer_id, month) not in work.stale]
    changed = await count_again(work, work.stale)
    if added:
        touched = [month for _, month, _ in added]
        known = await repository.months(work.tx, {customer_id for customer_id, _, _ in added}, since=min(touched), until=max(touched))
        for customer_id, month, delta in added:
            add(changed.setdefault((customer_id, month), known.get((customer_id, month), {})), delta)
    await repository.save_months(work.tx, changed)
    return changed


async def count_again(work: Work, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], Deltas]:
    """Months from their facts alone: a maximum can not be taken back out of a month. Not those whose facts have begun to
    expire: what is left of them would count too little."""
    found: dict[tuple[str, str], Deltas] = {}
    whole_since = work.now - timedelta(days=periods.load().facts_days) if pairs else work.now
    for customer_id, month in sorted(pairs):
        measures: Deltas = {}
        since, until = clock.bounds_of(month)
        if since < whole_since:
            continue
        for fact in await repository.facts_of(work.tx, [customer_id], since=since, until=until):
            add(measures, deltas_of(payload_of(fact.type, fact.data)))
        found[customer_id, month] = measures
    return found


async def _of_survivors(work: Work, changed: Mapping[tuple[str, str], Deltas]) -> dict[str, Months]:
    """The changed months of who carries on, with what the others of the group have in them."""
    found: dict[str, Months] = defaultdict(dict)
    groups = await repository.members(work.tx, {work.survivor_of[customer_id] for customer_id, _ in changed})
    members = [one for group in groups.values() if len(group) > 1 for one in group]
    touched = [month for _, month in changed]
    stored = await repository.months(work.tx, members, since=min(touched), until=max(touched)) if members else {}
    for customer_id, month in changed:
        survivor_id = work.survivor_of[customer_id]
        if len(groups[survivor_id]) == 1:
            found[survivor_id][month] = changed[customer_id, month]
        elif month not in found[survivor_id]:
            whole: Deltas = {}
            for member in groups[survivor_id]:
                add(whole, stored.get((member, month), {}))
            found[survivor_id][month] = whole
    return found


def _message(customer_id: str, sequence: int, data: Document) -> Message:
    """The event as bytes, straight from the parts: validating again what was validated would double the cost of a batch."""
    event_id = f"{customer_id}:{sequence}"
    document = {
        "specversion": "1.0",
        "id": event_id,
        "source": OWN_SOURCE,
        "type": Activity.type,
        "subject": f"customer:{customer_id}",
        "time": clock.now(),
        "datacontenttype": "application/json",
        "sequence": sequence,
        "data": data,
    }
    return outbox.event_message(Activity.topic, customer_id, event_type=Activity.type, event_id=event_id, value=orjson.dumps(document))


def _published(one: Told) -> Document:
    return one._asdict() | {"data": orjson.Fragment(one.data)}
