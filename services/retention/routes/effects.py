"""What campaigns and offers changed."""

from __future__ import annotations

from fastapi import APIRouter

from services.retention.repository import worths
from services.retention.routes.retention import TextId
from services.retention.schemas.effects import CampaignEffect, OfferRecord, OfferRecords
from services.retention.schemas.retention import Ledger
from services.retention.use_cases import effects, views
from shared.errors import NotFound
from shared.openapi import raises
from shared.web import Reading

ROUTER = APIRouter(tags=["retention"])


@ROUTER.get(
    "/campaigns/{campaign_id}/effect",
    operation_id="get_campaign_effect",
    summary="Who stayed of the contacted against the held out",
    responses=raises(NotFound),
)
async def get_campaign_effect(connection: Reading, campaign_id: TextId) -> CampaignEffect:
    """At 30, 60 and 90 days, valid while the campaign runs. Without a control, or too early, it says so in place of a number."""
    return CampaignEffect.model_validate(await effects.of_campaign(connection, campaign_id))


@ROUTER.get(
    "/campaigns/{campaign_id}/budget", operation_id="get_campaign_budget", summary="What was reserved, released and spent, by month", responses=raises(NotFound)
)
async def get_campaign_budget(connection: Reading, campaign_id: TextId) -> Ledger:
    return Ledger.model_validate(await views.ledger(connection, campaign_id))


@ROUTER.get("/offers/records", operation_id="list_offer_records", summary="What came of each offer, and the rates that decisions weigh it by")
async def list_offer_records(connection: Reading) -> OfferRecords:
    found = await worths.records(connection)
    rates = [(offer_id, one, {"save_rate": one.save_rate, "acceptance_rate": one.acceptance_rate}) for offer_id, one in sorted(found.items())]
    return OfferRecords(items=[OfferRecord(offer_id=offer_id, **one._asdict(), **more) for offer_id, one, more in rates])
