"""What each table holds of a customer, and what an erasure does with it: export and erasure are made from this list alone.

A test walks all tables and fails when one is neither here nor among those that hold nothing of a customer.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import sqlalchemy as sa

from services.customer import tables


class Holding(NamedTuple):
    """`columns` name the customer; without one the rows belong to those of the table that their foreign key points into."""

    table: sa.Table
    columns: tuple[str, ...]
    holds: str
    at_erasure: Literal["deleted", "stripped", "kept"]
    hidden: tuple[str, ...] = ()


# Rows that belong to others come before those others: that is the order they are deleted in.
HOLDINGS = (
    Holding(tables.CUSTOMERS, ("customer_id", "survivor_id"), "who the customer is", "stripped"),
    Holding(tables.FACTS, ("customer_id",), "every event reported about the customer", "stripped"),
    Holding(tables.IDENTIFIERS, ("customer_id",), "numbers, SIMs, documents, devices and accounts, and when they were the customer's", "deleted"),
    Holding(tables.ROLLUPS, ("customer_id",), "what was counted by month", "kept"),
    Holding(tables.MERGES, ("survivor_id", "merged_id"), "with whom the customer was found to be one person", "kept"),
    Holding(tables.MOVES, ("from_customer_id", "to_customer_id"), "events that turned out to be another customer's, or this one's", "kept"),
    Holding(tables.CASES, ("survivor_id", "customer_id"), "complaints", "deleted"),
    Holding(tables.PROSPECT_KEYS, (), "what the customer was recognised by as a prospect, as keyed indexes", "deleted"),
    Holding(tables.PROSPECTS, ("customer_id",), "the prospect that the customer was", "stripped"),
    Holding(tables.MATCH_QUEUE, ("customer_id",), "that the customer is to be compared with others", "deleted"),
    Holding(tables.MATCH_KEYS, ("customer_id",), "what the customer is compared by, as keyed indexes", "deleted"),
    Holding(tables.REVIEW_EVIDENCE, (), "what made two customers look like one, as keyed indexes", "deleted"),
    Holding(tables.REVIEWS, ("one", "other"), "with whom the customer may be one person, and what was decided", "deleted"),
    Holding(tables.STAYS, ("customer_id",), "when the customer came and left", "kept"),
    Holding(tables.CIRCLES, ("customer_id",), "whom the customer calls, as keyed indexes", "deleted"),
    Holding(tables.VISITS, ("customer_id",), "which cells the customer was served by lately", "deleted"),
    Holding(tables.REENTRIES, ("customer_id", "former_customer_id"), "that the customer is a former one", "kept"),
    Holding(tables.BIRTHDAYS, ("customer_id",), "month and day of birth, as a keyed index", "deleted"),
    Holding(tables.QUALITIES, ("customer_id",), "how complete and valid what is known of the customer is", "deleted"),
    Holding(
        tables.DATA_KEYS, ("customer_id",), "the keys that personal texts are sealed under; the keys themselves are not exported", "stripped", ("wrapped",)
    ),
    Holding(tables.LEGAL_HOLDS, ("customer_id",), "duties to keep what is known of the customer", "kept"),
    Holding(tables.ERASURES, ("customer_id",), "that the customer was erased before", "kept"),
    Holding(tables.AUDIT_LOG, ("customer_id",), "who read or changed what of the customer", "kept"),
)

# What came by these is in the tables above, or is about nobody in particular. Dead letters are sealed as a whole: what is in
# one can not be said to be a customer's, but those that an erased customer's identifiers lead to are deleted.
OF_NO_CUSTOMER = (
    tables.AUDIT_ANCHORS,
    tables.FEEDS,
    tables.FEED_CHANGES,
    tables.FEED_HOURS,
    tables.FEED_SAMPLES,
    tables.FEED_SHAPES,
    tables.FEED_WATCH,
    tables.IDEMPOTENCY_KEYS,
    tables.INBOX.dead_letters,
    tables.INBOX.watermarks,
    tables.IMPORT_RUNS,
    tables.INTAKE,
    tables.OUTBOX,
    tables.WORKERS,
    tables.BIRTHDAY_BACKFILL,
    tables.BLOCK_LIST,
    tables.EXPIRIES,
    tables.UNTOLD_OUTAGES,
)
