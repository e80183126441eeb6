"""How well each customer is reached by each channel."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant, Json

REACHES = sa.Table(
    "reaches",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("reached", sa.Float, nullable=False, comment="weight as of seen_at"),
    sa.Column("tried", sa.Float, nullable=False, comment="weight as of seen_at"),
    sa.Column("seen_at", Instant, comment="of the last try; null: nothing is known"),
    sa.Column("misses", sa.Integer, nullable=False, comment="in a row"),
    sa.Column("blocked", sa.Text, comment="wrong_number, bad_address, no_address: until another contact point is told of"),
    sa.Column("parts", Json, nullable=False, comment="part of the day -> [reached, tried]"),
    sa.Column("state", sa.Text, nullable=False, comment="unknown, good, poor, unreachable"),
    sa.Column("changes", sa.BigInteger, nullable=False, comment="of the state: each is told once"),
)
