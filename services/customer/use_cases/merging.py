"""Two customers who are one person, made one, and made two again. No fact moves: what was reported stays with whom it was
reported about, and the survivor is read as all of them together."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from services.customer.facts import Document
from services.customer.identity import elder, survivors
from services.customer.repository import registry as repository
from services.customer.use_cases import audit, cases
from services.customer.use_cases.attribution import refold
from services.customer.use_cases.publishing import retelling, send
from services.customer.use_cases.work import Work
from shared import clock
from shared.database import Transaction
from shared.errors import AlreadyMerged, Conflict, NotFound
from shared.pii import Keyring


async def merge(tx: Transaction, keyring: Keyring, one: str, other: str, *, actor: str, reason: str) -> Document:
    """Whoever was registered first carries on for both; the other id is an alias from now on. Ids may be aliases themselves.

    Raises NotFound, AlreadyMerged when they are one customer, Conflict when one of them was erased.
    """
    work = Work(tx, keyring, clock.now())
    kept, merged = await _pair(work, one, other)
    groups = await repository.members(tx, [kept, merged])
    await work.lock([*groups[kept], *groups[merged]])
    if any(member in work.erased_at for member in (*groups[kept], *groups[merged])):
        raise Conflict("an erased customer is nobody any more, and can not be merged")
    row = {"merge_id": uuid.uuid4().hex, "survivor_id": kept, "merged_id": merged, "merged_at": work.now, "merged_by": actor, "reason": reason}
    await repository.insert_merge(tx, row)
    await _carry_on(work, dict.fromkeys(groups[merged], kept))
    await refold(work, [kept])
    await cases.refold(tx, [kept, merged])
    await send(work, {merged: [{"resets": True, "restated": True, "merged_into": kept}], kept: await retelling(work, kept)})
    await audit.note(tx, keyring, actor=actor, action="merge", customer_id=kept, details={"merge_id": row["merge_id"], "merged_id": merged})
    return row


async def unmerge(tx: Transaction, keyring: Keyring, merge_id: str, *, actor: str, reason: str) -> Document:
    """Both are again what was reported of each, facts that came since the merge included. Raises NotFound, Conflict when undone already."""
    row = await repository.get_merge(tx, merge_id)
    if row is None:
        raise NotFound(f"no merge {merge_id}")
    if row.undone_at:
        raise Conflict(f"the merge was undone at {row.undone_at.isoformat()}")
    work = Work(tx, keyring, clock.now())
    await work.lock([row.survivor_id, row.merged_id])
    survivor_id = work.survivor_of[row.survivor_id]
    group = (await repository.members(tx, [survivor_id]))[survivor_id]
    await work.lock(group)
    if any(member in work.erased_at for member in group):
        raise Conflict("the customer was erased: there is nothing left to give back")
    await repository.undo_merge(tx, merge_id, at=work.now, actor=actor, reason=reason)
    await _carry_on(work, survivors(group, await repository.merges_in_force(tx, group)))
    await refold(work, [survivor_id, row.merged_id])
    await cases.refold(tx, group)
    await send(work, {one: await retelling(work, one) for one in (survivor_id, row.merged_id)})
    await audit.note(tx, keyring, actor=actor, action="unmerge", customer_id=survivor_id, details={"merge_id": merge_id, "merged_id": row.merged_id})
    return row._asdict() | {"undone_at": work.now, "undone_by": actor, "undo_reason": reason}


async def list_merges(tx: Transaction, *, customer_id: str | None, before: Any, limit: int) -> list[Document]:
    rows: Collection[sa.Row[Any]] = await repository.list_merges(tx, customer_id=customer_id, before=before, limit=limit)
    return [row._asdict() for row in rows]


async def _pair(work: Work, one: str, other: str) -> tuple[str, str]:
    """(who carries on, who is merged), both locked, neither an alias."""
    await work.lock([one, other])
    for customer_id in (one, other):
        if customer_id not in work.survivor_of:
            raise NotFound(f"no customer {customer_id}")
    first, second = work.survivor_of[one], work.survivor_of[other]
    if first == second:
        raise AlreadyMerged(f"{one} and {other} are one customer: {first}")
    profiles = await repository.profiles(work.tx, [first, second])
    return elder((first, profiles[first]), (second, profiles[second]))


async def _carry_on(work: Work, survivor_of: dict[str, str]) -> None:
    await repository.set_survivors(work.tx, survivor_of)
    work.survivor_of |= survivor_of
