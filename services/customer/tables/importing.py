"""How far the import of each file got."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant

IMPORT_RUNS = sa.Table(
    "import_runs",
    METADATA,
    sa.Column("fingerprint", sa.Text, primary_key=True, comment="of the file's content and how it is read"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("rows_done", sa.BigInteger, nullable=False, comment="moved in the transaction that takes the rows in"),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("rejects_bytes", sa.BigInteger, nullable=False, comment="length of the reject file then: what stands behind it is cut off"),
    sa.Column("applied", sa.BigInteger, nullable=False),
    sa.Column("duplicate", sa.BigInteger, nullable=False),
    sa.Column("parked", sa.BigInteger, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
)
