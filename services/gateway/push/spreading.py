"""Events to be pushed, written down in the transaction that took them in: for each listener they match, and for the streams."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from services.gateway.push import repository
from services.gateway.push.filters import parse
from services.gateway.push.published import Document, customer_of, document_of
from services.gateway.settings import load
from shared import clock, telemetry
from shared.contracts.envelope import Event
from shared.database import Transaction

log = telemetry.logger()


def delivery_id(listener_id: str, document: Document) -> str:
    """The same for the same event: taken in twice, it is delivered once."""
    return "d-" + hashlib.sha256(f"{listener_id}\n{document['source']}\n{document['id']}".encode()).hexdigest()[:40]


async def spread(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """Have the events pushed once `tx` commits; not those about customers who are erased. The last thing a transaction does: see `append`."""
    documents = await _documents(tx, events)
    if not documents:
        return
    now = clock.wall()
    for listener in await repository.hold_listeners(tx):
        lets_through = parse(listener.query).lets_through
        wanted = {delivery_id(listener.listener_id, one): one for one in documents if lets_through(one)}
        if wanted:
            await _take(tx, listener, [_delivery_row(listener.listener_id, name, one, now) for name, one in wanted.items()], now)
    await repository.append(tx, [_stream_row(one) for one in documents], now)


async def _documents(tx: Transaction, events: Sequence[Event[Any]]) -> list[Document]:
    rows = await repository.find_profiles(tx, {name for one in events if (name := customer_of(one.subject))})
    erased = {row.customer_id for row in rows if row.erased_at}
    regions = {row.customer_id: orjson.loads(row.profile).get("region") for row in rows if row.profile}
    about = [(one, customer_of(one.subject)) for one in events]
    return [document_of(one, regions.get(name)) for one, name in about if name not in erased]


async def _take(tx: Transaction, listener: sa.Row[Any], rows: Sequence[Document], now: datetime) -> None:
    """As many as may wait for it. Beyond that it is paused, and what it misses is counted: a table without bound would take the gateway down."""
    room = 0 if listener.state == "paused" else load().listener_waiting - await repository.count_waiting(tx, listener.listener_id)
    taken, missed = rows[: max(room, 0)], rows[max(room, 0) :]
    await repository.insert_deliveries(tx, taken)
    if missed:
        await repository.count_missed(tx, listener.listener_id, len(missed))
    if missed and listener.state == "active":
        await repository.change_listener(tx, listener.listener_id, {"state": "paused", "state_since": now})
        log.warning("listener_paused", listener_id=listener.listener_id, count=len(missed))


def _delivery_row(listener_id: str, name: str, document: Document, now: datetime) -> Document:
    return {
        "delivery_id": name,
        "listener_id": listener_id,
        "customer_id": customer_of(document["subject"]),
        "event_type": document["type"],
        # In the body too: that is what is signed.
        "body": orjson.dumps(document | {"deliveryid": name}).decode(),
        "state": "waiting",
        "at": now,
    }


def _stream_row(document: Document) -> Document:
    return {"type": document["type"], "customer_id": customer_of(document["subject"]), "body": orjson.dumps(document).decode()}
