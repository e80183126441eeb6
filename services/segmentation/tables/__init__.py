"""The tables of the segmentation service."""

from __future__ import annotations

from services.segmentation.tables.analysis import CELLS, RECOUNTS, STOCK_DAYS, STOCK_MONTHS
from services.segmentation.tables.churn import CHURN_HISTORY, CHURN_MODELS, CHURN_SCORES, EXPOSURES, OBSERVATIONS
from services.segmentation.tables.metadata import METADATA
from services.segmentation.tables.scores import ALERTS, CUTS, FEATURES, FEEDS, PURCHASE_DAYS, RECUTS, RFM, RFM_HISTORY
from services.segmentation.tables.standings import GROUPS, HEARD, MEMBERS, MODEL_TRIALS, MODELS, MOMENTS, PARAMETER_SETS, STANDING_HISTORY, STANDINGS
from shared.idempotency import idempotency_table
from shared.inbox import inbox_tables
from shared.outbox import outbox_table
from shared.worker import workers_table

OUTBOX = outbox_table(METADATA)
INBOX = inbox_tables(METADATA, OUTBOX)
WORKERS = workers_table(METADATA)
IDEMPOTENCY = idempotency_table(METADATA)

__all__ = [
    "ALERTS",
    "CELLS",
    "CHURN_HISTORY",
    "CHURN_MODELS",
    "CHURN_SCORES",
    "CUTS",
    "EXPOSURES",
    "FEATURES",
    "FEEDS",
    "GROUPS",
    "HEARD",
    "IDEMPOTENCY",
    "INBOX",
    "MEMBERS",
    "METADATA",
    "MODELS",
    "MODEL_TRIALS",
    "MOMENTS",
    "OBSERVATIONS",
    "OUTBOX",
    "PARAMETER_SETS",
    "PURCHASE_DAYS",
    "RECOUNTS",
    "RECUTS",
    "RFM",
    "RFM_HISTORY",
    "STANDINGS",
    "STANDING_HISTORY",
    "STOCK_DAYS",
    "STOCK_MONTHS",
    "WORKERS",
]
