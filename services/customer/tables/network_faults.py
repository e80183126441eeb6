"""Which customers were served by which cell lately, and outages they are still to be told of."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant

VISITS = sa.Table(
    "visits",
    METADATA,
    sa.Column("cell_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, primary_key=True, index=True),
    sa.Column("since", Instant, primary_key=True),
    sa.Column("until", Instant, nullable=False, index=True),
)

# Each row is work to do; how far it came is `told_to`.
UNTOLD_OUTAGES = sa.Table(
    "untold_outages",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("cell_id", sa.Text, nullable=False),
    sa.Column("noted_at", Instant, nullable=False, index=True),
    sa.Column("told_to", sa.Text, nullable=False, comment="the customer up to whom it was told"),
)
