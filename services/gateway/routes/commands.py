"""What another service owns, passed on to it: its answer is the answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.gateway.forwarding import forward
from services.gateway.schemas import OutcomeReport, RecutRequest
from shared.dead_letter_routes import DeadId, DeadLetter, DeadLetters, Replay
from shared.web import idempotency_key

ROUTER = APIRouter(prefix="/v1")

CustomerId = Annotated[str, Path(max_length=128, examples=["C-1"])]
TaskId = Annotated[str, Path(max_length=128)]
CampaignId = Annotated[str, Path(max_length=128, examples=["save-on-warning"])]
# The gateway's own dead letters are not passed on: api.py has them.
Owner = Annotated[Literal["customer", "segmentation", "retention"], Path(description="Who could not apply the record")]


def _paged(
    limit: Annotated[int | None, Query(ge=1, le=200)] = None,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")] = None,
) -> None:
    """For the documentation: the query is passed on as it is."""


def _documented(model: type[BaseModel]) -> dict[str, Any]:
    """A body that the owner of the resource validates."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


PAGED = [Depends(_paged)]
ONCE = [Depends(idempotency_key)]


@ROUTER.post(
    "/tasks/{task_id}/outcome",
    operation_id="report_outcome",
    summary="Report what came of a task",
    tags=["tasks"],
    dependencies=ONCE,
    openapi_extra=_documented(OutcomeReport),
)
async def report_outcome(request: Request, task_id: TaskId) -> Response:
    return await forward(request, "retention", "tasks", task_id, "outcome")


@ROUTER.get("/segments", operation_id="count_segments", summary="Customers per population and named segment", tags=["segments"])
async def count_segments(request: Request) -> Response:
    return await forward(request, "segmentation", "segments")


@ROUTER.get("/rfm/cuts", operation_id="list_cuts", summary="The versions of the cut points, newest first", tags=["segments"], dependencies=PAGED)
async def list_cuts(request: Request) -> Response:
    return await forward(request, "segmentation", "rfm", "cuts")


@ROUTER.post(
    "/rfm/recut",
    operation_id="request_recut",
    summary="Cut the RFM scores anew over all customers",
    tags=["segments"],
    status_code=202,
    dependencies=ONCE,
    openapi_extra=_documented(RecutRequest),
)
async def request_recut(request: Request) -> Response:
    return await forward(request, "segmentation", "rfm", "recut")


@ROUTER.get("/customers/{customer_id}/decisions", operation_id="list_decisions", summary="Why the customer was contacted, or not", tags=["retention"])
async def list_decisions(request: Request, customer_id: CustomerId) -> Response:
    return await forward(request, "retention", "customers", customer_id, "decisions")


@ROUTER.get("/campaigns", operation_id="list_campaigns", summary="All campaigns", tags=["retention"])
async def list_campaigns(request: Request) -> Response:
    return await forward(request, "retention", "campaigns")


@ROUTER.get("/campaigns/{campaign_id}", operation_id="get_campaign", summary="One campaign, with counts per arm and outcome", tags=["retention"])
async def get_campaign(request: Request, campaign_id: CampaignId) -> Response:
    return await forward(request, "retention", "campaigns", campaign_id)


@ROUTER.post("/campaigns/{campaign_id}/pause", operation_id="pause_campaign", summary="Contact nobody from now on", tags=["retention"])
async def pause_campaign(request: Request, campaign_id: CampaignId) -> Response:
    return await forward(request, "retention", "campaigns", campaign_id, "pause")


@ROUTER.post("/campaigns/{campaign_id}/resume", operation_id="resume_campaign", summary="Contact again", tags=["retention"])
async def resume_campaign(request: Request, campaign_id: CampaignId) -> Response:
    return await forward(request, "retention", "campaigns", campaign_id, "resume")


@ROUTER.get("/offers", operation_id="list_offers", summary="The offer catalogue", tags=["retention"])
async def list_offers(request: Request) -> Response:
    return await forward(request, "retention", "offers")


@ROUTER.get("/reconciliation", operation_id="get_reconciliation", summary="What was accepted, and what became of it", tags=["operations"])
async def get_reconciliation(request: Request, recount: Annotated[bool, Query(description="Count the stored facts too: slow on millions")] = False) -> Response:
    return await forward(request, "customer", "reconciliation")


@ROUTER.get("/parked", operation_id="list_parked", summary="Events that wait for their customer to appear", tags=["operations"], dependencies=PAGED)
async def list_parked(request: Request) -> Response:
    return await forward(request, "customer", "parked")


@ROUTER.get(
    "/dead-letters/{service}",
    operation_id="list_dead_letters",
    summary="Records that a service could not apply, oldest first",
    tags=["dead letters"],
    dependencies=PAGED,
    responses={200: {"model": DeadLetters}},
)
async def list_dead_letters(request: Request, service: Owner, status: Literal["dead", "replayed"] | None = None) -> Response:
    return await forward(request, service, "dead-letters")


@ROUTER.get(
    "/dead-letters/{service}/{dead_id}",
    operation_id="get_dead_letter",
    summary="One of them, with its bytes",
    tags=["dead letters"],
    responses={200: {"model": DeadLetter}},
)
async def get_dead_letter(request: Request, service: Owner, dead_id: DeadId) -> Response:
    return await forward(request, service, "dead-letters", str(dead_id))


@ROUTER.post(
    "/dead-letters/{service}/{dead_id}/replay",
    operation_id="replay_dead_letter",
    summary="Publish it again, corrected or as it was",
    tags=["dead letters"],
    status_code=202,
    responses={202: {"model": DeadLetter}},
    openapi_extra=_documented(Replay),
)
async def replay_dead_letter(request: Request, service: Owner, dead_id: DeadId) -> Response:
    return await forward(request, service, "dead-letters", str(dead_id), "replay")
