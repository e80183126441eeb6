"""By what today's birthdays are found, without opening anybody's date of birth."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables.metadata import METADATA
from shared.database import Instant

BIRTHDAYS = sa.Table(
    "birthdays",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True, comment="who carries on after merges"),
    # There are 366 values: who sees many rows guesses them. It is published nowhere.
    sa.Column("key", sa.Text, nullable=False, comment="keyed index of month and day of birth"),
    sa.Column("zone", sa.Text, nullable=False, comment="the customer's own; empty: the operator's"),
    sa.Column("year", sa.Integer, nullable=False, comment="of the last birthday looked at; 0: none since something changed"),
    sa.Index("ix_birthdays_key_zone_customer_id", "key", "zone", "customer_id"),
)

# One row until everybody known before there was an index is in it; then none.
BIRTHDAY_BACKFILL = sa.Table(
    "birthday_backfill",
    METADATA,
    sa.Column("reached", sa.Text, primary_key=True, comment="the id up to which all are in it"),
    sa.Column("starts_at", Instant, nullable=False, comment="when no worker of the release before, which keeps no index, is left"),
)
