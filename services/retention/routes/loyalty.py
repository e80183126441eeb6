"""Loyalty points over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.retention.routes.retention import TextId
from services.retention.schemas.loyalty import LedgerCheck, LoyaltyView, RedemptionRequest, RedemptionView
from services.retention.tables import IDEMPOTENCY_KEYS
from services.retention.use_cases import loyalty
from shared.web import Actor, IdempotencyKey, InTransaction, Reading, once

ROUTER = APIRouter(tags=["loyalty"])


@ROUTER.get("/loyalty-ledger/verify", operation_id="verify_loyalty", summary="Whether the ledger of points adds up, and what does not")
async def verify_loyalty(connection: Reading) -> LedgerCheck:
    return LedgerCheck.model_validate(await loyalty.verify(connection))


@ROUTER.get("/loyalty/{customer_id}", operation_id="get_loyalty", summary="Points, when they expire, the level in the club, and the last entries")
async def get_loyalty(connection: Reading, customer_id: TextId) -> LoyaltyView:
    return LoyaltyView.model_validate(await loyalty.view(connection, customer_id))


@ROUTER.post("/loyalty/{customer_id}/redeem", operation_id="redeem_points", summary="Spend points; 409 `not_enough_points` when fewer are there")
async def redeem_points(tx: InTransaction, key: IdempotencyKey, actor: Actor, customer_id: TextId, body: RedemptionRequest) -> RedemptionView:
    asked = body.model_dump()

    async def act() -> Any:
        made = await loyalty.redeem(tx, customer_id, **asked, actor=actor)
        return RedemptionView.model_validate(made).model_dump(mode="json")

    # The kept answer names nobody: it outlives an erasure.
    return RedemptionView.model_validate(await once(tx, IDEMPOTENCY_KEYS, key=key, request={"customer_id": customer_id, **asked}, act=act))
