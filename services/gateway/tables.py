"""The tables of the gateway. But for listeners and access, nothing here is the truth: it can be built again from the topics."""

from __future__ import annotations

import sqlalchemy as sa

from services.gateway.view import BLOCKS
from shared.database import Instant, Json, metadata
from shared.inbox import inbox_tables
from shared.outbox import outbox_table
from shared.worker import workers_table

METADATA = metadata()

# One row answers the 360 view. A block is JSON text, and is answered as it stands.
VIEWS = sa.Table(
    "views",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("last_sequence", sa.BigInteger, nullable=False, comment="of the last activity applied"),
    sa.Column("version", sa.BigInteger, nullable=False, comment="+1 with every change"),
    sa.Column("reset_sequence", sa.BigInteger, nullable=False, server_default="0", comment="of the activity that last told the customer anew"),
    sa.Column("merged_into", sa.Text, index=True, comment="who carries on for this customer: an alias, until an un-merge"),
    sa.Column("erased_at", Instant),
    *(sa.Column(name, sa.Text) for name in BLOCKS),
    *(sa.Column(f"{name}_at", Instant) for name in BLOCKS),
)

# Who says to own an identifier now. More than one may: the news of the one who left comes by another partition.
LOOKUPS = sa.Table(
    "lookups",
    METADATA,
    sa.Column("identifier", sa.Text, primary_key=True, comment="account:…, or msisdn:, imsi:, document: and a keyed hash"),
    sa.Column("customer_id", sa.Text, primary_key=True, index=True),
    sa.Column("since", Instant, nullable=False),
)

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("raised_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("caused_by", sa.Text, nullable=False),
    sa.Column("parameter_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("stale_feeds", Json, nullable=False, server_default="[]", comment="that it was raised on"),
    sa.Index("ix_alerts_raised_at_alert_id", "raised_at", "alert_id"),
    sa.Index("ix_alerts_customer_id_raised_at", "customer_id", "raised_at"),
)

# The outcome may come before the task it belongs to: until both are there, the columns of the other are null.
TASKS = sa.Table(
    "tasks",
    METADATA,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("alert_id", sa.Text, nullable=False),
    sa.Column("offer_id", sa.Text, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("priority", sa.Integer),
    sa.Column("opened_at", Instant),
    sa.Column("due_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("script", sa.Text),
    sa.Column("status", sa.Text, nullable=False, comment="open, done, cancelled"),
    sa.Column("outcome", Json),
    sa.Index("ix_tasks_status_priority", "status", "priority"),
)

# Who wants events pushed.
LISTENERS = sa.Table(
    "listeners",
    METADATA,
    sa.Column("listener_id", sa.Text, primary_key=True),
    sa.Column("callback", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False, comment="which events; empty: all"),
    sa.Column("secret", sa.LargeBinary, nullable=False, comment="sealed; what its calls are signed with"),
    sa.Column("state", sa.Text, nullable=False, comment="active, paused (too much waits), ended (it answered 410)"),
    sa.Column("state_since", Instant, nullable=False),
    sa.Column("missed", sa.BigInteger, nullable=False, server_default="0", comment="events that came while it was paused"),
    sa.Column("not_before", Instant, comment="it asked to be left alone until then"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("api", sa.Text, comment="tmf621, ...: gets its v4 notifications; null: CloudEvents"),
    sa.UniqueConstraint("callback", "query"),
)

# One event for one listener. While it waits: a claim moves `at` past the end of the call, so who dies leaves it to the next.
DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("delivery_id", sa.Text, primary_key=True, comment="follows from listener and event; also the idempotency key of every attempt"),
    sa.Column("listener_id", sa.Text, sa.ForeignKey("listeners.listener_id", ondelete="CASCADE"), nullable=False),
    sa.Column("customer_id", sa.Text, index=True, comment="null: the event is about none"),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="waiting, delivered, dead"),
    sa.Column("at", Instant, nullable=False, comment="waiting: when it is due; otherwise when that ended"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="begun; the number of the last is what its result is accepted by"),
    sa.Column("first_tried_at", Instant),
    sa.Column("code", sa.Text, comment="what came of the last attempt"),
    sa.Index("ix_deliveries_listener_id_state_at", "listener_id", "state", "at", "delivery_id"),
)

# The log that streams read and resume in.
STREAM_EVENTS = sa.Table(
    "stream_events",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False, comment="in the order of commits: see STREAM_HEAD"),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, comment="null: the event is about none"),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

# One row. Ids are given out under its lock, which is held until the commit: whoever sees an id sees all that are smaller.
STREAM_HEAD = sa.Table(
    "stream_head",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("last_id", sa.BigInteger, nullable=False),
    sa.Column("trimmed_to", sa.BigInteger, nullable=False, comment="the last id that is not kept any more"),
)

OUTBOX = outbox_table(METADATA)
INBOX = inbox_tables(METADATA, OUTBOX)
WORKERS = workers_table(METADATA)

# The secret of a key is shown once, when it is made; here is its hash.
API_KEYS = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("secret_hash", sa.Text, nullable=False, comment="SHA-256, hexadecimal"),
    sa.Column("client", sa.Text, nullable=False, comment="whose it is; a client may have several"),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant, comment="to the hour"),
    sa.Column("revoked_at", Instant),
    sa.Column("revoked_by", sa.Text),
)

# Counted by the minute: who is refused often must not fill a table.
REFUSALS = sa.Table(
    "refusals",
    METADATA,
    sa.Column("minute", Instant, primary_key=True),
    sa.Column("client", sa.Text, primary_key=True, comment="empty: nobody that is known"),
    sa.Column("address", sa.Text, primary_key=True, comment="of IPv6 a /64"),
    sa.Column("code", sa.Text, primary_key=True, comment="of the error catalogue; http_403, http_429: of a service behind"),
    sa.Column("reason", sa.Text, primary_key=True, comment="the missing scope, or what is wrong with a token"),
    sa.Column("count", sa.BigInteger, nullable=False),
)

USAGE = sa.Table(
    "usage",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
)
