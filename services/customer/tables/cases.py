"""Complaints as cases: what the work list is picked by. The rest is folded from the facts when one is looked at."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant

CASES = sa.Table(
    "cases",
    METADATA,
    sa.Column("survivor_id", sa.Text, primary_key=True, comment="who carries on for the customer who complained"),
    sa.Column("complaint_id", sa.Text, primary_key=True, index=True),
    sa.Column("customer_id", sa.Text, nullable=False, comment="who complained, before any merge"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("agent", sa.Text),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("began_at", Instant, nullable=False, comment="of the stage"),
    sa.Column("due_at", Instant, nullable=False, comment="of the stage"),
    sa.Column("closed_at", Instant, comment="may lie ahead: when the time to answer the survey will have passed"),
    sa.Column("raise_at", Instant, comment="when a stage is to be reported as overdue; null: none is"),
    sa.Index("ix_cases_due_at", "due_at", "survivor_id", "complaint_id"),
    # The work list does not walk through years of closed cases: those that feedback has not been reached in are few.
    sa.Index(
        "ix_cases_working", "due_at", "survivor_id", "complaint_id", postgresql_where=sa.text("closed_at IS NULL"), sqlite_where=sa.text("closed_at IS NULL")
    ),
    sa.Index("ix_cases_raise_at", "raise_at", postgresql_where=sa.text("raise_at IS NOT NULL"), sqlite_where=sa.text("raise_at IS NOT NULL")),
)
