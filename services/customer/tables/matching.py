"""By what customers may turn out to be the same person, what was decided about it, and what is no evidence."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant, Json

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# Customers to be compared again, because what is known of them changed. Rows are only ever added and deleted, never shared:
# who takes events in never waits for who compares.
MATCH_QUEUE = sa.Table(
    "match_queue",
    METADATA,
    sa.Column("entry_id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.Text, nullable=False),
)

MATCH_KEYS = sa.Table(
    "match_keys",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True, comment="document:…, device:…, name+email:…+…: values as their keyed index"),
    sa.Column("customer_id", sa.Text, primary_key=True, index=True, comment="who carries on after merges"),
)

# Two customers who may be one person; `one` < `other`. Undecided ones come and go with their evidence.
REVIEWS = sa.Table(
    "reviews",
    METADATA,
    sa.Column("review_id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("one", sa.Text, nullable=False),
    sa.Column("other", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False, comment="open, blocked, merged or different"),
    sa.Column("likeness", sa.Float, nullable=False),
    sa.Column("evidence", Json, nullable=False, comment="match keys that both have"),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("decided_at", Instant),
    sa.Column("decided_by", sa.Text),
    sa.Column("note", sa.Text),
    sa.UniqueConstraint("one", "other"),
    sa.Index("ix_reviews_state_review_id", "state", "review_id"),
)

# What undecided reviews live on, taken apart: `part` is what can be blocked, a document, a name or a contact.
REVIEW_EVIDENCE = sa.Table(
    "review_evidence",
    METADATA,
    sa.Column("review_id", _SERIAL, sa.ForeignKey("reviews.review_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True, index=True),
    sa.Column("part", sa.Text, primary_key=True, index=True),
)

BLOCK_LIST = sa.Table(
    "block_list",
    METADATA,
    sa.Column("part", sa.Text, primary_key=True, comment="kind and keyed index: document:…, contact:…, name:…, imei:…"),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("blocked_by", sa.Text, nullable=False),
    sa.Column("blocked_at", Instant, nullable=False),
)
