"""Parameter sets: what is in force, drafts, their preview, and who decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path

from services.segmentation.routes.parts import Cursor, Limit
from services.segmentation.schemas import parameters as bodies
from services.segmentation.tables import IDEMPOTENCY
from services.segmentation.use_cases import parameters, previewing
from shared.errors import ActorMissing, AlreadyDecided, NotFound, NothingToRollBack, SecondPersonNeeded, StaleDraft, TooManyRequests
from shared.openapi import raises
from shared.web import Actor, IdempotencyKey, InTransaction, Reading, decode_cursor, encode_cursor, once

ROUTER = APIRouter(prefix="/parameters", tags=["parameters"])

PREVIEWS_AT_ONCE = 2  # each computes for seconds, and keeps a connection for as long
RETRY_AFTER_SECONDS = 5

Version = Annotated[int, Path(ge=0, le=2**62)]


@dataclass(slots=True)
class UnderWay:
    """Previews in this process."""

    previews: int = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        if self.previews >= PREVIEWS_AT_ONCE:
            raise TooManyRequests(retry_after_seconds=RETRY_AFTER_SECONDS)
        self.previews += 1
        try:
            yield
        finally:
            self.previews -= 1


UNDER_WAY = UnderWay()


@ROUTER.get("", operation_id="get_parameters", summary="The parameter set in force, and the next one that is approved", responses=raises(NotFound))
async def get_parameters(connection: Reading) -> bodies.NowAndNext:
    return bodies.NowAndNext.model_validate(await parameters.now_and_next(connection))


@ROUTER.get("/schema", operation_id="get_parameter_schema", summary="JSON Schema of the document: every threshold and weight, described")
async def get_schema() -> dict[str, Any]:
    return parameters.schema()


@ROUTER.get("/sets", operation_id="list_parameter_sets", summary="All sets but the built-in one, newest first")
async def list_sets(connection: Reading, limit: Limit = 50, cursor: Cursor = None) -> bodies.Sets:
    (before,) = decode_cursor(cursor, int) or (None,)
    found = await parameters.list_sets(connection, before=before, limit=limit)
    return bodies.Sets(
        items=[bodies.SetView.model_validate(one) for one in found],
        next_cursor=encode_cursor(found[-1]["version"]) if len(found) == limit else None,
    )


@ROUTER.get("/sets/{version}", operation_id="get_parameter_set", summary="One set, and how it differs from the one it is based on", responses=raises(NotFound))
async def get_set(connection: Reading, version: Version) -> bodies.SetInFull:
    return bodies.SetInFull.model_validate(await parameters.get(connection, version))


@ROUTER.post(
    "/sets",
    operation_id="draft_parameter_set",
    summary="Draft changes of the newest approved set",
    status_code=201,
    responses=raises(ActorMissing, NotFound, StaleDraft),
)
async def draft_set(tx: InTransaction, key: IdempotencyKey, actor: Actor, body: bodies.Draft) -> bodies.SetInFull:
    """409 `stale_draft` when `based_on` is not the newest approved set, in force or about to be."""

    async def act() -> dict[str, Any]:
        return await parameters.draft(tx, changes=body.changes, based_on=body.based_on, note=body.note, actor=actor)

    request = {"of": "draft", "actor": actor, **body.model_dump(mode="json")}
    return bodies.SetInFull.model_validate(await once(tx, IDEMPOTENCY, key=key, request=request, act=act))


@ROUTER.post(
    "/sets/{version}/preview",
    operation_id="preview_parameter_set",
    summary="What would change if the set were in force now: nothing is written",
    responses=raises(NotFound, TooManyRequests),
)
async def preview_set(connection: Reading, version: Version, body: bodies.PreviewRequest) -> bodies.Preview:
    """Of any set, also of one gone by: 0 is the built-in one."""
    with UNDER_WAY.admit():
        return bodies.Preview.model_validate(await previewing.preview(connection, version, sample=body.sample))


@ROUTER.post(
    "/sets/{version}/approve",
    operation_id="approve_parameter_set",
    summary="By a second person: in force from a day on, or at once",
    responses=raises(AlreadyDecided, NotFound, SecondPersonNeeded, StaleDraft),
)
async def approve_set(tx: InTransaction, actor: Actor, version: Version, body: bodies.Approval) -> bodies.SetInFull:
    """409 `second_person_needed` for who drafted it and for who has no name; 409 `stale_draft` when another set was approved since."""
    return bodies.SetInFull.model_validate(await parameters.approve(tx, version, actor=actor, effective_from=body.effective_from))


@ROUTER.post(
    "/sets/{version}/reject", operation_id="reject_parameter_set", summary="Decide against a draft", responses=raises(ActorMissing, AlreadyDecided, NotFound)
)
async def reject_set(tx: InTransaction, actor: Actor, version: Version, body: bodies.Rejection) -> bodies.SetInFull:
    return bodies.SetInFull.model_validate(await parameters.reject(tx, version, actor=actor, reason=body.reason))


@ROUTER.post(
    "/rollback",
    operation_id="roll_back_parameters",
    summary="Take back the set in force at once, and what was approved on top of it",
    responses=raises(ActorMissing, NotFound, NothingToRollBack),
)
async def roll_back(tx: InTransaction, key: IdempotencyKey, actor: Actor, body: bodies.RollBack) -> bodies.RolledBack:
    """409 `nothing_to_roll_back` when the built-in set is in force, or when the version is not approved any more."""

    async def act() -> dict[str, Any]:
        return await parameters.roll_back(tx, actor=actor, reason=body.reason, version=body.version)

    request = {"of": "rollback", "actor": actor, **body.model_dump(mode="json")}
    return bodies.RolledBack.model_validate(await once(tx, IDEMPOTENCY, key=key, request=request, act=act))
