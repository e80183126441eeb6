"""The dead letters of the gateway, and those of the other services, passed on."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from services.gateway.forwarding import forward
from services.gateway.owners import operation
from services.gateway.selecting import ListRoute
from services.gateway.tables import INBOX
from shared.dead_letter_routes import REPLAYING, DeadId, DeadLetter, DeadLetters, dead_letter_router
from shared.errors import AuditBroken, NotFound
from shared.openapi import raises

OWN = dead_letter_router(INBOX, group="gateway", prefix="/v1/dead-letters/gateway", route_class=ListRoute)
ROUTER = APIRouter(prefix="/v1", responses=raises(AuditBroken), route_class=ListRoute)

REPLAY = operation("customer", "POST", "/dead-letters/{dead_id}/replay")
Owner = Annotated[Literal["customer", "segmentation", "retention"], Path(description="Who could not apply the record")]


@ROUTER.get(
    "/dead-letters/{service}",
    operation_id="list_dead_letters",
    summary="Records that a service could not apply, oldest first",
    tags=["dead letters"],
    responses={200: {"model": DeadLetters}},
)
async def list_dead_letters(
    request: Request,
    service: Owner,
    status: Literal["dead", "replayed"] | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    return await forward(request, service, "dead-letters")


@ROUTER.get(
    "/dead-letters/{service}/{dead_id}",
    operation_id="get_dead_letter",
    summary="One of them, with its bytes",
    tags=["dead letters"],
    responses=raises(NotFound, also={200: {"model": DeadLetter}}),
)
async def get_dead_letter(request: Request, service: Owner, dead_id: DeadId) -> Response:
    return await forward(request, service, "dead-letters", str(dead_id))


@ROUTER.post(
    "/dead-letters/{service}/{dead_id}/replay",
    operation_id="replay_dead_letter",
    summary="Publish it again, corrected or as it was",
    tags=["dead letters"],
    status_code=202,
    responses=raises(*REPLAYING, also={202: {"model": DeadLetter}}),
    openapi_extra={"requestBody": REPLAY["requestBody"]},
)
async def replay_dead_letter(request: Request, service: Owner, dead_id: DeadId) -> Response:
    return await forward(request, service, "dead-letters", str(dead_id), "replay")
