"""The cubes of business analysis, what was recorded of them day by day, and their recounts."""

from __future__ import annotations

import sqlalchemy as sa

from services.segmentation.analysis.cells import CUBES, DIMENSIONS, STOCK, Cube
from services.segmentation.tables.metadata import METADATA
from shared.database import Instant, Json


def _keys(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _sums(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _cells(cube: Cube) -> sa.Table:
    part = sa.Column("part", sa.Text, primary_key=True, comment="held | settled | counting")
    return sa.Table(cube.name, METADATA, *_keys(*cube.keys), part, *_sums(*cube.measures))


CELLS = {cube.name: _cells(cube) for cube in CUBES}

# Of each day the state of its last record; older days go, but for the last one of each month.
STOCK_DAYS = sa.Table("stock_days", METADATA, *_keys("day", "brand", "region", "tier", "cause"), *_sums(*STOCK))

# Of each month the state of its last record, by everything that subjects are asked by.
STOCK_MONTHS = sa.Table("stock_months", METADATA, *_keys("month", *DIMENSIONS), *_sums(*STOCK))

# One row per recount of the cubes from the customers' rows. The table is also the lock between a recount and who changes cells.
RECOUNTS = sa.Table(
    "recounts",
    METADATA,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("purpose", sa.Text, nullable=False, comment="verify | replace"),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("counted_to", sa.Text, nullable=False, server_default="", comment="customers up to this id are counted"),
    sa.Column("customers", sa.BigInteger, nullable=False, server_default="0", comment="counted so far"),
    sa.Column("finished_at", Instant),
    sa.Column("cells", sa.BigInteger, comment="compared"),
    sa.Column("differing", sa.BigInteger, comment="of them, whose sums were not those counted"),
    sa.Column("differences", Json, comment="the first ones of each cube"),
)
