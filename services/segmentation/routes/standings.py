"""Tiers, lifecycle, moments, migration, arrears, the churn definition, what was learned, and the pictures of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.segmentation.repository import standings
from services.segmentation.routes.parts import Cursor, CustomerId, Day, Limit, OfCustomer, position
from services.segmentation.schemas import standings as bodies
from services.segmentation.tables import IDEMPOTENCY
from services.segmentation.use_cases import drawing, learning, overviews
from shared.contracts.segmentation import Moment
from shared.errors import Gone, NotFound
from shared.openapi import Responses, raises
from shared.web import IdempotencyKey, InTransaction, Reading, decode_cursor, encode_cursor, once

ROUTER = APIRouter()

SVG: Responses = {200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}, "description": "The picture, light or dark as the reader prefers"}}
Since = Annotated[Day, Query(alias="from")]
Until = Annotated[Day, Query(alias="to")]
Population = Annotated[str | None, Query(max_length=64)]


@ROUTER.get("/tiers", tags=["standings"], operation_id="get_tiers", summary="The value pyramid: tiers, grades, stars and categories")
async def get_tiers(connection: Reading) -> bodies.Pyramid:
    return bodies.Pyramid.model_validate(await overviews.pyramid(connection))


@ROUTER.get("/lifecycle", tags=["standings"], operation_id="get_lifecycle", summary="Customers by stage, and the state machine")
async def get_lifecycle(connection: Reading) -> bodies.LifecycleView:
    return bodies.LifecycleView.model_validate(await overviews.stages(connection))


@ROUTER.get("/moments", tags=["standings"], operation_id="list_moments", summary="The moments that customers reached, newest first")
async def list_moments(
    connection: Reading, moment: Moment | None = None, customer_id: OfCustomer = None, limit: Limit = 50, cursor: Cursor = None
) -> bodies.Moments:
    rows = await standings.list_moments(connection, moment=moment, customer_id=customer_id, before=position(cursor), limit=limit)
    return bodies.Moments(
        items=[bodies.MomentView.model_validate(row) for row in rows],
        next_cursor=encode_cursor(rows[-1].reached_at.isoformat(), rows[-1].moment_id) if len(rows) == limit else None,
    )


@ROUTER.get("/migration", tags=["standings"], operation_id="get_migration", summary="From where to where customers moved between two days")
async def get_migration(connection: Reading, since: Since, until: Until, of: bodies.Migrated = "segment") -> bodies.Migration:
    return bodies.Migration.model_validate(await overviews.migration(connection, of, since, until))


@ROUTER.get("/arrears", tags=["standings"], operation_id="list_arrears", summary="Who owes, most first")
async def list_arrears(
    connection: Reading, level: Annotated[int, Query(ge=1, le=4, description="Dunning level at least")] = 1, limit: Limit = 50, cursor: Cursor = None
) -> bodies.Arrears:
    before = decode_cursor(cursor, int, str)
    rows = await standings.list_worst(connection, level=level, before=(before[0], before[1]) if before else None, limit=limit)
    return bodies.Arrears(
        items=[bodies.ArrearsItem.model_validate(row) for row in rows],
        next_cursor=encode_cursor(rows[-1].owed_minor, rows[-1].customer_id) if len(rows) == limit else None,
    )


@ROUTER.get("/segments/map", tags=["segmentation"], operation_id="get_segment_map", summary="Recency against habit, with customers and their mean value")
async def get_segment_map(connection: Reading, population: Population = None) -> bodies.SegmentMap:
    return bodies.SegmentMap.model_validate({"population": population, "cells": await overviews.segment_map(connection, population)})


@ROUTER.get("/models", tags=["learning"], operation_id="list_models", summary="What was learned from all customers, and what could not be")
async def list_models(connection: Reading) -> bodies.Models:
    return bodies.Models.model_validate({"items": await overviews.models(connection)})


@ROUTER.post("/models/learn", tags=["learning"], operation_id="learn_models", summary="Learn anew, whatever the day", status_code=202)
async def learn_models(tx: InTransaction, key: IdempotencyKey, body: bodies.LearnRequest) -> bodies.LearnRequest:
    """The worker does it; `GET /models` shows the new version, or why there is none."""

    async def act() -> dict[str, list[str]]:
        await learning.want(tx, list(body.kinds))
        return {"kinds": list(body.kinds)}

    return bodies.LearnRequest.model_validate(await once(tx, IDEMPOTENCY, key=key, request=body.model_dump(mode="json"), act=act))


@ROUTER.get("/clusters", tags=["learning"], operation_id="get_clusters", summary="The behaviour clusters in force", responses=raises(NotFound))
async def get_clusters(connection: Reading) -> bodies.Clusters:
    return bodies.Clusters.model_validate(await overviews.clusters(connection))


@ROUTER.get("/affinity", tags=["learning"], operation_id="list_affinity", summary="Which products go together, the surest first")
async def list_affinity(connection: Reading, product: Population = None) -> bodies.Rules:
    return bodies.Rules.model_validate(await overviews.affinity(connection, product))


@ROUTER.get(
    "/customers/{customer_id}/suggestions",
    tags=["learning"],
    operation_id="list_suggestions",
    summary="What goes with what the customer holds",
    responses=raises(Gone, NotFound),
)
async def list_suggestions(connection: Reading, customer_id: CustomerId) -> bodies.Rules:
    return bodies.Rules.model_validate(await overviews.suggestions(connection, customer_id))


@ROUTER.get("/churn/rate", tags=["churn"], operation_id="get_churn_rate", summary="Who of those here on a day left within the horizon")
async def get_churn_rate(connection: Reading, observed_on: Day) -> bodies.ChurnRateView:
    return bodies.ChurnRateView.model_validate(await overviews.churn_rate(connection, observed_on))


@ROUTER.get(
    "/customers/{customer_id}/churn-label",
    tags=["churn"],
    operation_id="get_churn_label",
    summary="Stayed, churned, excluded or not known yet",
    responses=raises(Gone, NotFound),
)
async def get_churn_label(connection: Reading, customer_id: CustomerId, observed_on: Day) -> bodies.ChurnLabelView:
    return bodies.ChurnLabelView.model_validate(await overviews.churn_label(connection, customer_id, observed_on))


@ROUTER.get("/pictures/segment-map.svg", tags=["pictures"], operation_id="draw_segment_map", summary="The segment map", response_class=Response, responses=SVG)
async def draw_segment_map(connection: Reading, population: Population = None) -> Response:
    return _svg(await drawing.segment_map(connection, population))


@ROUTER.get("/pictures/migration.svg", tags=["pictures"], operation_id="draw_migration", summary="Migration", response_class=Response, responses=SVG)
async def draw_migration(connection: Reading, since: Since, until: Until, of: bodies.Migrated = "segment") -> Response:
    return _svg(await drawing.migration(connection, of, since, until))


@ROUTER.get("/pictures/value-pyramid.svg", tags=["pictures"], operation_id="draw_pyramid", summary="The value pyramid", response_class=Response, responses=SVG)
async def draw_pyramid(connection: Reading) -> Response:
    return _svg(await drawing.pyramid(connection))


@ROUTER.get(
    "/pictures/revenue-at-risk.svg", tags=["pictures"], operation_id="draw_revenue_at_risk", summary="The trend", response_class=Response, responses=SVG
)
async def draw_revenue_at_risk(connection: Reading, by: Annotated[Literal["brand", "region", "tier", "cause"] | None, Query()] = None) -> Response:
    return _svg(await drawing.revenue_at_risk(connection, by))


def _svg(drawn: str) -> Response:
    return Response(drawn, media_type="image/svg+xml")
