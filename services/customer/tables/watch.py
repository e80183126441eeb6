"""The sources of events, and how each usually is. Nothing here is about a customer."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant, Json

FEEDS = sa.Table(
    "feeds",
    METADATA,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("last_heard_at", Instant, nullable=False),
    sa.Column("usual_silence_seconds", sa.BigInteger, comment="at this time of day; null: not known yet"),
    sa.Column("accepted", sa.BigInteger, nullable=False, comment="of the books, when they were last looked at"),
    sa.Column("dead", sa.BigInteger, nullable=False),
    sa.Column("unknown_fields", Json, nullable=False, comment="event type -> fields that its contract does not know"),
)

FEED_HOURS = sa.Table(
    "feed_hours",
    METADATA,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("starts_at", Instant, primary_key=True),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("dead", sa.BigInteger, nullable=False),
    sa.Column("first_heard_at", Instant, nullable=False),
    sa.Column("last_heard_at", Instant, nullable=False),
    sa.Column("longest_gap_seconds", sa.BigInteger, nullable=False),
)

# Put down by every batch without a lock, taken up by the next look.
FEED_SAMPLES = sa.Table(
    "feed_samples",
    METADATA,
    sa.Column("sample_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("fields", Json, nullable=False, comment="names only"),
    sa.Column("sampled_at", Instant, nullable=False),
)

FEED_SHAPES = sa.Table(
    "feed_shapes",
    METADATA,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.Column("fields", Json, nullable=False),
)

FEED_CHANGES = sa.Table(
    "feed_changes",
    METADATA,
    sa.Column("change_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("state_before", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)

# One row. Its lock lets one worker look at a time, and it tells since when we have been listening without a break.
FEED_WATCH = sa.Table(
    "feed_watch",
    METADATA,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("looked_at", Instant, nullable=False),
    sa.Column("listening_since", Instant, nullable=False),
)
