"""The hub of each API: listeners like those of /v1/hub, who get the v4 notifications of this API.

The documents of v4 have POST and DELETE and nothing else; what became of calls is asked at /v1/hub.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from services.gateway.push import listeners as use_cases
from services.gateway.push.filters import TOLD, told_query
from services.gateway.push.schemas import NewListener
from services.gateway.tmforum.parts import href, refuse, router
from shared.web import InTransaction, Keys

ListenerId = Annotated[str, Path(alias="id", max_length=64, pattern=r"^[a-z0-9-]+$")]

_APIS = {
    "tmf621": "troubleTicket",
    "tmf629": "customerManagement",
    "tmf658": "loyalty",
    "tmf680": "recommendationManagement",
    "tmf681": "communicationManagement",
    "tmf696": "riskManagement",
}
_ELSEWHERE = "v4 does not offer it: GET /v1/hub shows listeners, and GET /v1/hub/{listener_id}/deliveries what became of their calls"
_NEVER = "Nothing that is published is an event of this API, so a listener would never be told: POST /v1/hub has events of ours"


class EventSubscription(BaseModel):
    id: str
    callback: str
    query: str = Field(description="As it was given")
    secret: str | None = Field(default=None, description="What calls are signed with, told here only; not there when you gave it")


def _hub_of(tag: str, api: str) -> APIRouter:
    made = router(api, tag)
    if tag in TOLD:
        _offer(made, tag)
    else:
        refuse(made, "POST", "/hub", _NEVER)
    refuse(made, "GET", "/hub", _ELSEWHERE)
    refuse(made, "GET", "/hub/{id}", _ELSEWHERE)
    return made


def _offer(made: APIRouter, tag: str) -> None:
    @made.post(
        "/hub",
        status_code=201,
        operation_id=f"{tag}_create_hub",
        summary="Have notifications posted to a callback",
        description=f"`query`: `eventType` of {', '.join(TOLD[tag])}, `customerId`, `region`; empty: all of them. Signed and tried like those of `/v1/hub`.",
        response_model_exclude_none=True,
    )
    async def create_hub(request: Request, response: Response, tx: InTransaction, keyring: Keys, body: NewListener) -> EventSubscription:
        wanted = body.model_copy(update={"query": told_query(body.query, tag)})
        listener = await use_cases.subscribe(tx, keyring, wanted, allowed=request.app.state.listener_networks, api=tag)
        response.headers["Location"] = href(f"{made.prefix}/hub", listener["id"])
        return EventSubscription(id=listener["id"], callback=body.callback, query=body.query, secret=listener["secret"])

    @made.delete("/hub/{id}", status_code=204, operation_id=f"{tag}_delete_hub", summary="Post nothing more to it, not even what waits")
    async def delete_hub(tx: InTransaction, listener_id: ListenerId) -> None:
        await use_cases.unsubscribe(tx, listener_id, api=tag)


ROUTERS = tuple(_hub_of(tag, api) for tag, api in _APIS.items())
