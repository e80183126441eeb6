"""What is done about listeners over HTTP: one function, one transaction's worth."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from services.gateway.push import repository
from services.gateway.push.filters import filter_of
from services.gateway.push.schemas import NewListener
from shared import clock
from shared.contracts.envelope import CONTENT_TYPE
from shared.cursors import decode_cursor, encode_cursor, moment_of
from shared.database import Transaction
from shared.errors import CallbackRefused, Conflict, InvalidRequest, NotFound
from shared.pii import Keyring
from shared.webhooks.guard import AddressRefused, Network, address_of, resolve
from shared.webhooks.posting import Poster, Said

Document = dict[str, Any]

MOST_LISTENERS = 100
REDELIVERED_AT_ONCE = 1_000
PING = "holdfast.ping.v1"


async def _require_callable(callback: str, allowed: Sequence[Network]) -> None:
    """Raises CallbackRefused where it may never be called. A name that does not resolve now may do so later; it is looked at again before each call."""
    try:
        parts = urlsplit(callback)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise InvalidRequest("callback: this is no URL") from None
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise InvalidRequest("callback: a URL with a host, and without user, password and fragment")
    try:
        await address_of(parts.hostname, port, allowed=allowed, resolver=resolve)
    except AddressRefused:
        raise CallbackRefused from None
    except OSError:
        return


async def subscribe(tx: Transaction, keyring: Keyring, wanted: NewListener, *, allowed: Sequence[Network], api: str | None = None) -> Document:
    """The listener, with a secret that was made for it. Raises InvalidRequest with what is wrong with callback or query, CallbackRefused,
    Conflict when there is such a listener, or as many as there may be."""
    callback, query = wanted.callback, wanted.query
    secret = wanted.secret.get_secret_value() if wanted.secret else secrets.token_urlsafe(32)
    await _require_callable(callback, allowed)
    filter_of(query, api)
    if await repository.count_listeners(tx) >= MOST_LISTENERS:
        raise Conflict(f"there are {MOST_LISTENERS} listeners: remove one first")
    now = clock.wall()
    row: Document = {"listener_id": f"l-{uuid.uuid4().hex}", "callback": callback, "query": query, "secret": keyring.seal_bytes(secret.encode())}
    row |= {"state": "active", "state_since": now, "missed": 0, "created_at": now, "api": api}
    if not await repository.insert_listener(tx, row):
        same = await repository.find_same(tx, callback, query)
        raise Conflict("this callback has subscribed to this query already", listener_id=same)
    return _shown(row, {}) | {"secret": None if wanted.secret else secret}


async def listed(tx: Transaction) -> list[Document]:
    rows = await repository.list_listeners(tx)
    counts = await repository.counts(tx, [row.listener_id for row in rows])
    return [_shown(row._asdict(), counts) for row in rows]


async def one(tx: Transaction, listener_id: str) -> Document:
    row = await _found(tx, listener_id)
    return _shown(row._asdict(), await repository.counts(tx, [listener_id]))


async def unsubscribe(tx: Transaction, listener_id: str, *, api: str | None = None) -> None:
    """With an `api` only a listener of it."""
    if not await repository.delete_listener(tx, listener_id, api):
        raise NotFound(f"no listener {listener_id}")


async def resume(tx: Transaction, listener_id: str) -> Document:
    """A paused one gets events again, from now on. Raises Conflict for one that ended."""
    row = await _found(tx, listener_id, lock=True)
    _require_not_ended(row)
    if row.state == "paused":
        await repository.change_listener(tx, listener_id, {"state": "active", "state_since": clock.wall()})
    return await one(tx, listener_id)


async def deliveries(tx: Transaction, listener_id: str, *, state: str, limit: int, cursor: str | None) -> tuple[Sequence[sa.Row[Any]], str | None]:
    position = decode_cursor(cursor, str, str)
    after = (moment_of(position[0]), position[1]) if position else None
    await _found(tx, listener_id)
    rows = await repository.list_deliveries(tx, listener_id, state=state, after=after, limit=limit)
    return rows, encode_cursor(rows[-1].at, rows[-1].delivery_id) if len(rows) == limit else None


async def redeliver(tx: Transaction, listener_id: str, delivery_id: str) -> sa.Row[Any]:
    """From the first attempt on. Raises Conflict while it waits anyway, and for a listener that ended."""
    _require_not_ended(await _found(tx, listener_id, lock=True))
    row = await repository.lock_delivery(tx, listener_id, delivery_id)
    if row is None:
        raise NotFound(f"no delivery {delivery_id}")
    if row.state == "waiting":
        raise Conflict(f"delivery {delivery_id} is still tried: next at {row.at.isoformat()}")
    [again] = await repository.await_again(tx, [delivery_id], clock.wall())
    return again


async def redeliver_dead(tx: Transaction, listener_id: str) -> int:
    """The oldest, up to REDELIVERED_AT_ONCE; how many."""
    _require_not_ended(await _found(tx, listener_id, lock=True))
    rows = await repository.list_deliveries(tx, listener_id, state="dead", after=None, limit=REDELIVERED_AT_ONCE)
    await repository.await_again(tx, [row.delivery_id for row in rows], clock.wall())
    return len(rows)


async def find_target(tx: Transaction, keyring: Keyring, listener_id: str) -> tuple[str, str]:
    """The callback, and the secret."""
    row = await _found(tx, listener_id)
    return row.callback, keyring.open_bytes(row.secret).decode()


async def ping(callback: str, secret: str, *, allowed: Sequence[Network]) -> Said:
    """Now, once, whatever waits: for who sets a listener up."""
    name = f"ping-{uuid.uuid4().hex}"
    event = {"specversion": "1.0", "id": name, "source": "holdfast/gateway", "type": PING, "time": clock.wall(), "deliveryid": name, "data": {}}
    async with Poster(callback, secret, allowed=allowed) as poster:
        return await poster.post(orjson.dumps(event, option=orjson.OPT_UTC_Z), content_type=CONTENT_TYPE, key=name)


async def _found(tx: Transaction, listener_id: str, *, lock: bool = False) -> sa.Row[Any]:
    row = await repository.find_listener(tx, listener_id, lock=lock)
    if row is None:
        raise NotFound(f"no listener {listener_id}")
    return row


def _require_not_ended(row: sa.Row[Any]) -> None:
    if row.state == "ended":
        raise Conflict("the listener answered 410 and gets nothing any more: subscribe again")


def _shown(row: Document, counts: dict[tuple[str, str], int]) -> Document:
    known = {name: row[name] for name in ("callback", "query", "state", "state_since", "missed", "created_at", "api")}
    tally = {state: counts.get((row["listener_id"], state), 0) for state in ("waiting", "dead")}
    return known | tally | {"id": row["listener_id"], "event_types": sorted(filter_of(row["query"], row["api"]).types)}
