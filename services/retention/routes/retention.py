"""HTTP in: each route calls one use case."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from services.retention.repository import decisions as repository
from services.retention.schemas.retention import (
    CampaignDetail,
    Campaigns,
    CampaignView,
    CustomerDecisions,
    Offers,
    OfferView,
    OutcomeReport,
    OutcomeView,
    Reschedule,
    TaskDetail,
    Tasks,
    TaskView,
    WriteInstead,
)
from services.retention.tables import IDEMPOTENCY_KEYS
from services.retention.use_cases import alternates, views, work_list
from shared.errors import ActorMissing, BadCursor, Conflict, Gone, NotFound
from shared.etags import tag
from shared.openapi import raises
from shared.web import Actor, IdempotencyKey, InTransaction, Reading, decode_cursor, encode_cursor, once

ROUTER = APIRouter(tags=["retention"])

TextId = Annotated[str, Path(max_length=128, pattern=r"^[^\x00-\x1f]+$")]


@ROUTER.get("/tasks", operation_id="list_tasks", summary="The work list: the highest priority first, of those what is due first")
async def list_tasks(
    connection: Reading,
    status: Literal["open", "done", "cancelled"] | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Tasks:
    found = await views.tasks(connection, status=status, after=_position(cursor), limit=limit)
    items = [TaskView.model_validate(one) for one in found]
    last = items[-1] if len(items) == limit else None
    return Tasks(items=items, next_cursor=encode_cursor(last.priority, last.due_at.isoformat(), last.task_id) if last else None)


@ROUTER.get("/tasks/{task_id}", operation_id="get_task", summary="One task, and what came of it", responses=raises(NotFound))
async def get_task(connection: Reading, task_id: TextId) -> TaskDetail:
    return TaskDetail.model_validate(await views.task(connection, task_id))


@ROUTER.post(
    "/tasks/{task_id}/reschedule",
    operation_id="reschedule_task",
    summary="The customer asked for another moment, inside the hours",
    responses=raises(ActorMissing, Conflict, NotFound),
)
async def reschedule_task(tx: InTransaction, key: IdempotencyKey, actor: Actor, task_id: TextId, body: Reschedule) -> TaskDetail:
    """422 with `next_allowed` outside the recipient's calling hours, with `latest` when it is too far ahead; 409 when it was put off five times."""

    async def act() -> Any:
        await work_list.reschedule(tx, task_id, due_at=body.due_at, reason=body.reason, actor=actor)
        return {"due_at": body.due_at.isoformat()}

    await once(tx, IDEMPOTENCY_KEYS, key=key, request={"of": "reschedule", "task_id": task_id, "actor": actor, **body.model_dump(mode="json")}, act=act)
    return TaskDetail.model_validate(await views.task(tx, task_id))


@ROUTER.post(
    "/tasks/{task_id}/outcome",
    operation_id="record_outcome",
    summary="Report what came of a task: it is done then, or due again after an attempt that reached nobody",
    responses=raises(Conflict, NotFound),
)
async def record_outcome(tx: InTransaction, key: IdempotencyKey, task_id: TextId, body: OutcomeReport) -> OutcomeView:
    reported = body.model_dump()

    async def act() -> Any:
        outcome = await views.record_outcome(tx, task_id, reported)
        return OutcomeView.model_validate(outcome).model_dump(mode="json", exclude={"note"})

    # The kept answer goes without the note: what is written about a person is stored in one place only.
    answered = await once(tx, IDEMPOTENCY_KEYS, key=key, request={"task_id": task_id, **reported}, act=act)
    return OutcomeView.model_validate(answered | {"note": body.note})


@ROUTER.post(
    "/tasks/{task_id}/message",
    operation_id="write_instead",
    summary="Write where the call reached nobody: one message, the task stays open",
    responses=raises(ActorMissing, Conflict, NotFound),
)
async def write_instead(tx: InTransaction, key: IdempotencyKey, actor: Actor, task_id: TextId, body: WriteInstead) -> TaskDetail:
    """409 with the reason: not agreed to, not reachable, no template, a complaint is open, or written to already."""

    async def act() -> Any:
        await alternates.write_instead(tx, task_id, channel=body.channel, actor=actor)
        return {"channel": body.channel}

    await once(tx, IDEMPOTENCY_KEYS, key=key, request={"of": "message", "task_id": task_id, "actor": actor, **body.model_dump()}, act=act)
    return TaskDetail.model_validate(await views.task(tx, task_id))


@ROUTER.get("/campaigns", operation_id="list_campaigns", summary="All campaigns")
async def list_campaigns(connection: Reading) -> Campaigns:
    return Campaigns(items=[CampaignView.model_validate(row) for row in await repository.list_campaigns(connection)])


@ROUTER.get(
    "/campaigns/{campaign_id}", operation_id="get_campaign", summary="One campaign, with counts per arm, verdict, gate and outcome", responses=raises(NotFound)
)
async def get_campaign(connection: Reading, response: Response, campaign_id: TextId) -> CampaignDetail:
    """Its ETag is the revision of what it does, for If-Match: the counts change under it."""
    found = CampaignDetail.model_validate(await views.campaign(connection, campaign_id))
    tag(response, found.revision)
    return found


@ROUTER.get(
    "/customers/{customer_id}/decisions", operation_id="list_decisions", summary="Why this customer was contacted, or was not", responses=raises(Gone, NotFound)
)
async def list_decisions(connection: Reading, customer_id: TextId) -> CustomerDecisions:
    return CustomerDecisions.model_validate(await views.decisions(connection, customer_id))


@ROUTER.get("/offers", operation_id="list_offers", summary="The offer catalogue")
async def list_offers(connection: Reading) -> Offers:
    return Offers(items=[OfferView.model_validate(offer) for offer in await views.offers(connection)])


def _position(cursor: str | None) -> tuple[int, datetime, str] | None:
    position = decode_cursor(cursor, int, str, str)
    if position is None:
        return None
    priority, due_at, task_id = position
    try:
        moment = datetime.fromisoformat(due_at)
    except ValueError:
        raise BadCursor from None
    if moment.tzinfo is None or not 0 <= priority <= 100 or not task_id.isprintable():
        raise BadCursor
    return priority, moment, task_id
