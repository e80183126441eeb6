"""Loyalty points over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.retention.repository import loyalty as repository
from services.retention.routes.retention import TextId
from services.retention.schemas.loyalty import LedgerCheck, LoyaltyView, Members, MemberView, RedemptionRequest, RedemptionView
from services.retention.tables import IDEMPOTENCY_KEYS
from services.retention.use_cases import loyalty
from shared.errors import ActorMissing, Gone, NotEnoughPoints, NotFound
from shared.openapi import raises
from shared.web import Actor, IdempotencyKey, InTransaction, Reading, decode_cursor, encode_cursor, once

ROUTER = APIRouter(tags=["loyalty"])


@ROUTER.get("/loyalty-ledger/verify", operation_id="verify_loyalty", summary="Whether the ledger of points adds up, and what does not")
async def verify_loyalty(connection: Reading) -> LedgerCheck:
    return LedgerCheck.model_validate(await loyalty.verify(connection))


@ROUTER.get("/loyalty", operation_id="list_loyalty_members", summary="The members of the club and their levels, by id")
async def list_loyalty_members(
    connection: Reading, limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: Annotated[str | None, Query(max_length=1000)] = None
) -> Members:
    (after,) = decode_cursor(cursor, str) or (None,)
    items = [MemberView.model_validate(row) for row in await repository.list_members(connection, after=after, limit=limit)]
    return Members(items=items, next_cursor=encode_cursor(items[-1].customer_id) if len(items) == limit else None)


@ROUTER.get(
    "/loyalty/{customer_id}",
    operation_id="get_loyalty",
    summary="Points, when they expire, the level in the club, and the last entries",
    responses=raises(Gone, NotFound),
)
async def get_loyalty(connection: Reading, customer_id: TextId) -> LoyaltyView:
    return LoyaltyView.model_validate(await loyalty.view(connection, customer_id))


@ROUTER.post(
    "/loyalty/{customer_id}/redeem",
    operation_id="redeem_points",
    summary="Spend points; 409 `not_enough_points` when fewer are there",
    responses=raises(ActorMissing, Gone, NotEnoughPoints, NotFound),
)
async def redeem_points(tx: InTransaction, key: IdempotencyKey, actor: Actor, customer_id: TextId, body: RedemptionRequest) -> RedemptionView:
    asked = body.model_dump()

    async def act() -> Any:
        made = await loyalty.redeem(tx, customer_id, **asked, actor=actor)
        return RedemptionView.model_validate(made).model_dump(mode="json")

    # The kept answer names nobody: it outlives an erasure.
    return RedemptionView.model_validate(await once(tx, IDEMPOTENCY_KEYS, key=key, request={"customer_id": customer_id, **asked}, act=act))
