"""Event intake over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.gateway.body import declared_bytes, read_body
from services.gateway.intake import BATCH, BINARY, SINGLE, Judged, UnderWay, judge, limit_of, mode_of, too_large
from services.gateway.schemas import Intake, Verdict
from shared import telemetry
from shared.bus import Bus
from shared.contracts.asyncapi import example_event
from shared.contracts.registry import INPUTS
from shared.errors import BusUnavailable, EventRejected, TooManyRequests
from shared.openapi import BAD_EVENT, raises

ROUTER = APIRouter(tags=["events"])

_EXAMPLES = {payload.type: {"value": example_event(payload)} for payload in INPUTS}
# A schema of the document by its name: it stands in it twice.
EVENT = {
    "CloudEvent": {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "Of the event, in its source: what comes again under it is a duplicate"},
            "source": {"type": "string"},
            "type": {"type": "string"},
            "subject": {"type": "string", "description": "Whom it is about: `customer:C-1`, `account:`, `msisdn:`, `imsi:` or `cell:`"},
            "time": {"type": "string", "format": "date-time", "description": "With its offset"},
            "data": {"type": "object", "additionalProperties": True, "description": "By the contract of the type"},
        },
        "additionalProperties": True,
    }
}
_EVENT = {"$ref": "#/components/schemas/CloudEvent"}
_BODY = {
    "required": True,
    "description": "A CloudEvent in structured or binary mode, or a batch of at most 500. Types and fields: /events/docs",
    "content": {
        SINGLE: {"schema": _EVENT, "examples": _EXAMPLES},
        BATCH: {
            "schema": {"type": "array", "maxItems": 500, "items": _EVENT},
            "examples": {"one of each type": {"value": [one["value"] | {"id": f"e-{number}"} for number, one in enumerate(_EXAMPLES.values(), 1)]}},
        },
        BINARY: {
            "schema": {"title": "EventData", "type": "object", "additionalProperties": True, "description": "The data; the attributes come as ce-* headers"}
        },
    },
}


@ROUTER.post(
    "/v1/events",
    status_code=202,
    operation_id="take_events",
    summary="Report events",
    openapi_extra={"requestBody": _BODY},
    responses=raises(*BAD_EVENT, BusUnavailable, TooManyRequests),
)
async def take_events(request: Request) -> Intake:
    """202 once every accepted event is durable, with a verdict on each. When none is accepted, a problem document with the verdicts.

    429 and 503 say when to come again; send the same events then: what is taken twice is applied once.
    """
    mode = mode_of(request.headers)
    under_way: UnderWay = request.app.state.under_way
    bus: Bus = request.app.state.bus
    with under_way.admit(min(declared_bytes(request, otherwise=limit_of(mode)), limit_of(mode))):
        body = await read_body(request, limit_bytes=limit_of(mode), too_large=too_large(mode))
        judged = judge(mode, body, request.headers)
        _require_one(judged, alone=mode != BATCH)
        await bus.publish([one.message for one in judged if one.message])
    for one in judged:
        telemetry.INTAKE.labels(one.error.code if one.error else "accepted").inc()
    return Intake(accepted=sum(one.error is None for one in judged), rejected=sum(one.error is not None for one in judged), verdicts=_verdicts(judged))


async def taken_events(request: Request) -> Response:
    return Response((await take_events(request)).model_dump_json(), 202, media_type="application/json")


def _require_one(judged: Sequence[Judged], *, alone: bool) -> None:
    """Raises when nothing of it can be accepted."""
    errors = [one.error for one in judged if one.error]
    if not errors or len(errors) < len(judged):
        return
    for error in errors:
        telemetry.INTAKE.labels(error.code).inc()
    verdicts: Any = [one.model_dump() for one in _verdicts(judged)]
    if alone:
        raise type(errors[0])(errors[0].detail, **(errors[0].extra | {"verdicts": verdicts}))
    raise EventRejected(f"none of the {len(judged)} events can be applied", verdicts=verdicts)


def _verdicts(judged: Sequence[Judged]) -> list[Verdict]:
    return [
        Verdict(index=index, id=one.id, verdict="rejected", code=one.error.code, detail=one.error.detail)
        if one.error
        else Verdict(index=index, id=one.id, verdict="accepted")
        for index, one in enumerate(judged)
    ]
