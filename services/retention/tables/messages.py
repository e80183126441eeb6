"""What customers are written, by which template, and what came of each attempt to send it."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant

# A version is never changed: what was sent can be traced to the text it was made of. The highest one is in force.
MESSAGE_TEMPLATES = sa.Table(
    "message_templates",
    METADATA,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("language", sa.Text, primary_key=True, comment="empty: for any"),
    sa.Column("segment", sa.Text, primary_key=True, comment="empty: for any"),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

MESSAGES = sa.Table(
    "messages",
    METADATA,
    sa.Column("message_id", sa.Text, primary_key=True, comment="follows from the decision; also the idempotency key of every attempt"),
    sa.Column("decision_id", sa.Text, nullable=False, index=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False, comment="asked for"),
    sa.Column("segment", sa.Text, nullable=False, comment="asked for"),
    sa.Column("template", sa.Text, comment="the one that was chosen, with its version; null: there was none"),
    sa.Column("subject", sa.Text, nullable=False, comment="blank once the customer was erased"),
    sa.Column("body", sa.Text, nullable=False, comment="blank once the customer was erased"),
    sa.Column("state", sa.Text, nullable=False, comment="queued, sending, sent, delivered, failed, expired, suppressed"),
    sa.Column("reason", sa.Text, comment="why it ended without being sent, or why it was not delivered"),
    sa.Column("enqueued_at", Instant, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("expires_at", Instant, comment="not sent from then on; null: three days after the first attempt"),
    sa.Column("next_at", Instant, nullable=False, comment="when it is due"),
    sa.Column("attempts", sa.Integer, nullable=False, comment="begun; the number of the last one is what its result is accepted by"),
    sa.Column("first_tried_at", Instant),
    sa.Column("lease_until", Instant, comment="real time; while sending: from then on another worker takes it over"),
    sa.Column("sent_at", Instant),
    sa.Column("ended_at", Instant, comment="of delivered, failed, expired, suppressed"),
    sa.Index("ix_messages_state_next_at", "state", "next_at"),
    sa.Index("ix_messages_customer_id_enqueued_at", "customer_id", "enqueued_at", "message_id"),
    sa.Index("ix_messages_enqueued_at", "enqueued_at", "message_id"),
)

# Written before the call: an attempt without an end is one whose result nobody knows.
MESSAGE_ATTEMPTS = sa.Table(
    "message_attempts",
    METADATA,
    sa.Column("message_id", sa.Text, sa.ForeignKey("messages.message_id"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("outcome", sa.Text, comment="accepted, refused, unaddressed, retry; null: under way, or never known"),
    sa.Column("code", sa.Text, comment="the receiver's status, or what went wrong"),
)
