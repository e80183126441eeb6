"""What decisions refer to by version."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA

# A version is the hash of its content: a campaign that was approved, an offer as it was. Never changed, so a decision that names it can be made again.
CONTENTS = sa.Table(
    "contents",
    METADATA,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False, comment="a campaign or an offer as canonical JSON"),
)
