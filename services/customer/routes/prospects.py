"""HTTP in, about potential customers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from services.customer.prospects import ProspectStage
from services.customer.schemas.prospects import Funnel, NewProspect, Prospects, ProspectView, SourceFunnel, StageChange
from services.customer.tables import IDEMPOTENCY_KEYS
from services.customer.use_cases import audit, prospects
from shared.errors import AuditBroken, Conflict, NotFound
from shared.openapi import raises
from shared.web import PLAIN_TEXT, Actor, IdempotencyKey, InTransaction, Keys, Reading, decode_cursor, encode_cursor, moment_of, once

ROUTER = APIRouter(tags=["prospects"])

ProspectId = Annotated[str, Path(max_length=128, pattern=PLAIN_TEXT)]


@ROUTER.post("/prospects", operation_id="create_prospect", summary="Put down a potential customer", status_code=201, responses=raises(AuditBroken, NotFound))
async def create_prospect(tx: InTransaction, keyring: Keys, actor: Actor, key: IdempotencyKey, body: NewProspect) -> ProspectView:
    prospect = body.model_dump()

    async def act() -> Any:
        return await prospects.create(tx, keyring, prospect, actor=actor)

    # The request is kept as a hash: of a number alone it could be guessed, so it is hashed with the index key's help.
    request = {"prospect": keyring.index("text", body.model_dump_json())}
    prospect_id = await once(tx, IDEMPOTENCY_KEYS, key=key, request=request, act=act)
    return ProspectView.model_validate(await prospects.view(tx, keyring, prospect_id))


@ROUTER.patch(
    "/prospects/{prospect_id}",
    operation_id="set_prospect_stage",
    summary="Where a potential customer stands",
    responses=raises(AuditBroken, Conflict, NotFound),
)
async def set_prospect_stage(tx: InTransaction, keyring: Keys, actor: Actor, prospect_id: ProspectId, body: StageChange) -> ProspectView:
    return ProspectView.model_validate(await prospects.set_stage(tx, keyring, prospect_id, actor=actor, **body.model_dump()))


@ROUTER.get("/prospects/funnel", operation_id="prospect_funnel", summary="Potential customers by source and stage")
async def funnel(connection: Reading) -> Funnel:
    return Funnel(sources=[SourceFunnel.model_validate(one) for one in await prospects.funnel(connection)])


@ROUTER.get("/prospects/{prospect_id}", operation_id="get_prospect", summary="One potential customer", responses=raises(AuditBroken, NotFound))
async def get_prospect(
    tx: InTransaction,
    keyring: Keys,
    actor: Actor,
    prospect_id: ProspectId,
    reveal: Annotated[bool, Query(description="In plain: goes into the audit log")] = False,
) -> ProspectView:
    if not reveal:
        return ProspectView.model_validate(await prospects.view(tx, keyring, prospect_id))
    found = ProspectView.model_validate(await prospects.view(tx, keyring, prospect_id, show=lambda kind, value: value))
    await audit.note(tx, keyring, actor=actor, action="reveal_prospect", details={"prospect_id": prospect_id})
    return found


@ROUTER.get("/prospects", operation_id="list_prospects", summary="Potential customers, newest first, masked")
async def list_prospects(
    connection: Reading,
    keyring: Keys,
    source: Annotated[str | None, Query(max_length=64, pattern=PLAIN_TEXT)] = None,
    stage: ProspectStage | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Prospects:
    position = decode_cursor(cursor, str, str)
    before = (moment_of(position[0]), position[1]) if position else None
    found = await prospects.list_prospects(connection, keyring, source=source, stage=stage, before=before, limit=limit)
    following = encode_cursor(found[-1]["created_at"].isoformat(), found[-1]["prospect_id"]) if len(found) == limit else None
    return Prospects(items=[ProspectView.model_validate(one) for one in found], next_cursor=following)
