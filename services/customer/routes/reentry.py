"""HTTP in: who came back, and how many are really new."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.customer.repository import reentry as repository
from services.customer.schemas.reentry import NewCustomersByChannel, Reentries, Reentry
from services.customer.use_cases import reentry
from shared.web import PLAIN_TEXT, Reading, decode_cursor, encode_cursor, moment_of

ROUTER = APIRouter(tags=["re-entry"])

Month = Annotated[str, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]


@ROUTER.get("/reentries", operation_id="list_reentries", summary="Customers who left and are back under another id")
async def list_reentries(
    connection: Reading,
    customer_id: Annotated[str | None, Query(max_length=128, pattern=PLAIN_TEXT, description="Either id")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Reentries:
    position = decode_cursor(cursor, str, str)
    after = (moment_of(position[0]), position[1]) if position else None
    rows = await repository.list_reentries(connection, customer_id=customer_id, after=after, limit=limit)
    following = encode_cursor(rows[-1].found_at, rows[-1].customer_id) if len(rows) == limit else None
    return Reentries(items=[Reentry.model_validate(row, from_attributes=True) for row in rows], next_cursor=following)


@ROUTER.get("/kpi/new-customers", operation_id="new_customers", summary="By acquisition channel: registered, of them returned, net new")
async def new_customers(connection: Reading, month: Month) -> NewCustomersByChannel:
    return NewCustomersByChannel.model_validate({"month": month, "items": await reentry.new_customers(connection, month)})
