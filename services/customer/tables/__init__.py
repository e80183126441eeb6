"""The tables of the customer service."""

from __future__ import annotations

from services.customer.tables.audit import AUDIT_ANCHORS, AUDIT_LOG
from services.customer.tables.birthdays import BIRTHDAY_BACKFILL, BIRTHDAYS
from services.customer.tables.cases import CASES
from services.customer.tables.importing import IMPORT_RUNS
from services.customer.tables.matching import BLOCK_LIST, MATCH_KEYS, MATCH_QUEUE, REVIEW_EVIDENCE, REVIEWS
from services.customer.tables.metadata import METADATA
from services.customer.tables.network_faults import UNTOLD_OUTAGES, VISITS
from services.customer.tables.privacy import ERASURES, EXPIRIES, LEGAL_HOLDS
from services.customer.tables.prospects import PROSPECT_KEYS, PROSPECTS
from services.customer.tables.quality import QUALITIES
from services.customer.tables.reentry import CIRCLES, REENTRIES, STAYS
from services.customer.tables.registry import CUSTOMERS, DATA_KEYS, FACTS, IDENTIFIERS, INTAKE, MERGES, MOVES, ROLLUPS
from services.customer.tables.watch import FEED_CHANGES, FEED_HOURS, FEED_SAMPLES, FEED_SHAPES, FEED_WATCH, FEEDS
from shared.idempotency import idempotency_table
from shared.inbox import inbox_tables
from shared.outbox import outbox_table
from shared.worker import workers_table

OUTBOX = outbox_table(METADATA)
INBOX = inbox_tables(METADATA, OUTBOX)
WORKERS = workers_table(METADATA)
IDEMPOTENCY_KEYS = idempotency_table(METADATA)

__all__ = [
    "AUDIT_ANCHORS",
    "AUDIT_LOG",
    "BIRTHDAYS",
    "BIRTHDAY_BACKFILL",
    "BLOCK_LIST",
    "CASES",
    "CIRCLES",
    "CUSTOMERS",
    "DATA_KEYS",
    "ERASURES",
    "EXPIRIES",
    "FACTS",
    "FEEDS",
    "FEED_CHANGES",
    "FEED_HOURS",
    "FEED_SAMPLES",
    "FEED_SHAPES",
    "FEED_WATCH",
    "IDEMPOTENCY_KEYS",
    "IDENTIFIERS",
    "IMPORT_RUNS",
    "INBOX",
    "INTAKE",
    "LEGAL_HOLDS",
    "MATCH_KEYS",
    "MATCH_QUEUE",
    "MERGES",
    "METADATA",
    "MOVES",
    "OUTBOX",
    "PROSPECTS",
    "PROSPECT_KEYS",
    "QUALITIES",
    "REENTRIES",
    "REVIEWS",
    "REVIEW_EVIDENCE",
    "ROLLUPS",
    "STAYS",
    "UNTOLD_OUTAGES",
    "VISITS",
    "WORKERS",
]
