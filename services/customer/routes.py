"""HTTP in: each route calls one use case."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query

from services.customer import repository, use_cases
from services.customer.schemas import CustomerView, ParkedEvent, ParkedEvents, Reconciliation
from shared import clock
from shared.web import Reading, decode_cursor, encode_cursor

ROUTER = APIRouter(tags=["customer"])


@ROUTER.get("/customers/{customer_id}", operation_id="get_customer", summary="Everything this service knows of one customer")
async def get_customer(connection: Reading, customer_id: Annotated[str, Path(max_length=128)]) -> CustomerView:
    return CustomerView.model_validate(await use_cases.view(connection, customer_id), strict=False)


@ROUTER.get("/owner", operation_id="get_owner", summary="Whose an identifier is now")
async def get_owner(connection: Reading, identifier: Annotated[str, Query(max_length=160)]) -> dict[str, str]:
    return {"identifier": identifier, "customer_id": await use_cases.resolve(connection, identifier, clock.now())}


@ROUTER.get("/reconciliation", operation_id="customer_reconciliation", summary="What was accepted, and what became of it")
async def reconciliation(
    connection: Reading, recount: Annotated[bool, Query(description="Count the stored facts too: slow on millions")] = False
) -> Reconciliation:
    return Reconciliation.model_validate(await use_cases.reconcile(connection, recount=recount))


@ROUTER.get("/parked", operation_id="list_parked", summary="Events that wait for their customer to appear")
async def parked(
    connection: Reading, limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: Annotated[str | None, Query(max_length=1000)] = None
) -> ParkedEvents:
    after = decode_cursor(cursor, str, str) or ("", "")
    rows = await repository.list_parked(connection, after=(after[0], after[1]), limit=limit)
    return ParkedEvents(
        items=[ParkedEvent(**_parked(row)) for row in rows],
        next_cursor=encode_cursor(rows[-1].source, rows[-1].id) if len(rows) == limit else None,
    )


def _parked(row: Any) -> dict[str, Any]:
    names = ("source", "id", "subject", "reason", "topic", "parked_at")
    return {name: getattr(row, name) for name in names} | {"event": orjson.loads(row.value)}
