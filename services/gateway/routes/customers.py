"""The 360 view."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from services.gateway import use_cases
from services.gateway.schemas import CustomerView
from services.gateway.view import answer
from shared.errors import InvalidRequest
from shared.web import Reading

ROUTER = APIRouter(prefix="/v1/customers", tags=["customers"])

PRINTABLE = r"^[^\x00-\x1f]+$"
CustomerId = Annotated[str, Path(max_length=128, pattern=PRINTABLE, examples=["C-1"])]
IfNoneMatch = Annotated[str, Header(max_length=1000, description="ETags of views that are there already: 304 when one is still right")]
VIEW: dict[int | str, dict[str, Any]] = {200: {"model": CustomerView}, 304: {"description": "The view is still the one of If-None-Match"}}


@ROUTER.get("/{customer_id}", operation_id="get_customer", summary="The whole story of one customer, in one call", responses=VIEW)
async def get_customer(connection: Reading, customer_id: CustomerId, if_none_match: IfNoneMatch = "") -> Response:
    """Answered from the gateway's own read model: also while every other service is down. `freshness` says how old each block is."""
    return _answer(await use_cases.view(connection, customer_id), if_none_match)


@ROUTER.get("", operation_id="find_customer", summary="The same, by a number or account the customer owns now", responses=VIEW)
async def find_customer(
    connection: Reading,
    msisdn: Annotated[str | None, Query(pattern=r"^[1-9][0-9]{6,14}$", examples=["8613800138000"])] = None,
    account: Annotated[str | None, Query(max_length=128, pattern=PRINTABLE)] = None,
    if_none_match: IfNoneMatch = "",
) -> Response:
    given = [f"{kind}:{value}" for kind, value in (("msisdn", msisdn), ("account", account)) if value is not None]
    if len(given) != 1:
        raise InvalidRequest("give either msisdn or account")
    return _answer(await use_cases.view_of_owner(connection, given[0]), if_none_match)


def _answer(row: sa.Row[Any], if_none_match: str) -> Response:
    version = f'"{row.version}"'
    headers = {"etag": f"W/{version}", "cache-control": "private, no-cache"}
    if version in {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(answer(row), media_type="application/json", headers=headers)
