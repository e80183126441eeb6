"""What is kept of a customer, RFM scores and their cut points, warnings, and the state of the feeds."""

from __future__ import annotations

import sqlalchemy as sa

from services.segmentation.tables.metadata import METADATA
from shared.database import Instant, Json

# The row is the customer's lock: who changes anything of a customer holds it.
FEATURES = sa.Table(
    "features",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("last_sequence", sa.BigInteger, nullable=False, comment="of the activity taken in"),
    sa.Column("gaps", Json, nullable=False, comment="sequences below it that never came"),
    sa.Column("brand", sa.Text),
    sa.Column("payment_type", sa.Text),
    sa.Column("population", sa.Text, nullable=False),
    sa.Column("months", Json, nullable=False, comment="the latest 13"),
    sa.Column("holding", Json, nullable=False, server_default="{}", comment="what rules read of the profile"),
    sa.Column("active", Json, nullable=False, server_default="[]", comment="stretches of days with chargeable events"),
    sa.Column("active_day", sa.Text, comment="of a prepaid customer: of the last chargeable event"),
    sa.Column("account", Json, nullable=False, server_default="{}", comment="bills and payments on them, the bar, the credit limit"),
    sa.Column("complaints", Json, nullable=False, server_default="{}"),
    sa.Column("faults", Json, nullable=False, server_default="[]", comment="network faults met: when, which cell, of what kind"),
    sa.Column("moments", Json, nullable=False, server_default="{}", comment="moment -> the day it was last reached"),
    sa.Column("sign", sa.Text, nullable=False, server_default="", comment="forwarding | silent | left: what others of the group are told"),
    sa.Column("alerted", Json, nullable=False, comment="alert kind -> what was raised and is not armed again"),
    sa.Column("returned", sa.Boolean, nullable=False, server_default=sa.false(), comment="left and came back under this id"),
    sa.Column("merged_into", sa.Text),
    sa.Column("erased", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("updated_at", Instant, nullable=False),
)

PURCHASE_DAYS = sa.Table(
    "purchase_days",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("payments", sa.BigInteger, nullable=False, comment="0: only reversals, not a purchase day"),
    sa.Column("paid_minor", sa.BigInteger, nullable=False, comment="reversals taken off"),
)

RFM = sa.Table(
    "rfm",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("population", sa.Text, nullable=False),
    sa.Column("first_day", sa.Text, comment="of the first payment"),
    sa.Column("paid_day", sa.Text, comment="of the last payment"),
    sa.Column("last_day", sa.Text, nullable=False, comment="of the last payment; of a prepaid customer of the last chargeable event, if later"),
    sa.Column("frequency", sa.BigInteger, nullable=False, comment="days with a payment"),
    sa.Column("monetary_minor", sa.BigInteger, nullable=False),
    sa.Column("as_of", sa.Text, nullable=False, comment="the day recency was counted to"),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("r", "f", "m")),
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("cut_version", sa.BigInteger, nullable=False),
    sa.Column("returned", sa.Boolean, nullable=False, server_default=sa.false(), comment="no new customer, whatever the segment"),
    sa.Column("stale_feeds", Json, nullable=False, server_default="[]", comment="that it was made on"),
    sa.Column("parameter_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("published", sa.BigInteger, nullable=False, comment="how often a change was published: the sequence of the last"),
    sa.Column("scored_at", Instant, nullable=False),
)

# One row per score that was news, and per score that was dropped: what was known at any moment.
RFM_HISTORY = sa.Table(
    "rfm_history",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("published", sa.BigInteger, primary_key=True, comment="the sequence it was published with"),
    sa.Column("scored_at", Instant, nullable=False),
    sa.Column("dropped", sa.Text, comment="why there is no score from here on: the columns of the score are null"),
    sa.Column("merged_into", sa.Text),
    sa.Column("population", sa.Text),
    sa.Column("last_day", sa.Text),
    sa.Column("frequency", sa.BigInteger),
    sa.Column("monetary_minor", sa.BigInteger),
    sa.Column("as_of", sa.Text),
    *(sa.Column(name, sa.Integer) for name in ("r", "f", "m")),
    sa.Column("segment", sa.Text),
    sa.Column("cut_version", sa.BigInteger),
    sa.Column("returned", sa.Boolean),
    sa.Column("parameter_version", sa.BigInteger),
    sa.Column("stale_feeds", Json),
    sa.Index("ix_rfm_history_scored_at", "scored_at"),
)

# One row per re-cut, from the wish to the last customer scored by it; a newer one takes over from one that is not finished.
RECUTS = sa.Table(
    "recuts",
    METADATA,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("as_of", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False, comment="schedule | request | parameters | engine"),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("parameter_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("cut_at", Instant),
    sa.Column("scored_to", sa.Text, nullable=False, server_default="", comment="customers up to this id are done"),
    sa.Column("customers", sa.BigInteger, nullable=False, server_default="0", comment="scored so far"),
    sa.Column("changed", sa.BigInteger, nullable=False, server_default="0", comment="of them, scored differently than before"),
    sa.Column("finished_at", Instant),
)

CUTS = sa.Table(
    "cuts",
    METADATA,
    sa.Column("population", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, sa.ForeignKey("recuts.version"), primary_key=True),
    sa.Column("points", Json, nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
)

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("raised_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("caused_by", sa.Text, nullable=False),
    sa.Column("parameter_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("stale_feeds", Json, nullable=False, server_default="[]", comment="that it was raised on"),
    sa.Index("ix_alerts_raised_at_alert_id", "raised_at", "alert_id"),
)

# What the customer service last said of each source of events.
FEEDS = sa.Table(
    "feeds",
    METADATA,
    sa.Column("feed_topic", sa.Text, primary_key=True),
    sa.Column("feed_source", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="healthy, silent, drifted, unusual_volume"),
    sa.Column("changed_at", Instant, nullable=False),
)
