"""Care programmes that come as drafts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.retention.routes.retention import TextId
from services.retention.schemas.care_programmes import CareProgramme, CareProgrammes, ProgrammeDraft
from services.retention.schemas.retention import CampaignDetail
from services.retention.tables import IDEMPOTENCY_KEYS
from services.retention.use_cases import care_programmes
from shared.errors import ActorMissing, Conflict, NotFound
from shared.openapi import raises
from shared.web import Actor, IdempotencyKey, InTransaction, Reading, once

ROUTER = APIRouter(tags=["retention"])


@ROUTER.get("/care-programmes", operation_id="list_care_programmes", summary="Ready-made programmes, each as it would be drafted now")
async def list_care_programmes(connection: Reading) -> CareProgrammes:
    return CareProgrammes(items=[CareProgramme.model_validate(one) for one in await care_programmes.listed(connection)])


@ROUTER.post(
    "/care-programmes/{name}/draft",
    operation_id="draft_care_programme",
    summary="A campaign of it, to be edited and approved",
    status_code=201,
    responses=raises(ActorMissing, Conflict, NotFound),
)
async def draft_care_programme(tx: InTransaction, key: IdempotencyKey, actor: Actor, name: TextId, body: ProgrammeDraft) -> CampaignDetail:
    """With the offers and messages it needs. Nobody is contacted until a second person approves it; 409 when the id is taken or an offer has ended."""

    async def act() -> Any:
        drafted = await care_programmes.draft(tx, name, campaign_id=body.campaign_id, offers=body.offers, actor=actor)
        return CampaignDetail.model_validate(drafted).model_dump(mode="json")

    request = {"of": "care-programme", "name": name, "actor": actor, **body.model_dump(mode="json")}
    return CampaignDetail.model_validate(await once(tx, IDEMPOTENCY_KEYS, key=key, request=request, act=act))
