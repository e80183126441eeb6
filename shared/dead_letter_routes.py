"""Dead letters over HTTP, the same for every service that consumes: list, look, fix and replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.decoding import decode
from shared.errors import Conflict, HoldfastError, NotFound
from shared.inbox import InboxTables, get_dead, list_dead, remains_of, replay_dead
from shared.openapi import BAD_EVENT, Responses, raises
from shared.pii import Keyring
from shared.web import InTransaction, Reading, decode_cursor, encode_cursor

REPLAYING: tuple[type[HoldfastError], ...] = (NotFound, Conflict, *BAD_EVENT)
DeadId = Annotated[int, Path(ge=1, le=2**62)]


class DeadLetter(BaseModel):
    """A record that could not be applied, and why. `value` is what came, as text; bytes that are not UTF-8 show as U+FFFD."""

    id: int
    topic: str
    partition: int
    offset: int
    source: str
    key: str
    code: str
    detail: str
    died_at: str
    status: Literal["dead", "replayed"]
    replayed_at: str | None
    headers: dict[str, str]
    size_bytes: int
    value: str


class DeadLetters(BaseModel):
    items: list[DeadLetter]
    next_cursor: str | None


class Replay(BaseModel):
    """What to publish instead of what came; nothing to publish it as it was, for instance after a fix of the handler."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"event": None}]})

    event: dict[str, Any] | None = Field(default=None, description="The whole CloudEvent, corrected")


async def _keyring(request: Request) -> Keyring | None:
    """Of a service that has one: what it sets aside is sealed."""
    return getattr(request.app.state, "keyring", None)


Opener = Annotated[Keyring | None, Depends(_keyring)]


def dead_letter_router(
    tables: InboxTables,
    *,
    group: str,
    prefix: str = "/dead-letters",
    dependencies: Sequence[Dependency] = (),
    fails: Responses | None = None,
    route_class: type[APIRoute] = APIRoute,
) -> APIRouter:
    """`fails`: how the dependencies may."""
    router = APIRouter(prefix=prefix, tags=["dead letters"], dependencies=list(dependencies), responses=fails, route_class=route_class)

    @router.get("", operation_id=f"list_{group}_dead_letters", summary="Records that could not be applied, oldest first")
    async def list_(
        connection: Reading,
        keyring: Opener,
        status: Literal["dead", "replayed"] | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> DeadLetters:
        (after,) = decode_cursor(cursor, int) or (0,)
        rows = await list_dead(connection, tables.dead_letters, status=status, after=after, limit=limit)
        return DeadLetters(items=[_shown(row, keyring) for row in rows], next_cursor=encode_cursor(rows[-1].id) if len(rows) == limit else None)

    @router.get("/{dead_id}", operation_id=f"get_{group}_dead_letter", summary="One record that could not be applied", responses=raises(NotFound))
    async def get(connection: Reading, keyring: Opener, dead_id: DeadId) -> DeadLetter:
        return _shown(await get_dead(connection, tables.dead_letters, dead_id), keyring)

    @router.post(
        "/{dead_id}/replay",
        operation_id=f"replay_{group}_dead_letter",
        summary="Publish it again, corrected or as it was",
        status_code=202,
        responses=raises(*REPLAYING),
    )
    async def replay(tx: InTransaction, keyring: Opener, dead_id: DeadId, body: Replay) -> DeadLetter:
        row = await get_dead(tx, tables.dead_letters, dead_id)
        came = remains_of(row, keyring)
        value = orjson.dumps(body.event) if body.event is not None else None
        decode(came.value if value is None else value, {} if value else came.headers, topic=row.topic)
        await replay_dead(tx, tables, dead_id, group=group, fixed=value, keyring=keyring)
        return _shown(await get_dead(tx, tables.dead_letters, dead_id), keyring)

    return router


def _shown(row: sa.Row[Any], keyring: Keyring | None) -> DeadLetter:
    came = remains_of(row, keyring)
    fields = {name: getattr(row, name) for name in ("id", "topic", "partition", "offset", "source", "code", "detail", "status")}
    return DeadLetter(
        **fields,
        key=came.key,
        headers={name: value.decode("latin-1") for name, value in came.headers.items()},
        died_at=row.died_at.isoformat(),
        replayed_at=row.replayed_at.isoformat() if row.replayed_at else None,
        size_bytes=len(came.value),
        value=came.value.decode("utf-8", "replace"),
    )
