"""TMF680 Recommendation Management v4.0.0: offers that campaigns chose for the customer, then what goes with what the customer holds."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response

from services.gateway import use_cases
from services.gateway.reads import Views
from services.gateway.repository import ViewReads
from services.gateway.tmforum.listing import Chosen, Document, Listing, created, listed, matches, one
from services.gateway.tmforum.neighbours import ask, body_of
from services.gateway.tmforum.parts import Id, characteristics, customer_in, customer_ref, entity, refuse, router, shows_list, shows_one, takes
from services.gateway.tmforum.read_model import block_of
from shared.errors import InvalidRequest, NotFound

ROUTER = router("recommendationManagement", "tmf680")
PATH = "/tmf-api/recommendationManagement/v4/queryProductRecommendation"
MANDATORY = ("state", "relatedParty", "recommendationType")
RETENTION, AFFINITY, ALL = "retention", "affinity", "all"
TYPES = (RETENTION, AFFINITY, ALL)


def recommendation(customer_id: str, kind: str, *, offers: list[Document], suggestions: list[Document]) -> Document:
    """Named by what was asked, as it is answered anew each time: the offers of open tasks first, what is due first leading."""
    items = [*map(_offer, sorted(offers, key=lambda task: (-task.get("priority", 0), task["opened_at"]))), *map(_suggestion, suggestions)]
    return entity(
        PATH,
        "QueryProductRecommendation",
        f"{kind}:{customer_id}",
        recommendationType=kind,
        instantSyncRecommendation=True,
        state="done",
        relatedParty=customer_ref(customer_id),
        recommendationItem=[item | {"id": str(rank), "priority": rank} for rank, item in enumerate(items, 1)],
    )


def _offer(task: Document) -> Document:
    about = characteristics({"reason": task.get("reason"), "taskId": task["task_id"], "campaignId": task["campaign_id"]})
    offering = {"id": task["offer_id"], "@referredType": "ProductOffering"}
    return {"product": {"name": task["offer_id"], "productCharacteristic": about}, "productOffering": offering, "@type": "RecommendationItem"}


def _suggestion(rule: Document) -> Document:
    about = characteristics({"goesWith": rule["product"], "confidence": rule["confidence"], "lift": rule["lift"]})
    return {"product": {"name": rule["goes_with"], "productCharacteristic": about}, "@type": "RecommendationItem"}


@ROUTER.get(
    "/queryProductRecommendation",
    operation_id="tmf680_list_recommendation",
    summary="Recommendations for the customer of `relatedParty.id`",
    responses=shows_list("QueryProductRecommendation", MANDATORY),
)
async def list_recommendation(request: Request, views: Views, asked: Listing) -> Response:
    """Queries are answered and not kept: without `relatedParty.id` there are none."""
    found = [await _made(request, views, ALL, one) for one in sorted(asked.filters.get("relatedParty.id", ()))]
    found = [one for one in found if matches(one, asked.filters)]
    return listed(found[asked.offset : asked.offset + asked.limit], asked, len(found))


@ROUTER.get(
    "/queryProductRecommendation/{id}",
    operation_id="tmf680_retrieve_recommendation",
    summary="The same query, answered anew",
    responses=shows_one("QueryProductRecommendation", MANDATORY),
)
async def retrieve_recommendation(request: Request, views: Views, id: Id, fields: Chosen) -> Response:
    kind, _, customer_id = id.partition(":")
    if kind not in TYPES:
        raise NotFound(f"no query {id}")
    return one(await _made(request, views, kind, customer_id), fields)


@ROUTER.post(
    "/queryProductRecommendation",
    operation_id="tmf680_create_recommendation",
    summary="Ask what to recommend to a customer",
    status_code=201,
    responses=shows_one("QueryProductRecommendation", MANDATORY, status=201),
    openapi_extra=takes(
        "QueryProductRecommendation_Create", ["relatedParty"], {"relatedParty": {"id": "C-1", "@referredType": "Customer"}, "recommendationType": ALL}
    ),
)
async def create_recommendation(request: Request, views: Views) -> Response:
    """`recommendationType`: `retention` for the offers that campaigns chose and nobody made yet, `affinity` for what goes with what the customer
    holds, else both. It opens no call: an agent whose caller wants to leave asks POST /v1/save-desk/{customer_id}."""
    body = await body_of(request)
    kind = body.get("recommendationType", ALL)
    if kind not in TYPES:
        raise InvalidRequest(f"recommendationType is one of {', '.join(TYPES)}")
    return created(await _made(request, views, kind, customer_in(body.get("relatedParty"))))


async def _made(request: Request, views: ViewReads, kind: str, customer_id: str) -> Document:
    row = (await use_cases.view(views, customer_id))[0]
    offers = [] if kind == AFFINITY else _offered(row)
    suggested = [] if kind == RETENTION else (await ask(request, "segmentation", "customers", row.customer_id, "suggestions"))["items"]
    return recommendation(row.customer_id, kind, offers=offers, suggestions=suggested)


def _offered(row: sa.Row[Any]) -> list[Document]:
    return [task for task in (block_of(row, "contacts") or {"tasks": []})["tasks"] if task["status"] == "open"]


refuse(ROUTER, "DELETE", "/queryProductRecommendation/{id}", "Queries are not kept")
