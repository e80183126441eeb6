"""The contents that decisions name by version, and what of a decision goes with its customer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from services.retention.tables import CONTENTS, DECISIONS
from shared.database import Transaction, among, insert_rows


async def keep_contents(tx: Transaction, contents: Mapping[str, str]) -> None:
    """Each once: a version is the hash of its content."""
    rows = [{"version": version, "content": content} for version, content in sorted(contents.items())]
    await insert_rows(tx, CONTENTS, rows, key=("version",))


async def contents(tx: Transaction, versions: Collection[str]) -> dict[str, str]:
    rows = await tx.execute(sa.select(CONTENTS).where(among(tx, CONTENTS.c.version, versions)))
    return {row.version: row.content for row in rows}


async def blank(tx: Transaction, customer_ids: Collection[str]) -> None:
    """What decisions looked at of these customers, and what gates saw; that there was one stays, for the campaign's counts."""
    if customer_ids:
        nothing: dict[str, Any] = {"inputs": None, "worth": {}, "weighed": [], "gates": []}
        await tx.execute(DECISIONS.update().where(among(tx, DECISIONS.c.customer_id, customer_ids)).values(**nothing))
