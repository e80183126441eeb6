"""Who read or changed what, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request

from services.customer.repository import audit as repository
from services.customer.schemas.audit import AuditEntries, AuditEntry
from services.customer.use_cases.audit import Journal
from shared.database import Database
from shared.web import PLAIN_TEXT, Actor, Reading, decode_cursor, encode_cursor

ROUTER = APIRouter(tags=["audit"])
LAST = 2**62

Text = Annotated[str | None, Query(max_length=128, pattern=PLAIN_TEXT)]


async def open_journal(app: FastAPI, stack: AsyncExitStack) -> None:
    """While the API runs. It has its own connections: reads wait for it with theirs in hand."""
    database = Database(app.state.settings.database_url("customer"))
    stack.push_async_callback(database.close)
    app.state.journal = await stack.enter_async_context(Journal(database, app.state.keyring).running())


async def _journal(request: Request) -> Journal:
    journal: Journal = request.app.state.journal
    return journal


Reads = Annotated[Journal, Depends(_journal)]


def noted(action: str) -> Callable[..., Awaitable[None]]:
    """A dependency of routes that show personal data: the request goes on when it is in the log."""

    async def note(request: Request, journal: Reads, actor: Actor) -> None:
        await journal.note(actor=actor, action=action, details=dict(request.path_params))

    return note


@ROUTER.get("/audit", operation_id="list_audit", summary="Who read or changed what, newest first")
async def list_audit(
    connection: Reading,
    customer_id: Text = None,
    actor: Text = None,
    action: Text = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> AuditEntries:
    (before,) = decode_cursor(cursor, int) or (LAST,)
    rows = await repository.list_entries(connection, customer_id=customer_id, actor=actor, action=action, before=before, limit=limit)
    return AuditEntries(
        items=[AuditEntry.model_validate(row) for row in rows],
        next_cursor=encode_cursor(rows[-1].entry_id) if len(rows) == limit else None,
    )
