"""RFM scores, segments, warnings, and one customer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.segmentation.repository import alerts
from services.segmentation.routes.parts import Cursor, CustomerId, Limit, Moment, OfCustomer, position
from services.segmentation.schemas.scores import Alerts, AlertView, CustomerView, RecutRequest, RecutRequested, Recuts, RecutView, Segments
from services.segmentation.tables import IDEMPOTENCY
from services.segmentation.use_cases import recut, views
from shared.contracts.segmentation import AlertKind
from shared.errors import Gone, NotFound
from shared.openapi import raises
from shared.web import IdempotencyKey, InTransaction, Reading, decode_cursor, encode_cursor, once

ROUTER = APIRouter(tags=["segmentation"])


@ROUTER.get("/segments", operation_id="count_segments", summary="Customers per population and named segment")
async def count_segments(connection: Reading) -> Segments:
    return Segments.model_validate({"populations": await views.segments(connection)})


@ROUTER.get(
    "/customers/{customer_id}",
    operation_id="get_customer_segmentation",
    summary="Features, RFM scores and open alerts of one customer",
    responses=raises(Gone, NotFound),
)
async def get_customer(
    connection: Reading,
    customer_id: CustomerId,
    as_of: Annotated[Moment | None, Query(description="As it was known then")] = None,
) -> CustomerView:
    found = await (views.customer(connection, customer_id) if as_of is None else views.customer_as_of(connection, customer_id, as_of))
    return CustomerView.model_validate(found)


@ROUTER.get("/alerts", operation_id="list_alerts", summary="Warnings, newest first")
async def list_alerts(
    connection: Reading,
    kind: AlertKind | None = None,
    customer_id: OfCustomer = None,
    since: Annotated[Moment | None, Query(description="Raised then or later")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Alerts:
    rows = await alerts.list_alerts(connection, kind=kind, customer_id=customer_id, since=since, before=position(cursor), limit=limit)
    return Alerts(
        items=[AlertView.model_validate(row) for row in rows],
        next_cursor=encode_cursor(rows[-1].raised_at.isoformat(), rows[-1].alert_id) if len(rows) == limit else None,
    )


@ROUTER.get("/rfm/cuts", operation_id="list_cuts", summary="The versions of the cut points, newest first")
async def list_cuts(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> Recuts:
    (before,) = decode_cursor(cursor, int) or (None,)
    found = await views.recuts(connection, before=before, limit=limit)
    return Recuts(items=[RecutView.model_validate(one) for one in found], next_cursor=encode_cursor(found[-1]["version"]) if len(found) == limit else None)


@ROUTER.post("/rfm/recut", operation_id="request_recut", summary="Cut the scores anew over all customers", status_code=202)
async def request_recut(tx: InTransaction, key: IdempotencyKey, body: RecutRequest) -> RecutRequested:
    """The worker does it, within seconds for small populations: `GET /rfm/cuts` says when this version is finished."""

    async def act() -> dict[str, Any]:
        return await recut.request(tx, as_of=body.as_of)

    return RecutRequested.model_validate(await once(tx, IDEMPOTENCY, key=key, request=body.model_dump(mode="json"), act=act))
