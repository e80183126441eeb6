"""What campaigns may spend, and what was reserved, released and spent."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant

# A task, which has the id of its decision, reserves what it is expected to cost; its end releases that and books what it did cost. A message
# is spent when it is decided. Each once, by its key.
BUDGET_ENTRIES = sa.Table(
    "budget_entries",
    METADATA,
    sa.Column("task_id", sa.Text, sa.ForeignKey("decisions.decision_id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True, comment="reserve | release | spend"),
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("month", sa.Text, nullable=False, comment="YYYY-MM; of a release that of its reserve, so that each month balances"),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("expected_saved_minor", sa.BigInteger, comment="of a reserve: reduction x future value; null: not known"),
    sa.Column("booked_at", Instant, nullable=False),
    sa.Index("ix_budget_entries_campaign_id_month", "campaign_id", "month"),
)
