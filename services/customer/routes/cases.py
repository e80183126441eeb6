"""HTTP in, about complaints as cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from services.customer.cases import CaseState
from services.customer.repository.cases import Position
from services.customer.schemas.cases import CaseDetail, CaseProgress, Cases, CaseView, SurveyDue, SurveysDue
from services.customer.use_cases import audit, cases, casework
from shared.errors import AuditBroken, Conflict, NotFound
from shared.openapi import raises
from shared.web import PLAIN_TEXT, Actor, InTransaction, Keys, Reading, decode_cursor, encode_cursor, moment_of

ROUTER = APIRouter(tags=["cases"])

ComplaintId = Annotated[str, Path(max_length=128, pattern=PLAIN_TEXT)]
CustomerId = Annotated[str | None, Query(max_length=128, pattern=PLAIN_TEXT)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000)]


@ROUTER.get("/cases", operation_id="list_cases", summary="The complaints: what is due first comes first", responses=raises(NotFound))
async def list_cases(
    connection: Reading,
    state: CaseState | None = None,
    overdue: bool | None = None,
    customer_id: CustomerId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Cases:
    found = await cases.list_cases(connection, state=state, overdue=overdue, customer_id=customer_id, after=_position(cursor), limit=limit)
    return Cases(items=[CaseView.model_validate(one) for one in found], next_cursor=_next(found, limit))


@ROUTER.get(
    "/cases/{complaint_id}",
    operation_id="get_case",
    summary="One complaint: its stages, who had it, everything that was reported",
    responses=raises(AuditBroken, Conflict, NotFound),
)
async def get_case(
    tx: InTransaction,
    keyring: Keys,
    actor: Actor,
    complaint_id: ComplaintId,
    customer_id: CustomerId = None,
    reveal: Annotated[bool, Query(description="What was said, in plain: goes into the audit log")] = False,
) -> CaseDetail:
    if not reveal:
        return CaseDetail.model_validate(await cases.view(tx, keyring, complaint_id, customer_id=customer_id))
    found = CaseDetail.model_validate(await cases.view(tx, keyring, complaint_id, customer_id=customer_id, show=lambda kind, value: value))
    await audit.note(tx, keyring, actor=actor, action="reveal_case", customer_id=found.customer_id, details={"complaint_id": complaint_id})
    return found


@ROUTER.post(
    "/cases/{complaint_id}/progress",
    operation_id="progress_case",
    summary="Take a complaint to a later stage; the same again changes nothing",
    responses=raises(AuditBroken, Conflict, NotFound),
)
async def progress_case(
    tx: InTransaction, keyring: Keys, actor: Actor, complaint_id: ComplaintId, body: CaseProgress, customer_id: CustomerId = None
) -> CaseDetail:
    done = await casework.progress(tx, keyring, complaint_id, customer_id=customer_id, actor=actor, **body.model_dump())
    return CaseDetail.model_validate(done)


@ROUTER.get("/surveys/due", operation_id="list_surveys_due", summary="Whom to ask whether the resolution of their complaint helped")
async def surveys_due(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> SurveysDue:
    """The answer comes back as `care.survey_answered.v1` with the `complaint_id`."""
    found = await cases.surveys_due(connection, after=_position(cursor), limit=limit)
    return SurveysDue(items=[SurveyDue.model_validate(one) for one in found], next_cursor=_next(found, limit))


def _position(cursor: str | None) -> Position | None:
    position = decode_cursor(cursor, str, str, str)
    return Position(moment_of(position[0]), position[1], position[2]) if position else None


def _next(found: Sequence[dict[str, Any]], limit: int) -> str | None:
    if len(found) < limit:
        return None
    return encode_cursor(found[-1]["due_at"].isoformat(), found[-1]["customer_id"], found[-1]["complaint_id"])
