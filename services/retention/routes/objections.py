"""What customers are told of decisions, what they refuse, and who looks at it again."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from services.retention.explaining import Language
from services.retention.repository import objections as repository
from services.retention.routes.retention import TextId
from services.retention.schemas.objections import ExplanationView, NewObjection, Objections, ReviewResult, Reviews, ReviewView
from services.retention.use_cases import objections
from shared.errors import ActorMissing, AlreadyDecided, Gone, NotFound
from shared.openapi import raises
from shared.web import Actor, InTransaction, Reading

ROUTER = APIRouter(tags=["retention"])

OF_CUSTOMER = "/customers/{customer_id}"


@ROUTER.get(
    f"{OF_CUSTOMER}/decisions/{{decision_id}}/explanation",
    operation_id="explain_decision",
    summary="A decision in plain words, for the customer",
    responses=raises(Gone, NotFound),
)
async def explain_decision(connection: Reading, customer_id: TextId, decision_id: TextId, language: Language = "en") -> ExplanationView:
    return ExplanationView.model_validate(await objections.explanation(connection, customer_id, decision_id, language))


@ROUTER.get(
    f"{OF_CUSTOMER}/objections",
    operation_id="list_objections",
    summary="What the customer refuses of automated decisions, now and before",
    responses=raises(Gone, NotFound),
)
async def list_objections(connection: Reading, customer_id: TextId) -> Objections:
    return Objections.model_validate(await objections.of(connection, customer_id))


@ROUTER.post(
    f"{OF_CUSTOMER}/objections",
    operation_id="object_to_decisions",
    summary="The customer objects: in force at once",
    status_code=201,
    responses=raises(ActorMissing, Gone, NotFound),
)
async def object_to_decisions(tx: InTransaction, actor: Actor, customer_id: TextId, body: NewObjection) -> Objections:
    """Without an Idempotency-Key: what is in force already is not objected to twice. Open tasks are cancelled, messages not on their way are held back."""
    return Objections.model_validate(await objections.object_to(tx, customer_id, body.scope, actor=actor))


@ROUTER.post(
    f"{OF_CUSTOMER}/objections/withdraw",
    operation_id="withdraw_objection",
    summary="The customer objects no more",
    responses=raises(ActorMissing, Gone, NotFound),
)
async def withdraw_objection(tx: InTransaction, actor: Actor, customer_id: TextId, body: NewObjection) -> Objections:
    return Objections.model_validate(await objections.withdraw(tx, customer_id, body.scope, actor=actor))


@ROUTER.post(
    "/decisions/{decision_id}/review",
    operation_id="request_decision_review",
    summary="A person is to look at it again",
    status_code=201,
    responses=raises(ActorMissing, Gone, NotFound),
)
async def request_decision_review(tx: InTransaction, actor: Actor, decision_id: TextId) -> ReviewView:
    return ReviewView.model_validate(await objections.request_review(tx, decision_id, actor=actor))


@ROUTER.get("/decision-reviews", operation_id="list_decision_reviews", summary="Decisions that customers want a person to look at")
async def list_decision_reviews(connection: Reading, state: Literal["open", "closed"] = "open", limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Reviews:
    """Open: who waits longest first."""
    return Reviews(items=[ReviewView.model_validate(row) for row in await repository.list_reviews(connection, state=state, limit=limit)])


@ROUTER.post(
    "/decision-reviews/{decision_id}/close",
    operation_id="close_decision_review",
    summary="What the person who looked at it found",
    responses=raises(ActorMissing, AlreadyDecided, Gone, NotFound),
)
async def close_decision_review(tx: InTransaction, actor: Actor, decision_id: TextId, body: ReviewResult) -> ReviewView:
    return ReviewView.model_validate(await objections.close_review(tx, decision_id, result=body.result, reason=body.reason, actor=actor))
