"""Receipts of decisions."""

from __future__ import annotations

from fastapi import APIRouter

from services.retention.routes.retention import TextId
from services.retention.schemas.receipts import Receipt, Recomputed
from services.retention.use_cases import receipts
from shared.errors import Conflict, Gone, NotFound
from shared.openapi import raises
from shared.web import Reading

ROUTER = APIRouter(tags=["retention"])


@ROUTER.get(
    "/decisions/{decision_id}",
    operation_id="get_decision",
    summary="The receipt of a decision: every gate with its values, and all it looked at",
    responses=raises(Gone, NotFound),
)
async def get_decision(connection: Reading, decision_id: TextId) -> Receipt:
    return Receipt.model_validate(await receipts.of(connection, decision_id))


@ROUTER.get(
    "/decisions/{decision_id}/recomputed",
    operation_id="recompute_decision",
    summary="Whether the stored inputs give the same decision",
    responses=raises(Conflict, Gone, NotFound),
)
async def recompute_decision(connection: Reading, decision_id: TextId) -> Recomputed:
    """By today's rules. When they are others than those that decided, it says so, and what they would decide otherwise."""
    return Recomputed.model_validate(await receipts.recomputed(connection, decision_id))
