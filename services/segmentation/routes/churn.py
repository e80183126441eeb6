"""Churn scores with reasons, and the life of the models that make them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.segmentation.churn.populations import Population
from services.segmentation.repository import churn as repository
from services.segmentation.routes.parts import Cursor, CustomerId, Limit, Moment
from services.segmentation.schemas import churn as bodies
from services.segmentation.use_cases import champions, explaining
from shared.errors import ActorMissing, AlreadyDecided, BadCursor, Gone, NotFound, NothingToRollBack, SecondPersonNeeded
from shared.openapi import Responses, raises
from shared.web import Actor, InTransaction, Reading, decode_cursor, encode_cursor

ROUTER = APIRouter(tags=["churn"])

FILE: Responses = {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "description": "As ONNX"}}
Version = Annotated[int, Path(ge=1, le=2**62)]


@ROUTER.get(
    "/customers/{customer_id}/churn", operation_id="get_churn_score", summary="How likely the customer leaves, and why", responses=raises(Gone, NotFound)
)
async def get_churn_score(
    connection: Reading, customer_id: CustomerId, as_of: Annotated[Moment | None, Query(description="As it was known then")] = None
) -> bodies.ChurnView:
    found = await (explaining.now(connection, customer_id) if as_of is None else explaining.as_of(connection, customer_id, as_of))
    return bodies.ChurnView.model_validate(found)


@ROUTER.get("/churn/scores", operation_id="list_churn_scores", summary="Customers by their probability to leave, likeliest first")
async def list_churn_scores(
    connection: Reading,
    at_least: Annotated[float, Query(ge=0, le=1)] = 0.0,
    population: Population | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> bodies.Likely:
    rows = await repository.list_likely(connection, at_least=at_least, population=population, before=_likelihood(cursor), limit=limit)
    return bodies.Likely(
        items=[bodies.LikelyItem.model_validate(row) for row in rows],
        next_cursor=encode_cursor(repr(rows[-1].probability), rows[-1].customer_id) if len(rows) == limit else None,
    )


@ROUTER.get("/churn/health", operation_id="get_churn_health", summary="Whether the models still say what comes true: drift and calibration")
async def get_churn_health(connection: Reading) -> bodies.Health:
    return bodies.Health.model_validate(await explaining.health(connection))


@ROUTER.get("/churn/models", operation_id="list_churn_models", summary="What scores now, and all registered models, newest first")
async def list_churn_models(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> bodies.ChurnModels:
    (before,) = decode_cursor(cursor, int) or (None,)
    found = await champions.list_all(connection, before=before, limit=limit)
    items = found["items"]
    return bodies.ChurnModels.model_validate(found | {"next_cursor": encode_cursor(items[-1]["version"]) if len(items) == limit else None})


@ROUTER.post(
    "/churn/models", operation_id="register_churn_model", summary="Hand in a model that `make train` wrote", status_code=201, responses=raises(ActorMissing)
)
async def register_churn_model(tx: InTransaction, actor: Actor, body: bodies.NewModel) -> bodies.ModelView:
    """It scores nobody until it is put in shadow or promoted. The same file again is the same model."""
    return bodies.ModelView.model_validate(await champions.register(tx, body.content_base64, actor=actor))


@ROUTER.get("/churn/models/{version}", operation_id="get_churn_model", summary="One model and its card", responses=raises(NotFound))
async def get_churn_model(connection: Reading, version: Version) -> bodies.ModelView:
    return bodies.ModelView.model_validate(await champions.get(connection, version))


@ROUTER.get(
    "/churn/models/{version}/file",
    operation_id="download_churn_model",
    summary="The file itself",
    response_class=Response,
    responses=raises(NotFound, also=FILE),
)
async def download_churn_model(connection: Reading, version: Version) -> Response:
    return Response(await champions.content(connection, version), media_type="application/octet-stream")


@ROUTER.post(
    "/churn/models/{version}/shadow",
    operation_id="shadow_churn_model",
    summary="Score beside the champion, to compare",
    responses=raises(ActorMissing, AlreadyDecided, NotFound),
)
async def shadow_churn_model(tx: InTransaction, actor: Actor, version: Version) -> bodies.ModelView:
    return bodies.ModelView.model_validate(await champions.shadow(tx, version, actor=actor))


@ROUTER.post(
    "/churn/models/{version}/promote",
    operation_id="promote_churn_model",
    summary="By a second person: the champion from now on",
    responses=raises(AlreadyDecided, NotFound, SecondPersonNeeded),
)
async def promote_churn_model(tx: InTransaction, actor: Actor, version: Version, body: bodies.ModelReason) -> bodies.ModelView:
    """409 `second_person_needed` for who registered it and for who has no name."""
    return bodies.ModelView.model_validate(await champions.promote(tx, version, actor=actor, reason=body.reason))


@ROUTER.post(
    "/churn/models/{version}/retire", operation_id="retire_churn_model", summary="Out of the shadow", responses=raises(ActorMissing, AlreadyDecided, NotFound)
)
async def retire_churn_model(tx: InTransaction, actor: Actor, version: Version, body: bodies.ModelReason) -> bodies.ModelView:
    return bodies.ModelView.model_validate(await champions.retire(tx, version, actor=actor, reason=body.reason))


@ROUTER.post(
    "/churn/models/{version}/rollback",
    operation_id="roll_back_churn_model",
    summary="The champion before it is back at once",
    responses=raises(ActorMissing, NotFound, NothingToRollBack),
)
async def roll_back_churn_model(tx: InTransaction, actor: Actor, version: Version, body: bodies.ModelReason) -> bodies.ModelRolledBack:
    return bodies.ModelRolledBack.model_validate(await champions.roll_back(tx, version, actor=actor, reason=body.reason))


def _likelihood(cursor: str | None) -> tuple[float, str] | None:
    """A probability, exact, and an id."""
    parts = decode_cursor(cursor, str, str)
    try:
        return (float(parts[0]), parts[1]) if parts else None
    except ValueError:
        raise BadCursor from None
