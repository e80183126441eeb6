"""The save desk."""

from __future__ import annotations

from fastapi import APIRouter

from services.retention.routes.retention import TextId
from services.retention.schemas.save_desk import DeskCall
from services.retention.use_cases import save_desk
from shared.errors import Conflict, Gone, NotFound
from shared.openapi import raises
from shared.web import Actor, IdempotencyKey, InTransaction

ROUTER = APIRouter(tags=["retention"])


@ROUTER.post(
    "/save-desk/{customer_id}",
    operation_id="open_save_desk_call",
    summary="A caller wants to leave: risk, reasons, offers, script",
    status_code=201,
    responses=raises(Conflict, Gone, NotFound),
)
async def open_save_desk_call(tx: InTransaction, key: IdempotencyKey, actor: Actor, customer_id: TextId) -> DeskCall:
    """The Idempotency-Key names the call: asked again it is the same task. The outcome goes to `POST /tasks/{task_id}/outcome`, with `offer_id`
    when another offer than the first was taken."""
    # No answer is kept: what the reasons say of a person is stored in one place only, and the call is known by its decision.
    return DeskCall.model_validate(await save_desk.open_call(tx, customer_id, agent=actor, call_id=key))
