"""Who read or changed what, and when."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant, Json

AUDIT_LOG = sa.Table(
    "audit_log",
    METADATA,
    sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False, comment="without gaps"),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text),
    sa.Column("details", Json, nullable=False, comment="ids and counts, never personal data: it outlives an erasure"),
    sa.Column("previous_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("ix_audit_log_customer_id", "customer_id", "entry_id"),
    sa.Index("ix_audit_log_actor", "actor", "entry_id"),
    sa.Index("ix_audit_log_action", "action", "entry_id"),
)

# `start`: the last entry that the retention period took; `head`: the last one there is. Signed, so that neither can be set back by hand.
AUDIT_ANCHORS = sa.Table(
    "audit_anchors",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("entry_id", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)
