"""Listeners: who wants events pushed, and what came of that."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.gateway.push import listeners as use_cases
from services.gateway.push.schemas import CreatedListener, Deliveries, DeliveryOut, DeliveryState, Listener, Listeners, NewListener, Pinged, Redelivered
from services.gateway.selecting import ListRoute
from shared import clock
from shared.errors import CallbackRefused, Conflict, InvalidRequest, NotFound, TooManyRequests
from shared.openapi import raises
from shared.web import InTransaction, Keys, Reading

ROUTER = APIRouter(prefix="/v1/hub", tags=["subscriptions"], route_class=ListRoute)

PINGS_AT_ONCE = 10

ListenerId = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9-]+$")]
DeliveryId = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9-]+$")]


@ROUTER.post(
    "", status_code=201, operation_id="create_listener", summary="Have events posted to a callback", responses=raises(CallbackRefused, Conflict, InvalidRequest)
)
async def create_listener(request: Request, response: Response, tx: InTransaction, keyring: Keys, body: NewListener) -> CreatedListener:
    """Each matching event is posted as a CloudEvent, at least once, in no particular order, and tried for three days until a 2xx; 410 ends it.

    `Holdfast-Signature: t=<unix seconds>,v1=<hex>` is the HMAC-SHA256 with the secret over `<t>.` and the raw body. `Idempotency-Key` is the
    delivery's id: what came twice has the same.
    """
    made = await use_cases.subscribe(tx, keyring, body, allowed=request.app.state.listener_networks)
    response.headers["Location"] = f"/v1/hub/{made['id']}"
    return CreatedListener(**made)


@ROUTER.get("", operation_id="list_listeners", summary="All listeners")
async def list_listeners(connection: Reading) -> Listeners:
    return Listeners(items=[Listener(**one) for one in await use_cases.listed(connection)])


@ROUTER.get("/{listener_id}", operation_id="get_listener", summary="One listener, and how much waits for it", responses=raises(NotFound))
async def get_listener(connection: Reading, listener_id: ListenerId) -> Listener:
    return Listener(**await use_cases.one(connection, listener_id))


@ROUTER.delete(
    "/{listener_id}", status_code=204, operation_id="delete_listener", summary="Post nothing more to it, not even what waits", responses=raises(NotFound)
)
async def delete_listener(tx: InTransaction, listener_id: ListenerId) -> None:
    await use_cases.unsubscribe(tx, listener_id)


@ROUTER.post(
    "/{listener_id}/resume", operation_id="resume_listener", summary="A paused listener gets events again, from now on", responses=raises(Conflict, NotFound)
)
async def resume_listener(tx: InTransaction, listener_id: ListenerId) -> Listener:
    return Listener(**await use_cases.resume(tx, listener_id))


@ROUTER.post(
    "/{listener_id}/ping",
    operation_id="ping_listener",
    summary="Post a test event now, and tell what the listener answers",
    responses=raises(NotFound, TooManyRequests),
)
async def ping_listener(request: Request, keyring: Keys, listener_id: ListenerId) -> Pinged:
    state = request.app.state
    if state.pings.locked():
        raise TooManyRequests(retry_after_seconds=1)
    async with state.database.reading() as connection:
        callback, secret = await use_cases.find_target(connection, keyring, listener_id)
    started = clock.monotonic()
    async with state.pings:
        said = await use_cases.ping(callback, secret, allowed=state.listener_networks)
    return Pinged(answered=said.status is not None and 200 <= said.status < 300, code=said.code, seconds=round(clock.monotonic() - started, 3))


@ROUTER.get(
    "/{listener_id}/deliveries",
    operation_id="list_deliveries",
    summary="What was given up, waits, or was delivered in the last hours",
    responses=raises(NotFound),
)
async def list_deliveries(
    connection: Reading,
    listener_id: ListenerId,
    state: DeliveryState = "dead",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")] = None,
) -> Deliveries:
    rows, next_cursor = await use_cases.deliveries(connection, listener_id, state=state, limit=limit, cursor=cursor)
    return Deliveries(items=[DeliveryOut.of(row) for row in rows], next_cursor=next_cursor)


@ROUTER.post(
    "/{listener_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    operation_id="redeliver",
    summary="Try one again, under its old id",
    responses=raises(Conflict, NotFound),
)
async def redeliver(tx: InTransaction, listener_id: ListenerId, delivery_id: DeliveryId) -> DeliveryOut:
    return DeliveryOut.of(await use_cases.redeliver(tx, listener_id, delivery_id))


@ROUTER.post(
    "/{listener_id}/redeliver",
    status_code=202,
    operation_id="redeliver_dead",
    summary="Try all again that were given up, a thousand at a time",
    responses=raises(Conflict, NotFound),
)
async def redeliver_dead(tx: InTransaction, listener_id: ListenerId) -> Redelivered:
    count = await use_cases.redeliver_dead(tx, listener_id)
    return Redelivered(count=count, more=count == use_cases.REDELIVERED_AT_ONCE)
