"""Campaigns and offers: drafted, tried, approved by a second person, paused at once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.retention.audience import FIELDS
from services.retention.campaign import Step
from services.retention.routes.retention import TextId
from services.retention.schemas import campaigns as bodies
from services.retention.schemas.retention import CampaignDetail, OfferView, RestockedOffer
from services.retention.tables import IDEMPOTENCY_KEYS
from services.retention.use_cases import campaigns, stock
from shared.database import Transaction
from shared.errors import ActorMissing, AlreadyDecided, Conflict, NotFound, SecondPersonNeeded
from shared.etags import CHANGING, IfMatch, over, tag
from shared.openapi import raises
from shared.web import Actor, IdempotencyKey, InTransaction, Reading, once

ROUTER = APIRouter(tags=["retention"])


@ROUTER.post("/campaigns", operation_id="draft_campaign", summary="Draft a campaign", status_code=201, responses=raises(ActorMissing, Conflict, NotFound))
async def draft_campaign(tx: InTransaction, key: IdempotencyKey, actor: Actor, body: bodies.CampaignDraft) -> CampaignDetail:
    content = body.model_dump(mode="json", exclude={"campaign_id"})

    async def act() -> Any:
        drafted = await campaigns.draft(tx, body.campaign_id, content, actor=actor)
        return CampaignDetail.model_validate(drafted).model_dump(mode="json")

    request = {"of": "draft", "actor": actor, **body.model_dump(mode="json")}
    return CampaignDetail.model_validate(await once(tx, IDEMPOTENCY_KEYS, key=key, request=request, act=act))


@ROUTER.put(
    "/campaigns/{campaign_id}", operation_id="edit_campaign", summary="Change a draft", responses=raises(ActorMissing, AlreadyDecided, NotFound, *CHANGING)
)
async def edit_campaign(
    tx: InTransaction, actor: Actor, response: Response, campaign_id: TextId, body: bodies.CampaignEdit, if_match: IfMatch = None
) -> CampaignDetail:
    """Over the revision that was read, as If-Match or as `revision`: 412 or 409 when it was edited since."""
    content = body.model_dump(mode="json", exclude={"revision"})
    with over(if_match, body.revision, "revision") as revision:
        edited = CampaignDetail.model_validate(await campaigns.edit(tx, campaign_id, content, revision=revision, actor=actor))
    tag(response, edited.revision)
    return edited


@ROUTER.get(
    "/campaigns/{campaign_id}/dry-run",
    operation_id="try_campaign",
    summary="What it would decide about the warnings of the last days",
    responses=raises(NotFound),
)
async def try_campaign(connection: Reading, campaign_id: TextId, days: Annotated[int, Query(ge=1, le=100)] = 30) -> bodies.TryOut:
    """Of any campaign, also of one that runs: nothing is written, and nobody is contacted."""
    return bodies.TryOut.model_validate(await campaigns.try_out(connection, campaign_id, days=days))


@ROUTER.get(
    "/campaigns/{campaign_id}/runs", operation_id="list_campaign_runs", summary="The turns of its schedule, the latest first", responses=raises(NotFound)
)
async def list_campaign_runs(connection: Reading, campaign_id: TextId, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> bodies.Runs:
    found = await campaigns.runs_of(connection, campaign_id, limit=limit)
    return bodies.Runs(items=[bodies.RunView.model_validate(row) for row in found])


@ROUTER.get("/audience-fields", operation_id="list_audience_fields", summary="What the audience of a campaign can ask for")
async def list_audience_fields() -> bodies.AudienceFields:
    return bodies.AudienceFields(items=[bodies.AudienceField(field=name, kind=one.kind, about=one.about) for name, one in FIELDS.items()])


@ROUTER.post(
    "/campaigns/{campaign_id}/approve",
    operation_id="approve_campaign",
    summary="By a second person: it runs from now on",
    responses=raises(AlreadyDecided, NotFound, SecondPersonNeeded, *CHANGING),
)
async def approve_campaign(tx: InTransaction, actor: Actor, campaign_id: TextId, body: bodies.CampaignApproval, if_match: IfMatch = None) -> CampaignDetail:
    """409 `second_person_needed` for who drafted or edited it last and for who has no name; 412, or 409 `stale_draft`, when it was edited since."""
    with over(if_match, body.revision, "revision") as revision:
        return CampaignDetail.model_validate(await campaigns.approve(tx, campaign_id, revision=revision, actor=actor, reason=body.reason))


@ROUTER.post(
    "/campaigns/{campaign_id}/pause",
    operation_id="pause_campaign",
    summary="Contact nobody from now on; open tasks stay open",
    responses=raises(ActorMissing, AlreadyDecided, NotFound),
)
async def pause_campaign(tx: InTransaction, actor: Actor, campaign_id: TextId, body: bodies.CampaignReason | None = None) -> CampaignDetail:
    return await _step(tx, campaign_id, "pause", actor, body)


@ROUTER.post(
    "/campaigns/{campaign_id}/resume",
    operation_id="resume_campaign",
    summary="Contact again; what was refused meanwhile stays refused",
    responses=raises(ActorMissing, AlreadyDecided, NotFound),
)
async def resume_campaign(tx: InTransaction, actor: Actor, campaign_id: TextId, body: bodies.CampaignReason | None = None) -> CampaignDetail:
    return await _step(tx, campaign_id, "resume", actor, body)


@ROUTER.post(
    "/campaigns/{campaign_id}/stop",
    operation_id="stop_campaign",
    summary="For good: open tasks stay open",
    responses=raises(ActorMissing, AlreadyDecided, NotFound),
)
async def stop_campaign(tx: InTransaction, actor: Actor, campaign_id: TextId, body: bodies.CampaignReason | None = None) -> CampaignDetail:
    return await _step(tx, campaign_id, "stop", actor, body)


@ROUTER.post(
    "/campaigns/{campaign_id}/archive",
    operation_id="archive_campaign",
    summary="Out of the way: of a draft, or of one that was stopped",
    responses=raises(ActorMissing, AlreadyDecided, NotFound),
)
async def archive_campaign(tx: InTransaction, actor: Actor, campaign_id: TextId, body: bodies.CampaignReason | None = None) -> CampaignDetail:
    return await _step(tx, campaign_id, "archive", actor, body)


@ROUTER.post("/offers", operation_id="create_offer", summary="Add an offer to the catalogue", status_code=201, responses=raises(ActorMissing, Conflict))
async def create_offer(tx: InTransaction, key: IdempotencyKey, actor: Actor, body: bodies.NewOffer) -> OfferView:
    """It is made to nobody until a campaign that lists it is approved."""

    async def act() -> Any:
        return OfferView.model_validate(await campaigns.create_offer(tx, body.model_dump(), actor=actor)).model_dump(mode="json")

    request = {"of": "offer", "actor": actor, **body.model_dump(mode="json")}
    return OfferView.model_validate(await once(tx, IDEMPOTENCY_KEYS, key=key, request=request, act=act))


@ROUTER.post("/offers/{offer_id}/end", operation_id="end_offer", summary="Make it to nobody from now on", responses=raises(ActorMissing, NotFound))
async def end_offer(tx: InTransaction, actor: Actor, offer_id: TextId) -> OfferView:
    return OfferView.model_validate(await campaigns.end_offer(tx, offer_id, actor=actor))


@ROUTER.post(
    "/offers/{offer_id}/restock",
    operation_id="restock_offer",
    summary="Add pieces, or take some out that nobody has",
    responses=raises(ActorMissing, Conflict, NotFound),
)
async def restock_offer(tx: InTransaction, key: IdempotencyKey, actor: Actor, offer_id: TextId, body: bodies.Restock) -> RestockedOffer:
    async def act() -> Any:
        return RestockedOffer.model_validate(await stock.restock(tx, offer_id, body.pieces, actor=actor)).model_dump(mode="json")

    request = {"of": "restock", "offer_id": offer_id, "actor": actor, "pieces": body.pieces}
    return RestockedOffer.model_validate(await once(tx, IDEMPOTENCY_KEYS, key=key, request=request, act=act))


async def _step(tx: Transaction, campaign_id: str, step: Step, actor: str, body: bodies.CampaignReason | None) -> CampaignDetail:
    return CampaignDetail.model_validate(await campaigns.take_step(tx, campaign_id, step, actor=actor, reason=body.reason if body else ""))
