"""The 360 view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Header, Path, Query, Request
from starlette.responses import Response

from services.gateway import use_cases
from services.gateway.answer import FIELDS, PERSONAL, answer, tags_of, version_of
from services.gateway.forwarding import forward
from services.gateway.personal import NOT_ASKED, personal_of
from services.gateway.reads import Views
from services.gateway.schemas import CustomerView
from shared.errors import Gone, InvalidRequest, NotFound
from shared.fields import chosen, fields_query
from shared.openapi import raises
from shared.web import Keys, Moment

PRINTABLE = r"^[^\x00-\x1f]+$"
CustomerId = Annotated[str, Path(max_length=128, pattern=PRINTABLE, examples=["C-1"])]
Text = Annotated[str | None, Query(max_length=128, pattern=PRINTABLE)]
IfNoneMatch = Annotated[str, Header(max_length=1000, description="ETags of views that are there already: 304 when one is still right")]
Fields = Annotated[str | None, fields_query(FIELDS, "Blocks")]
At = Annotated[Moment | None, Query(description="ISO 8601 with its offset: answered by the customer service, as its own view of then")]
VIEW = raises(Gone, NotFound, also={200: {"model": CustomerView}, 304: {"description": "The view is still the one of If-None-Match"}})


ROUTER = APIRouter(prefix="/v1/customers", tags=["customers"])


@ROUTER.get("/{customer_id}", operation_id="get_customer", summary="The whole story of one customer, in one call", responses=VIEW)
async def get_customer(
    request: Request,
    views: Views,
    customer_id: CustomerId,
    fields: Fields = None,
    as_of: At = None,
    known_at: At = None,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """By its id, or by that of one who was merged into it. Answered from the gateway's own read model: also while every other
    service is down. `freshness` says how old each block is. With `as_of` (what had happened by then) or `known_at` (what had
    been recorded by then) the customer service answers."""
    if as_of or known_at:
        return await forward(request, "customer", "customers", customer_id)
    blocks = chosen(fields, FIELDS)
    return await _answer(request, await use_cases.view(views, customer_id), blocks, if_none_match)


@ROUTER.get("", operation_id="find_customer", summary="The same, by what the customer owns now", responses=VIEW)
async def find_customer(
    request: Request,
    views: Views,
    keyring: Keys,
    msisdn: Annotated[str | None, Query(pattern=r"^[1-9][0-9]{6,14}$", examples=["8613800138000"])] = None,
    imsi: Annotated[str | None, Query(pattern=r"^[0-9]{14,15}$")] = None,
    document: Text = None,
    account: Text = None,
    fields: Fields = None,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """Numbers are kept as keyed hashes only."""
    by = {"msisdn": msisdn, "imsi": imsi, "document": document, "account": account}
    given = [f"{kind}:{value}" for kind, value in by.items() if value is not None]
    if len(given) != 1:
        raise InvalidRequest(f"give one of {', '.join(by)}")
    blocks = chosen(fields, FIELDS)
    return await _answer(request, await use_cases.view_of_owner(views, keyring.subject(given[0])), blocks, if_none_match)


async def _answer(request: Request, rows: Sequence[sa.Row[Any]], fields: frozenset[str], if_none_match: str) -> Response:
    asked = await personal_of(request, rows[0].customer_id, rows[0].version) if PERSONAL in fields else NOT_ASKED
    version = version_of(rows, fields, asked)
    headers = {"etag": f"W/{version}", "cache-control": "private, no-cache"}
    if version in tags_of(if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(answer(rows, fields, asked), media_type="application/json", headers=headers)
