"""How many pieces of an offer there are, and who has one."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant

# A contact holds one piece of the offer it makes; what came of it gives that back or spends it. What is left is what was ever supplied
# less the pieces that are reserved or spent: of an offer with a stock there are never more of these than the stock.
OFFER_PIECES = sa.Table(
    "offer_pieces",
    METADATA,
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decisions.decision_id"), primary_key=True),
    sa.Column("offer_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="reserved, released, spent"),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Index("ix_offer_pieces_offer_id_state", "offer_id", "state"),
)

OFFER_RESTOCKS = sa.Table(
    "offer_restocks",
    METADATA,
    sa.Column("offer_id", sa.Text, sa.ForeignKey("offers.offer_id"), primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column("pieces", sa.BigInteger, nullable=False, comment="added; below zero: taken out"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("restocked_at", Instant, nullable=False),
)
