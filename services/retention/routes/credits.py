"""Credits over HTTP: proposed, decided by a person; and what they are computed by."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.retention import service_levels
from services.retention.compensation import State
from services.retention.repository import credits as repository
from services.retention.routes.retention import TextId
from services.retention.schemas import credits as bodies
from services.retention.service_levels import grade_of
from services.retention.use_cases import calendars, works
from services.retention.use_cases import credits as use_cases
from shared.errors import ActorMissing, AlreadyDecided, Gone, NotFound, SecondPersonNeeded, StaleDraft
from shared.etags import CHANGING, IfMatch, over, tag
from shared.openapi import raises
from shared.web import Actor, InTransaction, Reading, decode_cursor, encode_cursor, moment_of

ROUTER = APIRouter(tags=["credits"])

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000)]
Region = Annotated[str, Path(max_length=64, pattern=r"^[^\x00-\x1f]+$")]
CustomerId = Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00-\x1f]+$")]


@ROUTER.get("/credits", operation_id="list_credits", summary="Credits, in the order they were proposed", responses=raises(Gone, NotFound))
async def list_credits(
    connection: Reading, state: State | None = None, customer_id: CustomerId = None, limit: Limit = 50, cursor: Cursor = None
) -> bodies.Credits:
    """Of a customer who was merged: those of all ids."""
    found = await use_cases.listed(connection, state=state, customer_id=customer_id, after=_position(cursor), limit=limit)
    items = [bodies.CreditView.model_validate(row) for row in found]
    last = items[-1] if len(items) == limit else None
    return bodies.Credits(items=items, next_cursor=encode_cursor(last.proposed_at.isoformat(), last.credit_id) if last else None)


@ROUTER.get("/credits/{credit_id}", operation_id="get_credit", summary="One credit, and how it was computed", responses=raises(NotFound))
async def get_credit(connection: Reading, credit_id: TextId) -> bodies.CreditView:
    return bodies.CreditView.model_validate(await use_cases.view(connection, credit_id))


@ROUTER.post(
    "/credits/{credit_id}/approve",
    operation_id="approve_credit",
    summary="By a person with a name: billing is told, once",
    responses=raises(AlreadyDecided, Gone, NotFound, SecondPersonNeeded, StaleDraft),
)
async def approve_credit(tx: InTransaction, actor: Actor, credit_id: TextId, body: bodies.CreditApproval) -> bodies.CreditView:
    """409 `stale_draft` when the amount changed since it was read; 409 `already_decided`. Again by the same person: the same answer."""
    approved = await use_cases.approve(tx, credit_id, amount_minor=body.amount_minor, actor=actor, reason=body.reason)
    return bodies.CreditView.model_validate(approved)


@ROUTER.post(
    "/credits/{credit_id}/reject",
    operation_id="reject_credit",
    summary="By a person with a name: nothing is credited",
    responses=raises(AlreadyDecided, NotFound, SecondPersonNeeded),
)
async def reject_credit(tx: InTransaction, actor: Actor, credit_id: TextId, body: bodies.CreditRejection) -> bodies.CreditView:
    return bodies.CreditView.model_validate(await use_cases.reject(tx, credit_id, actor=actor, reason=body.reason))


@ROUTER.get("/works/overdue", operation_id="list_overdue_works", summary="Work that is late and not done, with what is owed so far")
async def list_overdue_works(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> bodies.Works:
    """What was promised first comes first."""
    items = [bodies.WorkView.model_validate(one) for one in await works.accruing(connection, after=_position(cursor), limit=limit)]
    last = items[-1] if len(items) == limit else None
    return bodies.Works(items=items, next_cursor=encode_cursor(last.promised_by.isoformat(), last.work_id) if last else None)


@ROUTER.get(
    "/works/{work_id}", operation_id="get_work", summary="One work order: what was promised, and what is owed as things stand", responses=raises(NotFound)
)
async def get_work(connection: Reading, work_id: TextId) -> bodies.WorkView:
    """Also after its credit was decided: what was put right since then shows here, and changes nothing."""
    return bodies.WorkView.model_validate(await works.work(connection, work_id))


@ROUTER.get("/service-levels", operation_id="get_service_levels", summary="What is promised by service star, and what is made good by how much")
async def get_service_levels() -> bodies.ServiceLevels:
    return bodies.ServiceLevels(
        grade_of_star={star: grade_of(star) for star in range(1, 6)},
        working_days={kind: list(days) for kind, days in service_levels.WORKING_DAYS.items()},
        percent_a_day=service_levels.PERCENT_A_DAY,
        patience_hours={cause: list(hours) for cause, hours in service_levels.PATIENCE_HOURS.items()},
        rates_minor={cause: {severity: rate._asdict() for severity, rate in rates.items()} for cause, rates in service_levels.RATES.items()},
        percent_of_grade=list(service_levels.PERCENT_OF_GRADE),
    )


@ROUTER.get("/calendars", operation_id="list_calendars", summary="The calendars of working days, by region")
async def list_calendars(connection: Reading) -> bodies.Calendars:
    return bodies.Calendars(items=[bodies.CalendarView.model_validate(row) for row in await repository.list_calendars(connection)])


@ROUTER.get("/calendars/{region}", operation_id="get_calendar", summary="The calendar of a region that has its own", responses=raises(NotFound))
async def get_calendar(connection: Reading, response: Response, region: Region) -> bodies.CalendarView:
    found = bodies.CalendarView.model_validate(await calendars.of_region(connection, region))
    tag(response, found.revision)
    return found


@ROUTER.put(
    "/calendars/{region}",
    operation_id="set_calendar",
    summary="Replace a region's calendar; `default` is of all without their own",
    responses=raises(ActorMissing, *CHANGING),
)
async def set_calendar(
    tx: InTransaction, actor: Actor, response: Response, region: Region, body: bodies.CalendarContent, if_match: IfMatch = None
) -> bodies.CalendarView:
    """Over the revision that was read, as If-Match or as `revision`: 412 or 409 when it was replaced since. Proposals are counted again within seconds."""
    content = body.model_dump(mode="json", exclude={"revision"})
    with over(if_match, body.revision, "revision") as revision:
        replaced = bodies.CalendarView.model_validate(await calendars.replace(tx, region, content, revision=revision, actor=actor))
    tag(response, replaced.revision)
    return replaced


def _position(cursor: str | None) -> tuple[datetime, str] | None:
    position = decode_cursor(cursor, str, str)
    return (moment_of(position[0]), position[1]) if position else None
