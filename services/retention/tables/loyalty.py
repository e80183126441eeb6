"""Loyalty points: what each payment earned and what is left of it, what was spent, and the entries of it all."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant

# A fact is named by source and id; the id comes first, as that is what is looked for.
LOYALTY_LOTS = sa.Table(
    "loyalty_lots",
    METADATA,
    sa.Column("fact_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, comment="whom the fact was last told of"),
    sa.Column("told_at", Instant, nullable=False, comment="then; an older telling moves nothing"),
    sa.Column("payment_id", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reversed_minor", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False, comment="earned"),
    sa.Column("remaining", sa.BigInteger, nullable=False, comment="of them; the rest was spent, settled, expired or taken back"),
    sa.Column("expired", sa.BigInteger, nullable=False),
    sa.Column("withdrawn", sa.BigInteger, nullable=False, comment="taken back as the payment was, from this lot, from others or as owed"),
    sa.Column("owed", sa.BigInteger, nullable=False, comment="of those withdrawn: they were spent, later earnings settle it"),
    sa.Column("earned_at", Instant, nullable=False),
    sa.Column("expires_on", sa.Date, nullable=False, comment="the first day they are not there any more"),
    sa.CheckConstraint("remaining >= 0 AND owed >= 0 AND withdrawn + expired <= points", name="within_points"),
    sa.Index("ix_loyalty_lots_customer_id_earned_at", "customer_id", "earned_at"),
)

LOYALTY_REVERSALS = sa.Table(
    "loyalty_reversals",
    METADATA,
    sa.Column("fact_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("payment_id", sa.Text, nullable=False),
    sa.Column("unapplied_minor", sa.BigInteger, nullable=False, comment="waits for a payment that it overtook"),
)

LOYALTY_REDEMPTIONS = sa.Table(
    "loyalty_redemptions",
    METADATA,
    sa.Column("redemption_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("covered_points", sa.BigInteger, nullable=False, comment="that we held; fewer only where billing gave without asking"),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False, comment="who asked for it; of one that billing told of: empty"),
    sa.Column("redeemed_at", Instant, nullable=False),
    sa.Column("fact_id", sa.Text, comment="of billing's own word about it; null: none yet"),
    sa.Column("source", sa.Text),
    sa.UniqueConstraint("fact_id", "source"),
    sa.Index("ix_loyalty_redemptions_customer_id_redeemed_at", "customer_id", "redeemed_at"),
)

# What the entries add up to per customer id, kept, so that a balance below zero is refused by the database too.
LOYALTY_MEMBERS = sa.Table(
    "loyalty_members",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("owed", sa.BigInteger, nullable=False),
    sa.Column("level", sa.Text, comment="of the club; null: of who was merged into somebody, or never earned"),
    sa.Column("level_since", Instant),
    sa.Column("due_on", sa.Date, index=True, comment="the first day on which points expire or cease to count for the level"),
    sa.CheckConstraint("points >= 0 AND owed >= 0", name="not_negative"),
)

# Only ever added to. Those of one transaction add up to zero.
LOYALTY_ENTRIES = sa.Table(
    "loyalty_entries",
    METADATA,
    sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("transaction_id", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False, comment="earned, reversed, redeemed, expired, moved, closed"),
    sa.Column("account", sa.Text, nullable=False, comment="points, owed (both of a customer), issued, redeemed, expired"),
    sa.Column("customer_id", sa.Text, comment="null: an account of ours, or the customer was erased"),
    sa.Column("points", sa.BigInteger, nullable=False, comment="what is added to the account"),
    sa.Column("reference", sa.Text, nullable=False, comment="the payment or the redemption; empty once erased"),
    sa.Column("booked_at", Instant, nullable=False),
    sa.Index("ix_loyalty_entries_customer_id_entry_id", "customer_id", "entry_id"),
)
