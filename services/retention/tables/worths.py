"""What segmentation told of each customer that decisions weigh."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Json

WORTHS = sa.Table(
    "worths",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("standing_sequence", sa.BigInteger, nullable=False),
    sa.Column("tier", sa.Text),
    sa.Column("future_value_minor", sa.BigInteger),
    sa.Column("churn_sequence", sa.BigInteger, nullable=False),
    sa.Column("risk", sa.Float, comment="probability to leave within the horizon"),
    sa.Column("sensitivity", Json, nullable=False),
    sa.Column("versions", Json, nullable=False, comment="of the models"),
    sa.Column("reasons", Json, nullable=False, server_default="[]"),
    sa.Column("standing", Json, nullable=False, server_default="{}", comment="what audiences ask for"),
    sa.Column("rfm_sequence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rfm", Json, nullable=False, server_default="{}", comment="segment, r, f, m"),
)
