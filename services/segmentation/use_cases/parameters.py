"""Parameter sets: drafted over the newest, approved by a second person, in force from a day on, and rolled back.

What is approved stands in a line: each set is based on the one approved before it, so that none takes back unseen what another
brought. A draft whose base is not the newest any more is stale, and its changes are drafted again: what the second person approves
is what was drafted, with nothing merged into it since. A roll-back takes a set out of the line, and what was approved on top of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic import ValidationError

from services.segmentation.parameters import BUILT_IN, Parameters, ParameterSet, parameters_of
from services.segmentation.previewing import differences, merged
from services.segmentation.repository import parameters as repository
from shared import clock, telemetry
from shared.actors import require_name, require_second
from shared.database import Transaction
from shared.errors import AlreadyDecided, InvalidRequest, NotFound, NothingToRollBack, StaleDraft

Document = dict[str, Any]

PROBLEMS_TOLD = 5

log = telemetry.logger()


def schema() -> Document:
    """JSON Schema of the document."""
    return Parameters.model_json_schema()


async def now_and_next(tx: Transaction) -> Document:
    """The set in force, and the next one, when one is approved for a day to come."""
    now = clock.now()
    current, following = await repository.in_force(tx, now), await repository.next_in_force(tx, now)
    return {"in_force": await _in_full(tx, current, current), "next": await _in_full(tx, following, current) if following else None}


async def list_sets(tx: Transaction, *, before: int | None, limit: int) -> list[Document]:
    """Newest first, without their documents and without the built-in one."""
    current = await repository.in_force(tx, clock.now())
    return [_in_brief(row, current) for row in await repository.list_newest(tx, before=before, limit=limit)]


async def get(tx: Transaction, version: int) -> Document:
    """Raises NotFound. 0 is the built-in one."""
    return await _in_full(tx, await _row(tx, version), await repository.in_force(tx, clock.now()))


async def find(tx: Transaction, version: int) -> ParameterSet:
    """Raises NotFound."""
    return _set_of(await _row(tx, version))


async def draft(tx: Transaction, *, changes: Document, based_on: int | None, note: str, actor: str) -> Document:
    """`changes` over the newest approved set, in force or about to be. Raises ActorMissing, StaleDraft, InvalidRequest."""
    require_name(actor)
    await repository.lock(tx)
    base = _set_of(await repository.newest_approved(tx))
    if based_on is not None and based_on != base.version:
        raise StaleDraft(f"the newest approved set is {base.version}: draft over that one", newest=base.version)
    wanted = _changed(base.parameters, changes)
    if wanted == base.parameters:
        raise InvalidRequest(f"the changes leave set {base.version} as it is")
    version = await repository.newest_version(tx) + 1
    said = {"note": note, "state": "draft", "drafted_by": actor, "drafted_at": clock.now(), "based_on": base.version}
    await repository.insert(tx, version=version, document=wanted.model_dump_json(), **said)
    return await get(tx, version)


async def approve(tx: Transaction, version: int, *, actor: str, effective_from: datetime | None) -> Document:
    """In force from then on, or at once. Raises NotFound, AlreadyDecided, SecondPersonNeeded, StaleDraft, InvalidRequest."""
    row = await _lock_undecided(tx, version)
    require_second(actor, row.drafted_by, "drafted")
    base = await repository.newest_approved(tx)
    if row.based_on != _set_of(base).version:
        raise StaleDraft(f"it is based on {row.based_on}, and the newest approved set is {_set_of(base).version}", newest=_set_of(base).version)
    now = clock.now()
    starts = _start(effective_from, now, base)
    await repository.update(tx, version, state="approved", decided_by=actor, decided_at=now, effective_from=starts)
    log.info("parameters_approved", version=version, effective_from=starts.isoformat())
    return await get(tx, version)


async def reject(tx: Transaction, version: int, *, actor: str, reason: str) -> Document:
    """By anybody with a name, also by who drafted it. Raises NotFound, AlreadyDecided, ActorMissing."""
    require_name(actor)
    await _lock_undecided(tx, version)
    await repository.update(tx, version, state="rejected", decided_by=actor, decided_at=clock.now(), decided_because=reason)
    return await get(tx, version)


async def roll_back(tx: Transaction, *, actor: str, reason: str, version: int | None) -> Document:
    """Take back a version, or else the one in force, and what was approved on top of it: the one before is in force at once.

    One that names the version it saw in force can not take back another by mistake. Raises ActorMissing, NotFound, NothingToRollBack.
    """
    require_name(actor)
    await repository.lock(tx)
    now = clock.now()
    wanted = (await _row(tx, version)) if version else await repository.in_force(tx, now)
    if wanted is None or wanted.state != "approved":
        raise NothingToRollBack(f"set {wanted.version} is {wanted.state}" if wanted else "the built-in set is in force")
    taken_back = await repository.roll_back(tx, wanted.version, rolled_back_by=actor, rolled_back_at=now, rolled_back_because=reason)
    log.info("parameters_rolled_back", versions=taken_back)
    return {"rolled_back": taken_back} | await now_and_next(tx)


def _start(effective_from: datetime | None, now: datetime, base: sa.Row[Any] | None) -> datetime:
    """Not in the past, as results are not made again for it, and not before the set it is based on."""
    starts = effective_from or now
    if starts < now:
        raise InvalidRequest(f"effective_from {starts.isoformat()} has passed")
    if base is not None and starts < base.effective_from:
        raise InvalidRequest(f"it is based on {base.version}, which is in force from {base.effective_from.isoformat()} on: not before that")
    return starts


def _changed(before: Parameters, changes: Document) -> Parameters:
    """Raises InvalidRequest, naming the paths."""
    try:
        return Parameters.model_validate_json(orjson.dumps(merged(before.model_dump(mode="json"), changes)))
    except ValidationError as error:
        listed = [{"at": ".".join(map(str, ("body", "changes", *one["loc"]))), "problem": one["msg"]} for one in error.errors()]
        raise InvalidRequest("; ".join(f"{one['at']}: {one['problem']}" for one in listed[:PROBLEMS_TOLD]), errors=listed) from None


async def _row(tx: Transaction, version: int) -> sa.Row[Any] | None:
    """None of the built-in one."""
    row = await repository.get(tx, version)
    if row is None and version != BUILT_IN.version:
        raise NotFound(f"no parameter set {version}")
    return row


async def _lock_undecided(tx: Transaction, version: int) -> sa.Row[Any]:
    await repository.lock(tx)
    row = await _row(tx, version)
    if row is None or row.state != "draft":
        raise AlreadyDecided(f"{row.decided_by} decided at {row.decided_at.isoformat()}: {row.state}" if row else "it is built in")
    return row


def _set_of(row: sa.Row[Any] | None) -> ParameterSet:
    return ParameterSet(row.version, parameters_of(row.document)) if row else BUILT_IN


def _in_brief(row: sa.Row[Any] | None, current: sa.Row[Any] | None) -> Document:
    found = {str(name): value for name, value in row._mapping.items() if name != "document"} if row else {"version": BUILT_IN.version, "state": "built_in"}
    return found | {"is_in_force": found["version"] == _set_of(current).version}


async def _in_full(tx: Transaction, row: sa.Row[Any] | None, current: sa.Row[Any] | None) -> Document:
    """With the document, and how it differs from that of the set it is based on."""
    document = _set_of(row).parameters.model_dump(mode="json")
    before = (await find(tx, row.based_on)).parameters.model_dump(mode="json") if row else document
    return _in_brief(row, current) | {"document": document, "differences": [one._asdict() for one in differences(before, document)]}
