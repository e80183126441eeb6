"""What stands against an erasure, what was erased, and how much the retention periods took."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant, Json

LEGAL_HOLDS = sa.Table(
    "legal_holds",
    METADATA,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("placed_at", Instant, nullable=False),
    sa.Column("lifted_by", sa.Text),
    sa.Column("lifted_at", Instant),
)

# The proof that an erasure was done. It holds nothing of what was erased.
ERASURES = sa.Table(
    "erasures",
    METADATA,
    sa.Column("erasure_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("aliases", Json, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("erased_by", sa.Text, nullable=False),
    sa.Column("erased_at", Instant, nullable=False),
    sa.Column("key_ids", Json, nullable=False, comment="of the data keys that were destroyed"),
    sa.Column("counts", Json, nullable=False, comment="rows deleted or stripped, by table"),
    sa.Column("readable_until", Json, nullable=False, comment="topic -> when the producers' own, plain copies expire"),
    sa.Column("digest", sa.Text, nullable=False, comment="SHA-256 of all this; it stands in the audit log too"),
)

EXPIRIES = sa.Table(
    "expiries",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="deleted so far"),
    sa.Column("until", Instant, nullable=False, comment="everything before it has been looked at"),
    sa.Column("looked_at", Instant, nullable=False),
)
