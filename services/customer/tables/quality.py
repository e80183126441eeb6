"""How good what is known of each customer is."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Json

QUALITIES = sa.Table(
    "qualities",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True, comment="who carries on after merges"),
    sa.Column("month", sa.Text, comment="registered in"),
    sa.Column("channel", sa.Text, comment="acquired by"),
    sa.Column("agent", sa.Text, comment="acquired by"),
    sa.Column("completeness_percent", sa.Integer, nullable=False),
    sa.Column("validity_percent", sa.Integer, nullable=False),
    sa.Column("score_percent", sa.Integer, nullable=False),
    sa.Column("missing", Json, nullable=False),
    sa.Column("flaws", Json, nullable=False, comment="attribute -> what is wrong with it"),
    sa.Index("ix_qualities_score_percent_customer_id", "score_percent", "customer_id"),
)
