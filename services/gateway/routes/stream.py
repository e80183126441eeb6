"""The stream of server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from services.gateway.push.filters import parse
from services.gateway.push.streaming import EventStream, Streams
from shared.contracts.segmentation import AlertRaised
from shared.errors import TooManyRequests
from shared.openapi import raises

ROUTER = APIRouter(prefix="/v1", tags=["subscriptions"])

_EXAMPLE = 'id: 1764400000000001\nevent: segmentation.alert_raised.v1\ndata: {"specversion":"1.0","type":"segmentation.alert_raised.v1"}\n\n'
_ANSWER = {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}, "description": "Server-sent events, without end"}

LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**62, description="Where to resume: the `id` of the last event that was seen")]
After = Annotated[int | None, Query(ge=0, le=2**62, description="The same, for who can not set the header; 0: from the oldest that is kept")]
Types = Annotated[str, Query(max_length=1000, description="With commas: `alert_raised,moment_reached`; none: alerts")]
FilterText = Annotated[str, Query(alias="query", max_length=2000, description="As at the hub: `severity=urgent&customer_id=C-1`")]


@ROUTER.get(
    "/stream",
    operation_id="stream_events",
    summary="Events as they happen, resumable",
    response_class=Response,
    responses=raises(TooManyRequests, also={200: _ANSWER}),
)
async def stream_events(request: Request, types: Types = "", query: FilterText = "", last_event_id: LastEventId = None, after: After = None) -> Response:
    """Each event is a CloudEvent with an id. With `Last-Event-ID` the stream goes on behind it; where that is not kept any more, an event `gap`
    says so. Without, it begins now. A comment keeps a quiet stream alive, with the id so far. Who reads too slowly is cut off, and resumes.
    """
    streams: Streams = request.app.state.streams
    chosen = parse("&".join(filter(None, (f"types={types}" if types else "", query))), (AlertRaised.type,))
    streams.require_room()
    return EventStream(streams, streams.read(chosen, after if last_event_id is None else last_event_id))
