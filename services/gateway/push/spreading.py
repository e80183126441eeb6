"""Events to be pushed, written down in the transaction that took them in: for each listener they match, and for the streams."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from services.gateway.push import repository
from services.gateway.push.filters import filter_of
from services.gateway.push.published import PUSHED, Document, customer_of, document_of
from services.gateway.settings import load
from services.gateway.tmforum.notifications import notifications
from services.gateway.view import bare
from shared import clock, telemetry
from shared.contracts.customer import Activity
from shared.contracts.envelope import Event
from shared.database import Transaction

log = telemetry.logger()


class Leaving(NamedTuple):
    """`about`: what listeners choose by, and a delivery is named by; of a CloudEvent that is the event itself. `body`: what is posted."""

    about: Document
    body: Document


def delivery_id(listener_id: str, document: Document) -> str:
    """The same for the same event: taken in twice, it is delivered once."""
    return "d-" + hashlib.sha256(f"{listener_id}\n{document['source']}\n{document['id']}".encode()).hexdigest()[:40]


async def spread(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """Have the events pushed once `tx` commits; not those about customers who are erased. The last thing a transaction does: see `append`."""
    listeners = await repository.hold_listeners(tx) if events else ()
    if not any(listener.api for listener in listeners):
        events = [one for one in events if isinstance(one.data, PUSHED)]
    if not events:
        return
    regions, erased = await _about(tx, events)
    documents = [document_of(one, regions.get(name)) for one in events if isinstance(one.data, PUSHED) and (name := customer_of(one.subject)) not in erased]
    plain = [Leaving(one, one) for one in documents]
    told = [note for one in events if _may_be_told(one, erased) for note in _told(one, regions.get(customer_of(one.subject)))]
    now, most = clock.wall(), load().listener_waiting if listeners else 0
    for listener in listeners:
        lets_through = filter_of(listener.query, listener.api).lets_through
        chosen = [one for one in (told if listener.api else plain) if lets_through(one.about)]
        wanted = {delivery_id(listener.listener_id, one.about): one for one in chosen}
        if wanted:
            await _take(tx, listener, [_delivery_row(listener.listener_id, name, one, now) for name, one in wanted.items()], most, now)
    if documents:
        await repository.append(tx, [_stream_row(one) for one in documents], now)


async def _about(tx: Transaction, events: Sequence[Event[Any]]) -> tuple[dict[str | None, str | None], set[str]]:
    """Regions by customer, and who is erased."""
    rows = await repository.find_profiles(tx, {name for one in events if (name := customer_of(one.subject))})
    regions = {row.customer_id: orjson.loads(row.profile).get("region") for row in rows if row.profile}
    return regions, {row.customer_id for row in rows if row.erased_at}


def _may_be_told(event: Event[Any], erased: Collection[str]) -> bool:
    """Of who is erased, only that."""
    return customer_of(event.subject) not in erased or (isinstance(event.data, Activity) and event.data.erased)


def _told(event: Event[Any], region: str | None) -> list[Leaving]:
    """In the words of TM Forum. An event may be several notifications, each a delivery."""
    about = {"source": event.source, "subject": event.subject, "region": region}
    return [Leaving(about | {"id": f"{event.id}/{number}", "type": one["eventType"]}, bare(one)) for number, one in enumerate(notifications(event))]


async def _take(tx: Transaction, listener: sa.Row[Any], rows: Sequence[Document], most: int, now: datetime) -> None:
    """As many as may wait for it, `most`. Beyond that it is paused, and what it misses is counted: a table without bound would take the gateway down."""
    room = 0 if listener.state == "paused" else most - await repository.count_waiting(tx, listener.listener_id)
    taken, missed = rows[: max(room, 0)], rows[max(room, 0) :]
    await repository.insert_deliveries(tx, taken)
    if missed:
        await repository.count_missed(tx, listener.listener_id, len(missed))
    if missed and listener.state == "active":
        await repository.change_listener(tx, listener.listener_id, {"state": "paused", "state_since": now})
        log.warning("listener_paused", listener_id=listener.listener_id, count=len(missed))


def _delivery_row(listener_id: str, name: str, leaving: Leaving, now: datetime) -> Document:
    return {
        "delivery_id": name,
        "listener_id": listener_id,
        "customer_id": customer_of(leaving.about["subject"]),
        "event_type": leaving.about["type"],
        # In a CloudEvent too: that is what is signed. A notification has its eventId.
        "body": orjson.dumps(leaving.body | ({"deliveryid": name} if leaving.body is leaving.about else {})).decode(),
        "state": "waiting",
        "at": now,
    }


def _stream_row(document: Document) -> Document:
    return {"type": document["type"], "customer_id": customer_of(document["subject"]), "body": orjson.dumps(document).decode()}
