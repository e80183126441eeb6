"""The pictures: what the overviews say, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.segmentation import pictures
from services.segmentation.analysis.series import Question
from services.segmentation.use_cases import analysis, overviews
from services.segmentation.words import CATEGORIES, GRADES, SEGMENTS, STAGES, STATUS_GROUPS, TIERS
from shared.database import Transaction

NOWHERE = "nowhere"
ORDERS: dict[str, Sequence[str]] = {
    "segment": SEGMENTS, "tier": TIERS, "grade": GRADES[::-1], "category": CATEGORIES, "lifecycle": STAGES, "status_group": STATUS_GROUPS
}  # fmt: skip


async def segment_map(tx: Transaction, population: str | None) -> str:
    cells = [pictures.Cell(**cell) for cell in await overviews.segment_map(tx, population)]
    return pictures.segment_map(cells, title=f"Segments, {population or 'all populations'}")


async def migration(tx: Transaction, of: str, since: date, until: date) -> str:
    """Raises InvalidRequest."""
    found = await overviews.migration(tx, of, since, until)
    matrix = {(move["before"] or NOWHERE, move["after"] or NOWHERE): move["customers"] for move in found["moves"]}
    return pictures.migration(matrix, ORDERS.get(of, ()), title=f"{of.replace('_', ' ').capitalize()}, {since} to {until}")


async def revenue_at_risk(tx: Transaction, by: str | None) -> str:
    """Of the last 30 days, in whole units of money."""
    names = () if by is None else (by,)
    found = await analysis.revenue_at_risk(tx, since=None, until=None, question=Question(names, {}))
    series: dict[str, list[tuple[date, float]]] = {}
    for row in found.rows:
        series.setdefault(row[by] if by else "all customers", []).append((date.fromisoformat(row["day"]), row["revenue_at_risk_minor"] / 100))
    return pictures.trend(series, title=f"Revenue at risk{f' by {by}' if by else ''}", unit="money")


async def pyramid(tx: Transaction) -> str:
    tiers = (await overviews.pyramid(tx))["tiers"]
    levels = [pictures.Level(one["tier"], one["customers"], one["share"], one["value_share"] or 0.0) for one in tiers]
    return pictures.pyramid(levels, title="Customers by value tier")
