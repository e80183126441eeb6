"""Messages, their receipts, and the templates they are made of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.retention.delivery import State
from services.retention.repository import messages as repository
from services.retention.routes.retention import TextId
from services.retention.schemas.messages import (
    MessageDetail,
    Messages,
    MessageView,
    NewTemplate,
    Receipt,
    TemplateKey,
    TemplatePreview,
    TemplatePreviewRequest,
    Templates,
    TemplateView,
)
from services.retention.tables import IDEMPOTENCY_KEYS
from services.retention.templates import ANY, Key
from services.retention.use_cases import messages
from shared.errors import Conflict, NotFound, PreconditionFailed
from shared.etags import IfMatch, tag, version_of
from shared.openapi import raises
from shared.web import Actor, IdempotencyKey, InTransaction, Reading, decode_cursor, encode_cursor, moment_of, once

ROUTER = APIRouter(tags=["messages"])

PlainText = r"^[^\x00-\x1f]+$"


@ROUTER.get("/messages", operation_id="list_messages", summary="Messages, in the order they were enqueued")
async def list_messages(
    connection: Reading,
    state: State | None = None,
    customer_id: Annotated[str | None, Query(max_length=128, pattern=PlainText)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Messages:
    position = decode_cursor(cursor, str, str)
    after = (moment_of(position[0]), position[1]) if position else None
    items = [MessageView.model_validate(row) for row in await messages.listed(connection, state=state, customer_id=customer_id, after=after, limit=limit)]
    last = items[-1] if len(items) == limit else None
    return Messages(items=items, next_cursor=encode_cursor(last.enqueued_at.isoformat(), last.message_id) if last else None)


@ROUTER.get("/messages/{message_id}", operation_id="get_message", summary="One message, with every attempt to send it", responses=raises(NotFound))
async def get_message(connection: Reading, message_id: TextId) -> MessageDetail:
    return MessageDetail.model_validate(await messages.message(connection, message_id))


@ROUTER.post(
    "/messages/{message_id}/receipt",
    operation_id="report_receipt",
    summary="What became of a message that was sent; the same again changes nothing",
    responses=raises(Conflict, NotFound),
)
async def report_receipt(tx: InTransaction, message_id: TextId, body: Receipt) -> MessageDetail:
    """Without an Idempotency-Key: gateways report in their own way, and a receipt is the same however often it comes."""
    return MessageDetail.model_validate(await messages.note_receipt(tx, message_id, result=body.result, reason=body.reason, at=body.at))


@ROUTER.get("/message-templates", operation_id="list_message_templates", summary="Templates with all their versions, newest first")
async def list_message_templates(
    connection: Reading,
    purpose: Annotated[str | None, Query(max_length=64, pattern=PlainText)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Templates:
    return Templates(items=[TemplateView.model_validate(row) for row in await repository.list_templates(connection, purpose=purpose, limit=limit)])


@ROUTER.post(
    "/message-templates",
    operation_id="add_message_template",
    summary="The next version of a template: in force at once",
    status_code=201,
    responses=raises(Conflict, PreconditionFailed),
)
async def add_message_template(
    tx: InTransaction, key: IdempotencyKey, actor: Actor, response: Response, body: NewTemplate, if_match: IfMatch = None
) -> TemplateView:
    """With If-Match only after that version, `"0"`: as the first one. Without it after whichever is the newest: none is lost by that."""

    async def act() -> Any:
        added = await messages.add_template(tx, _key(body), subject=body.subject, body=body.body, actor=actor, after=version_of(if_match))
        return TemplateView.model_validate(added).model_dump(mode="json")

    request = {"template": body.model_dump(), "actor": actor}
    added = TemplateView.model_validate(await once(tx, IDEMPOTENCY_KEYS, key=key, request=request, act=act))
    tag(response, added.version)
    return added


@ROUTER.post(
    "/message-templates/preview",
    operation_id="preview_message",
    summary="What a message would say, and which variables are missing",
    responses=raises(NotFound),
)
async def preview_message(connection: Reading, body: TemplatePreviewRequest) -> TemplatePreview:
    found = await messages.preview(connection, _key(body), subject=body.subject, body=body.body, variables=body.variables)
    return TemplatePreview.model_validate(found)


def _key(body: TemplateKey) -> Key:
    return Key(body.channel, body.purpose, body.language or ANY, body.segment or ANY)
