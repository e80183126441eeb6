"""API keys, and who was refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from services.gateway.access import managing, repository
from services.gateway.access.guard import Access
from services.gateway.access.principal import Principal
from services.gateway.access.schemas import Key, KeyRequest, Keys, MadeKey, Refusals, Refused
from services.gateway.selecting import ListRoute
from shared.cursors import moment_of
from shared.errors import Forbidden, InvalidRequest, NotFound
from shared.openapi import raises
from shared.web import Actor, InTransaction, Reading, decode_cursor, encode_cursor

ROUTER = APIRouter(prefix="/v1", tags=["access"], route_class=ListRoute)

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")]
Client = Annotated[str | None, Query(max_length=100)]


@ROUTER.post(
    "/api-keys", operation_id="create_api_key", summary="Make an API key: it is shown this once", status_code=201, responses=raises(Forbidden, InvalidRequest)
)
async def create_api_key(request: Request, tx: InTransaction, actor: Actor, body: KeyRequest) -> MadeKey:
    """It may do at most what who makes it may."""
    principal: Principal | None = getattr(request.state, "principal", None)
    made = await managing.make(tx, managing.NewKey(body.client, body.scopes, body.days), by=actor, granted=principal.scopes if principal else None)
    return MadeKey(**Key.model_validate(made.row).model_dump(), key=str(made.key))


@ROUTER.get("/api-keys", operation_id="list_api_keys", summary="API keys, without their secrets")
async def list_api_keys(connection: Reading, client: Client = None, limit: Limit = 50, cursor: Cursor = None) -> Keys:
    (after,) = decode_cursor(cursor, str) or ("",)
    rows = await repository.list_keys(connection, client=client, after=after, limit=limit)
    return Keys(items=[Key.model_validate(row) for row in rows], next_cursor=encode_cursor(rows[-1].key_id) if len(rows) == limit else None)


@ROUTER.post(
    "/api-keys/{key_id}/revoke",
    operation_id="revoke_api_key",
    summary="It is believed no more: here at once, everywhere in a minute",
    responses=raises(NotFound),
)
async def revoke_api_key(request: Request, actor: Actor, key_id: Annotated[str, Path(max_length=40)]) -> Key:
    async with request.app.state.database.transaction() as tx:
        row = await managing.revoke(tx, key_id, by=actor)
    access: Access | None = getattr(request.app.state, "access", None)
    if access:  # once it is committed: who is verified before that would be kept
        access.verified.forget()
    return Key.model_validate(row)


@ROUTER.get("/access/refusals", operation_id="list_refusals", summary="Requests that were refused, by the minute, newest first")
async def list_refusals(connection: Reading, client: Client = None, limit: Limit = 50, cursor: Cursor = None) -> Refusals:
    """401, 403 and 429. Those that are alike are counted; they are here within seconds."""
    position = decode_cursor(cursor, str, str, str, str, str)
    before = (moment_of(position[0]), *position[1:]) if position else None
    rows = await repository.list_refusals(connection, client=client, before=before, limit=limit)
    last = encode_cursor(*(getattr(rows[-1], name) for name in repository.REFUSAL)) if len(rows) == limit else None
    return Refusals(items=[Refused.model_validate(row) for row in rows], next_cursor=last)
