"""The tables of the customer service."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Instant, Json, metadata
from shared.inbox import inbox_tables
from shared.outbox import outbox_table
from shared.worker import workers_table

METADATA = metadata()

CUSTOMERS = sa.Table(
    "customers",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("profile", Json, nullable=False),
    sa.Column("activity_sequence", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)

# Whose an identifier was, and when: numbers are recycled, so an event belongs to the owner at its time.
IDENTIFIERS = sa.Table(
    "identifiers",
    METADATA,
    sa.Column("identifier", sa.Text, primary_key=True, comment="as in a subject: msisdn:…, account:…, customer:…"),
    sa.Column("valid_from", Instant, primary_key=True),
    sa.Column("valid_to", Instant),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.customer_id"), nullable=False, index=True),
)

# The facts are the inbox: (source, id) is what makes an event the same event.
FACTS = sa.Table(
    "facts",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, comment="null: about a cell"),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("time", Instant, nullable=False),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Index("ix_facts_customer_id_occurred_at", "customer_id", "occurred_at"),
)

ROLLUPS = sa.Table(
    "rollups",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("month", sa.Text, primary_key=True),
    sa.Column("measures", Json, nullable=False, comment="those that are not zero; changed only under the customer's row lock"),
)

PARKED = sa.Table(
    "parked_events",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False, comment="the event as structured JSON"),
    sa.Column("parked_at", Instant, nullable=False),
)

# Per partition, because one worker owns a partition: no two transactions wait for the same row.
INTAKE = sa.Table(
    "intake",
    METADATA,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in ("accepted", "applied", "duplicate", "parked", "dead")),
)

OUTBOX = outbox_table(METADATA)
INBOX = inbox_tables(METADATA, OUTBOX)
WORKERS = workers_table(METADATA)
