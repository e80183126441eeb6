"""What customers refuse of automated decisions, and decisions that a person looks at again."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant

OBJECTIONS = sa.Table(
    "objections",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False, comment="automated_decisions, personalised_marketing"),
    sa.Column("actor", sa.Text, nullable=False, comment="who took it down"),
    sa.Column("objected_at", Instant, nullable=False),
    sa.Column("withdrawn_by", sa.Text),
    sa.Column("withdrawn_at", Instant, comment="null: it is in force"),
)

DECISION_REVIEWS = sa.Table(
    "decision_reviews",
    METADATA,
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decisions.decision_id"), primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", Instant, nullable=False, index=True),
    sa.Column("result", sa.Text, comment="upheld, overturned; null: it is open"),
    sa.Column("reason", sa.Text, nullable=False, comment="blank once the customer was erased"),
    sa.Column("closed_by", sa.Text),
    sa.Column("closed_at", Instant),
)
