"""The tables of the retention service."""

from __future__ import annotations

from services.retention.tables.budget import BUDGET_ENTRIES
from services.retention.tables.credits import CALENDARS, CREDITS, WORKS
from services.retention.tables.decisions import (
    ASSIGNMENTS,
    CAMPAIGN_STEPS,
    CAMPAIGNS,
    COMPLAINTS,
    CONTACTABLES,
    DECISIONS,
    HEARD_ALERTS,
    OFFERS,
    OUTCOMES,
    TASK_STEPS,
    TASKS,
    TROUBLES,
    WAITING,
)
from services.retention.tables.loyalty import LOYALTY_ENTRIES, LOYALTY_LOTS, LOYALTY_MEMBERS, LOYALTY_REDEMPTIONS, LOYALTY_REVERSALS
from services.retention.tables.messages import MESSAGE_ATTEMPTS, MESSAGE_TEMPLATES, MESSAGES
from services.retention.tables.metadata import METADATA
from services.retention.tables.objections import DECISION_REVIEWS, OBJECTIONS
from services.retention.tables.reachability import REACHES
from services.retention.tables.receipts import CONTENTS
from services.retention.tables.runs import CAMPAIGN_RUNS, RUN_MEMBERS
from services.retention.tables.stock import OFFER_PIECES, OFFER_RESTOCKS
from services.retention.tables.worths import WORTHS
from shared.idempotency import idempotency_table
from shared.inbox import inbox_tables
from shared.outbox import outbox_table
from shared.worker import workers_table

IDEMPOTENCY_KEYS = idempotency_table(METADATA)
OUTBOX = outbox_table(METADATA)
INBOX = inbox_tables(METADATA, OUTBOX)
WORKERS = workers_table(METADATA)

__all__ = [
    "ASSIGNMENTS",
    "BUDGET_ENTRIES",
    "CALENDARS",
    "CAMPAIGNS",
    "CAMPAIGN_RUNS",
    "CAMPAIGN_STEPS",
    "COMPLAINTS",
    "CONTACTABLES",
    "CONTENTS",
    "CREDITS",
    "DECISIONS",
    "DECISION_REVIEWS",
    "HEARD_ALERTS",
    "IDEMPOTENCY_KEYS",
    "INBOX",
    "LOYALTY_ENTRIES",
    "LOYALTY_LOTS",
    "LOYALTY_MEMBERS",
    "LOYALTY_REDEMPTIONS",
    "LOYALTY_REVERSALS",
    "MESSAGES",
    "MESSAGE_ATTEMPTS",
    "MESSAGE_TEMPLATES",
    "METADATA",
    "OBJECTIONS",
    "OFFERS",
    "OFFER_PIECES",
    "OFFER_RESTOCKS",
    "OUTBOX",
    "OUTCOMES",
    "REACHES",
    "RUN_MEMBERS",
    "TASKS",
    "TASK_STEPS",
    "TROUBLES",
    "WAITING",
    "WORKERS",
    "WORKS",
    "WORTHS",
]
