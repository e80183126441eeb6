"""The proof: what Holdfast stored, held against computations on the same file that share no code with the mapping.

DuckDB reads the CSV itself, and every row is compared, in both directions. The databases must hold nothing but the replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from deploy.replay.proof import cell2cell, online_retail
from deploy.replay.proof.expected import Check, Expected
from deploy.replay.proof.stored import Stored
from deploy.replay.table import Table
from shared.database import Database

_PROOFS = {"cell2cell": cell2cell.prove, "online-retail": online_retail.prove}


async def prove(source: str, table: Table, as_of: date, databases: Mapping[str, Database]) -> list[Check]:
    return await _PROOFS[source](Expected(table), Stored(databases), as_of)
