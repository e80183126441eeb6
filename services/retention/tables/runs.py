"""The runs of scheduled campaigns, and who is in them while they last."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant, Json

CAMPAIGN_RUNS = sa.Table(
    "campaign_runs",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, sa.ForeignKey("campaigns.campaign_id"), nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="selecting, planning, deciding, done, lapsed"),
    sa.Column("cursor", sa.Text, nullable=False, comment="of the selection: customers up to this id were looked at"),
    sa.Column("scanned", sa.BigInteger, nullable=False),
    sa.Column("audience", sa.BigInteger, nullable=False, comment="who belongs to it and was not exposed lately"),
    sa.Column("planned", sa.BigInteger, comment="of them, whom the plan chose"),
    sa.Column("expected_profit_minor", sa.BigInteger, comment="of the plan"),
    sa.Column("gap", sa.Float, comment="share by which a better plan could exist at most"),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Index("ix_campaign_runs_state", "state"),
    sa.Index("ix_campaign_runs_campaign_id_due_at", "campaign_id", "due_at"),
)

# Gone when the run is done: the decisions say it all.
RUN_MEMBERS = sa.Table(
    "run_members",
    METADATA,
    sa.Column("run_id", sa.Text, sa.ForeignKey("campaign_runs.run_id"), primary_key=True),
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("place", sa.Float, nullable=False, comment="in the order of deciding: drawn, so that who comes last is not who is worth least"),
    sa.Column("options", Json, nullable=False, comment="(offer id, expected profit, expected cost) of each that may be made; none: another gate refuses"),
    sa.Column("stratum", sa.Text, nullable=False),
    sa.Column("offer_id", sa.Text, comment="that the plan chose"),
    sa.Column("arm", sa.Text, comment="drawn within the stratum, of who is chosen"),
    sa.Index("ix_run_members_run_id_place", "run_id", "place"),
)
