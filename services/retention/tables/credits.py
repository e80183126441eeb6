"""Work orders that were promised, the calendars they are counted by, and the credits for what was late or out of order."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant, Json

# Whole documents: who counts by one has it locked until they commit, so that none is counted by what another one replaces.
CALENDARS = sa.Table(
    "calendars",
    METADATA,
    sa.Column("region", sa.Text, primary_key=True, comment="default: of every region without one of its own"),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("rest", Json, nullable=False, comment="ISO weekdays that are not worked"),
    sa.Column("exceptions", Json, nullable=False, comment="day -> whether it is worked, and why"),
    sa.Column("set_by", sa.Text, nullable=False, comment="empty: built in"),
    sa.Column("set_at", Instant, nullable=False),
)

WORKS = sa.Table(
    "works",
    METADATA,
    sa.Column("work_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True, comment="whom it was last told of"),
    sa.Column("told_at", Instant, nullable=False, comment="then; an older telling moves nothing"),
    sa.Column("grade", sa.Integer, nullable=False, comment="this and the next two: as when it was first heard of"),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("region", sa.Text),
    sa.Column("reports", Json, nullable=False, comment="all that order entry said of it"),
    sa.Column("promised_by", Instant, comment="what follows from the reports; null: no promise is known"),
    sa.Column("ended_at", Instant, comment="done or called off; null: under way"),
    sa.Column("count_at", Instant, index=True, comment="to be counted again from then on: the calendar was changed"),
    sa.Index("ix_works_ended_at_promised_by", "ended_at", "promised_by", "work_id"),
)

CREDITS = sa.Table(
    "credits",
    METADATA,
    sa.Column("credit_id", sa.Text, primary_key=True, comment="follows from its cause: there is one at most"),
    sa.Column("cause", sa.Text, nullable=False, comment="late_work, complaint, bill_dispute, outage"),
    sa.Column("cause_id", sa.Text, nullable=False, comment="blank once the customer was erased"),
    sa.Column("customer_id", sa.Text, comment="null: the customer was erased"),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("basis", Json, nullable=False, comment="how the amount was computed"),
    sa.Column("state", sa.Text, nullable=False, comment="proposed, approved, rejected, withdrawn"),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("revised_at", Instant, nullable=False, comment="when the proposal changed last"),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", Instant),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("amount_minor >= 0", name="not_negative"),
    sa.Index("ix_credits_state_proposed_at", "state", "proposed_at", "credit_id"),
    sa.Index("ix_credits_customer_id_cause_id", "customer_id", "cause_id"),
    sa.Index("ix_credits_proposed_at_credit_id", "proposed_at", "credit_id"),
)
