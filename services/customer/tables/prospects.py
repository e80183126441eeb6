"""Potential customers."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant, Json

PROSPECTS = sa.Table(
    "prospects",
    METADATA,
    sa.Column("prospect_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("interest", sa.Text),
    sa.Column("agent", sa.Text),
    sa.Column("personal", Json, nullable=False, comment="name, document, contact point: sealed under the key of `prospect:<id>`"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("customer_id", sa.Text, index=True, comment="who they became"),
    sa.Column("converted_at", Instant),
    sa.Index("ix_prospects_created_at", "created_at", "prospect_id"),
)

# What those who have not converted are recognised by, as keyed indexes; and the customers whose registration named them.
PROSPECT_KEYS = sa.Table(
    "prospect_keys",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("prospect_id", sa.Text, sa.ForeignKey("prospects.prospect_id"), primary_key=True, index=True),
)
