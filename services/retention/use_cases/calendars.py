"""Calendars of working days, one per region: replaced whole, over the revision that was read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.retention.compensation import PROPOSED_WITHIN
from services.retention.repository import credits as repository
from services.retention.repository.credits import DEFAULT
from shared import clock
from shared.actors import require_name
from shared.database import Transaction
from shared.errors import NotFound, StaleDraft

Document = dict[str, Any]


async def of_region(tx: Transaction, region: str) -> sa.Row[Any]:
    """Raises NotFound: the default one counts for it."""
    found = await repository.calendar(tx, region)
    if found is None:
        raise NotFound(f"{region} has no calendar of its own: `default` counts for it")
    return found


async def replace(tx: Transaction, region: str, content: Document, *, revision: int, actor: str) -> Document:
    """In force at once: what was counted by the one before is counted again, but for what was decided. `revision`: 0 for a region that
    has none of its own. Raises ActorMissing, StaleDraft."""
    require_name(actor)
    held = await repository.lock_all_calendars(tx)
    newest = held[region].revision if region in held else 0
    if newest != revision:
        raise StaleDraft(f"it was replaced since: revision {newest}, and {revision} was read", newest=newest)
    row = {"region": region, "revision": revision + 1, **content, "set_by": actor, "set_at": clock.now()}
    await repository.save_calendar(tx, row)
    now = clock.now()
    others = held.keys() - {DEFAULT}
    regions = others if region == DEFAULT else {region}
    await repository.count_again(tx, regions, but=region == DEFAULT, promised_after=now - 2 * PROPOSED_WITHIN, at=now)
    return row
