"""HTTP in: duplicates under review, and the block list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.customer.repository import matching as repository
from services.customer.schemas.matching import BlockedValue, BlockList, BlockRequest, MatchKeys, Review, ReviewDecision, Reviews, ReviewState
from services.customer.use_cases import matching
from shared.errors import AlreadyDecided, AlreadyMerged, AuditBroken, Conflict, Gone, NotFound, TellsNothing
from shared.openapi import raises
from shared.web import PLAIN_TEXT, Actor, InTransaction, Keys, Reading, decode_cursor, encode_cursor

ROUTER = APIRouter(tags=["duplicates"])

ReviewId = Annotated[int, Path(ge=1, le=2**62)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000)]


@ROUTER.get("/reviews", operation_id="list_reviews", summary="Customers who may be one person")
async def list_reviews(connection: Reading, state: ReviewState | None = None, limit: Limit = 50, cursor: Cursor = None) -> Reviews:
    (after,) = decode_cursor(cursor, int) or (0,)
    found = await matching.reviews(connection, state=state, after=after, limit=limit)
    following = encode_cursor(found[-1]["review_id"]) if len(found) == limit else None
    return Reviews(items=[Review.model_validate(one) for one in found], next_cursor=following)


@ROUTER.get("/reviews/{review_id}", operation_id="get_review", summary="One pair, what they share and what was decided", responses=raises(NotFound))
async def get_review(connection: Reading, review_id: ReviewId) -> Review:
    return Review.model_validate(await matching.review(connection, review_id))


@ROUTER.post(
    "/reviews/{review_id}",
    operation_id="decide_review",
    summary="They are one person, or two",
    responses=raises(AlreadyDecided, AlreadyMerged, AuditBroken, Conflict, NotFound),
)
async def decide_review(tx: InTransaction, keyring: Keys, actor: Actor, review_id: ReviewId, body: ReviewDecision) -> Review:
    return Review.model_validate(await matching.decide(tx, keyring, review_id, decision=body.decision, actor=actor, note=body.note))


@ROUTER.get(
    "/customers/{customer_id}/matches",
    operation_id="list_matches",
    summary="What the customer is compared by, and who has it too",
    responses=raises(Gone, NotFound),
)
async def list_matches(connection: Reading, customer_id: Annotated[str, Path(max_length=128, pattern=PLAIN_TEXT)]) -> MatchKeys:
    return MatchKeys.model_validate({"items": await matching.matches(connection, customer_id)})


@ROUTER.get("/block-list", operation_id="list_blocked", summary="Values that are no evidence")
async def list_blocked(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> BlockList:
    (after,) = decode_cursor(cursor, str) or ("",)
    rows = await repository.list_blocked(connection, after=after, limit=limit)
    following = encode_cursor(rows[-1].part) if len(rows) == limit else None
    return BlockList(items=[BlockedValue.model_validate(row, from_attributes=True) for row in rows], next_cursor=following)


@ROUTER.post(
    "/block-list",
    operation_id="block_value",
    summary="A value many share is no evidence from now on",
    status_code=201,
    responses=raises(AuditBroken, TellsNothing),
)
async def block_value(tx: InTransaction, keyring: Keys, actor: Actor, body: BlockRequest) -> BlockedValue:
    return BlockedValue.model_validate(await matching.block(tx, keyring, body.kind, body.value, actor=actor, note=body.note))


@ROUTER.delete("/block-list/{part}", operation_id="unblock_value", summary="It is evidence again", status_code=204, responses=raises(AuditBroken, NotFound))
async def unblock_value(tx: InTransaction, keyring: Keys, actor: Actor, part: Annotated[str, Path(max_length=100, pattern=PLAIN_TEXT)]) -> Response:
    await matching.unblock(tx, keyring, part, actor=actor)
    return Response(status_code=204)
