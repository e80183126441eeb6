"""Churn scores and the models that make them, what is kept to learn from, and who was contacted or held out."""

from __future__ import annotations

import sqlalchemy as sa

from services.segmentation.tables.metadata import METADATA
from shared.database import Instant, Json

# One row per customer, made with their standing. `row` is what the models read: float32, little-endian, in the order of `row_version`.
CHURN_SCORES = sa.Table(
    "churn_scores",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("as_of", sa.Text, nullable=False),
    sa.Column("population", sa.Text, comment="among whom they were scored; null: not by a model"),
    sa.Column("basis", sa.Text, nullable=False, comment="model | rules"),
    sa.Column("basis_reason", sa.Text, nullable=False),
    sa.Column("probability", sa.Float, nullable=False, comment="to leave within the horizon"),
    sa.Column("probabilities", Json, nullable=False, comment="by target, of the models there are"),
    sa.Column("versions", Json, nullable=False, comment="by target, the model that said so"),
    sa.Column("shadow", Json, nullable=False, comment="by version, what challengers say"),
    sa.Column("sensitivity", Json, nullable=False),
    sa.Column("row", sa.LargeBinary, nullable=False),
    sa.Column("row_version", sa.Integer, nullable=False),
    sa.Column("published", sa.BigInteger, nullable=False, comment="how often a change was published: the sequence of the last"),
    sa.Column("published_probability", sa.Float, nullable=False),
    sa.Column("scored_at", Instant, nullable=False),
    sa.Index("ix_churn_scores_probability", "probability"),
)

# One row per score that was news, with its reasons: what was known at any moment.
CHURN_HISTORY = sa.Table(
    "churn_history",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("published", sa.BigInteger, primary_key=True),
    sa.Column("scored_at", Instant, nullable=False),
    sa.Column("dropped", sa.Text, comment="why there is no score from here on: the other columns are null"),
    sa.Column("merged_into", sa.Text),
    *(sa.Column(name, sa.Text) for name in ("as_of", "population", "basis", "basis_reason")),
    sa.Column("probability", sa.Float),
    *(sa.Column(name, Json) for name in ("probabilities", "versions", "sensitivity", "reasons")),
)

# Of the same share of the customers every few days: the row as it was served then, and later what became of them.
OBSERVATIONS = sa.Table(
    "churn_observations",
    METADATA,
    sa.Column("observed_on", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, primary_key=True, index=True),
    sa.Column("population", sa.Text, nullable=False),
    sa.Column("row", sa.LargeBinary, nullable=False),
    sa.Column("row_version", sa.Integer, nullable=False),
    sa.Column("probabilities", Json, nullable=False, comment="by target"),
    sa.Column("versions", Json, nullable=False, comment="by target"),
    sa.Column("shadow", Json, nullable=False, comment="by version"),
    *(sa.Column(target, sa.SmallInteger, comment="1, 0; -1: excluded; null: not final yet") for target in ("leave", "brand_downgrade", "arpu_decline")),
)

# Registered, then in shadow beside the champion, then champion of its target and population, then retired.
CHURN_MODELS = sa.Table(
    "churn_models",
    METADATA,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("population", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="registered | shadow | champion | retired"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the ONNX file"),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    sa.Column("card", Json, nullable=False),
    sa.Column("registered_by", sa.Text, nullable=False),
    sa.Column("registered_at", Instant, nullable=False),
    sa.Column("promoted_by", sa.Text),
    sa.Column("promoted_at", Instant),
    sa.Column("promoted_because", sa.Text),
    sa.Column("replaced", sa.BigInteger, comment="the champion before it; 0: the built-in one, or none"),
    sa.Column("retired_by", sa.Text),
    sa.Column("retired_at", Instant),
    sa.Column("retired_because", sa.Text),
)

# The first exposure of a customer to a campaign: contacted, or held out to compare with. As intended, whether they were reached or not.
EXPOSURES = sa.Table(
    "exposures",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, nullable=False, comment="treatment | hold_out"),
    sa.Column("exposed_on", sa.Text, nullable=False, index=True),
    sa.Column("row", sa.LargeBinary, comment="as it was at that moment; null: the customer was not known here yet"),
    sa.Column("row_version", sa.Integer),
    sa.Column("leave", sa.SmallInteger, comment="1, 0; -1: excluded; null: not final yet"),
)
