"""When customers came and left, whom they call, and who of them is a former customer."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant

STAYS = sa.Table(
    "stays",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True, comment="who carries on after merges"),
    sa.Column("registered_at", Instant, index=True),
    sa.Column("channel", sa.Text, comment="they were acquired by"),
    sa.Column("came_at", Instant, comment="the first activation"),
    sa.Column("left_at", Instant, comment="the last termination, when nothing is active"),
)

# Of those who came or left lately, and only of them.
CIRCLES = sa.Table(
    "circles",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True, comment="keyed index of a number they call"),
    sa.Column("customer_id", sa.Text, primary_key=True, index=True),
    sa.Column("until", Instant, nullable=False, index=True, comment="too long ago from then on"),
)

REENTRIES = sa.Table(
    "reentries",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("former_customer_id", sa.Text, nullable=False, index=True),
    sa.Column("matched_by", sa.Text, nullable=False),
    sa.Column("likeness", sa.Float, nullable=False),
    sa.Column("left_at", Instant, nullable=False),
    sa.Column("came_at", Instant, nullable=False),
    sa.Column("found_at", Instant, nullable=False),
    sa.Index("ix_reentries_found_at_customer_id", "found_at", "customer_id"),
)
