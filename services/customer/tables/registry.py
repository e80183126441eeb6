"""Who the customers are and what was reported about them."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant, Json

# `version` says that an identity concerned with this row changed: who looked up an owner before the row was locked looks again.
CUSTOMERS = sa.Table(
    "customers",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("survivor_id", sa.Text, comment="null: carries on itself; else who carries on for it after a merge"),
    sa.Column("profile", Json, nullable=False, comment="personal texts sealed; of a survivor: of all it carries on for"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("activity_sequence", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("erased_at", Instant),
    sa.Index("ix_customers_survivor_id", "survivor_id", postgresql_where=sa.text("survivor_id IS NOT NULL"), sqlite_where=sa.text("survivor_id IS NOT NULL")),
)

# Whose an identifier is said to be, and when: numbers are recycled, so an event belongs to the owner at its time.
IDENTIFIERS = sa.Table(
    "identifiers",
    METADATA,
    sa.Column("identifier", sa.Text, primary_key=True, comment="as in a subject, the number as its keyed index: msisdn:…, account:…, customer:…"),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.customer_id"), primary_key=True, index=True),
    sa.Column("valid_from", Instant, primary_key=True),
    sa.Column("valid_to", Instant),
)

# The facts are the inbox: (source, id) is what makes an event the same event. Those that nobody owns are parked.
FACTS = sa.Table(
    "facts",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, comment="who it was reported about, before any merge; null: about a cell, or parked"),
    sa.Column("subject", sa.Text, nullable=False, comment="the number as its keyed index"),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("time", Instant, nullable=False),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("data", Json, nullable=False, comment="personal texts sealed under the customer's key, or the lobby's while parked"),
    sa.Index("ix_facts_customer_id_occurred_at", "customer_id", "occurred_at"),
    # BRIN: what the retention periods end is found without the cost of a tree over all facts.
    sa.Index("ix_facts_recorded_at", "recorded_at", postgresql_using="brin"),
    sa.Index("ix_facts_unowned", "subject", postgresql_where=sa.text("customer_id IS NULL"), sqlite_where=sa.text("customer_id IS NULL")),
)

# Facts that turned out to be somebody else's: what was known before can still be told.
MOVES = sa.Table(
    "moves",
    METADATA,
    sa.Column("move_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("from_customer_id", sa.Text, index=True, comment="null: it was parked"),
    sa.Column("to_customer_id", sa.Text, index=True, comment="null: it is parked"),
    sa.Column("moved_at", Instant, nullable=False),
)

ROLLUPS = sa.Table(
    "rollups",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True, comment="before any merge"),
    sa.Column("month", sa.Text, primary_key=True),
    sa.Column("measures", Json, nullable=False, comment="those that are not zero; changed only under the customer's row lock"),
)

# Every merge there ever was; one that is not undone is in force.
MERGES = sa.Table(
    "merges",
    METADATA,
    sa.Column("merge_id", sa.Text, primary_key=True),
    sa.Column("survivor_id", sa.Text, nullable=False, index=True),
    sa.Column("merged_id", sa.Text, nullable=False, index=True),
    sa.Column("merged_at", Instant, nullable=False),
    sa.Column("merged_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("undone_at", Instant),
    sa.Column("undone_by", sa.Text),
    sa.Column("undo_reason", sa.Text),
    sa.Index(
        "uq_merges_merged_id_in_force",
        "merged_id",
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
        sqlite_where=sa.text("undone_at IS NULL"),
    ),
)

# The only place that holds a customer's key. Emptying `wrapped` makes every copy of their personal data unreadable.
DATA_KEYS = sa.Table(
    "data_keys",
    METADATA,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True, comment="`~lobby`: of what is parked"),
    sa.Column("master_id", sa.Text, nullable=False, index=True),
    sa.Column("wrapped", sa.LargeBinary, comment="null: destroyed"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("destroyed_at", Instant),
)

# Per partition, because one worker owns a partition: no two transactions wait for the same row. Partition -1: moved afterwards.
INTAKE = sa.Table(
    "intake",
    METADATA,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in ("accepted", "applied", "duplicate", "parked", "dead")),
)
