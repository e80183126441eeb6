"""Where customers stand, the moments they reached, the groups they belong to, and what was learned from all of them."""

from __future__ import annotations

import sqlalchemy as sa

from services.segmentation.tables.metadata import METADATA
from shared.database import Instant, Json

# One row per customer, by whatever made it last: an event or the day's re-cut.
STANDINGS = sa.Table(
    "standings",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("as_of", sa.Text, nullable=False),
    sa.Column("value_minor", sa.BigInteger, nullable=False, index=True),
    sa.Column("value_terms", Json, nullable=False),
    sa.Column("future_value_minor", sa.BigInteger, nullable=False),
    sa.Column("tier", sa.Text, comment="null: a prospect"),
    sa.Column("tier_reason", sa.Text, nullable=False),
    sa.Column("grade", sa.Text),
    sa.Column("star", sa.Integer, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("lifecycle", sa.Text, nullable=False),
    sa.Column("lifecycle_since", sa.Text, nullable=False),
    sa.Column("lifecycle_reason", sa.Text, nullable=False),
    sa.Column("status_group", sa.Text, nullable=False),
    sa.Column("churn_probability", sa.Float, nullable=False),
    sa.Column("churn_cause", sa.Text, nullable=False),
    sa.Column("revenue_at_risk_minor", sa.BigInteger, nullable=False),
    sa.Column("cluster", sa.Text),
    sa.Column("owed_minor", sa.BigInteger, nullable=False),
    sa.Column("overdue_days", sa.Integer, nullable=False),
    sa.Column("dunning_level", sa.Integer, nullable=False),
    sa.Column("bad_debt_risk", sa.Float, nullable=False),
    sa.Column("bad_debt_points", Json, nullable=False),
    sa.Column("left_on", sa.Text),
    sa.Column("parameter_version", sa.BigInteger, nullable=False),
    sa.Column("stale_feeds", Json, nullable=False),
    sa.Column("published", sa.BigInteger, nullable=False, comment="how often a change was published: the sequence of the last"),
    sa.Column("assessed_at", Instant, nullable=False),
)

# One row per change that was news: where a customer stood at any moment.
STANDING_HISTORY = sa.Table(
    "standing_history",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("published", sa.BigInteger, primary_key=True),
    sa.Column("assessed_at", Instant, nullable=False),
    sa.Column("dropped", sa.Text, comment="why there is no standing from here on: the other columns are null"),
    sa.Column("merged_into", sa.Text),
    *(sa.Column(name, sa.Text) for name in ("tier", "grade", "category", "lifecycle", "status_group", "cluster", "churn_cause")),
    *(sa.Column(name, sa.Integer) for name in ("star", "dunning_level")),
    *(sa.Column(name, sa.BigInteger) for name in ("value_minor", "future_value_minor", "parameter_version")),
    *(sa.Column(name, sa.Float) for name in ("churn_probability", "bad_debt_risk")),
    sa.Index("ix_standing_history_assessed_at", "assessed_at"),
)

MOMENTS = sa.Table(
    "moments",
    METADATA,
    sa.Column("moment_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("moment", sa.Text, nullable=False),
    sa.Column("reached_at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("parameter_version", sa.BigInteger, nullable=False),
    sa.Index("ix_moments_reached_at_moment_id", "reached_at", "moment_id"),
)

# Households and closed user groups: who is in them, and what each member shows.
MEMBERS = sa.Table(
    "members",
    METADATA,
    sa.Column("group_id", sa.Text, primary_key=True, comment="cug:… or household:…"),
    sa.Column("customer_id", sa.Text, primary_key=True, index=True),
    sa.Column("sign", sa.Text, nullable=False, server_default=""),
    sa.Column("sign_on", sa.Text),
)

# A group is looked at again after a member changed; `raised` is its hysteresis.
GROUPS = sa.Table(
    "groups",
    METADATA,
    sa.Column("group_id", sa.Text, primary_key=True),
    sa.Column("changes", sa.BigInteger, nullable=False, comment="+1 with each change of a member"),
    sa.Column("looked_at", sa.BigInteger, nullable=False, server_default="0", comment="the change that was last looked at"),
    sa.Column("raised_on", sa.Text, comment="the day its members were warned about, until it is armed again"),
)

# How far the feeds have come: silence, falling months and arrears are judged as of then, not of a day whose events are still to come.
HEARD = sa.Table(
    "heard",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True, comment="usage | payments"),
    sa.Column("day", sa.Text, nullable=False, comment="the newest that was told of"),
)

# What was learned from all customers, newest version of a kind in force.
MODELS = sa.Table(
    "models",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True, comment="value | risk | lifetime | survival | clusters | affinity"),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("document", Json, nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
    sa.Column("as_of", sa.Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
)

# A kind that could not be learned says why, until it can.
MODEL_TRIALS = sa.Table(
    "model_trials",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("tried_on", sa.Text, nullable=False),
    sa.Column("refused", sa.Text, comment="why there is no new model; null: there is one"),
    sa.Column("wanted", sa.Boolean, nullable=False, server_default=sa.false(), comment="asked for, whatever the day"),
)

PARAMETER_SETS = sa.Table(
    "parameter_sets",
    METADATA,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="draft | approved | rejected | rolled_back"),
    sa.Column("drafted_by", sa.Text, nullable=False),
    sa.Column("drafted_at", Instant, nullable=False),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", Instant),
    sa.Column("decided_because", sa.Text, comment="of a rejected one"),
    sa.Column("effective_from", Instant, comment="of an approved one"),
    sa.Column("rolled_back_by", sa.Text),
    sa.Column("rolled_back_at", Instant),
    sa.Column("rolled_back_because", sa.Text),
    sa.Column("based_on", sa.BigInteger, nullable=False, comment="the version it was drafted from"),
)
