"""Every topic name, and nothing else may spell one."""

from __future__ import annotations

from typing import NamedTuple

BILLING = "billing"
NETWORK = "network"
CARE = "care"
ORDERS = "orders"

ACTIVITY = "activity"
SEGMENTS = "segments"
ALERTS = "alerts"
CONTACTS = "contacts"
OUTCOMES = "outcomes"
FEEDS = "feeds"

INPUTS = (BILLING, NETWORK, CARE, ORDERS)


class Topic(NamedTuple):
    name: str
    publisher: str
    keyed_by: str
    retention_days: int
    description: str


TOPICS = (
    Topic(BILLING, "billing", "subject", 7, "Bills, payments, top-ups, suspensions, limits and debt, as billing reports them."),
    Topic(NETWORK, "network", "subject", 7, "Usage and quality summaries, outages and device changes, as network management reports them."),
    Topic(CARE, "care", "subject", 7, "Complaints, inquiries, surveys and agent contacts, as the care desk reports them."),
    Topic(ORDERS, "orders", "subject", 7, "Customers, subscriptions, plans, contracts and ports, as order entry reports them."),
    Topic(ACTIVITY, "customer", "customer id", 30, "Everything new about a customer: clean, deduplicated, in sequence per customer."),
    Topic(FEEDS, "customer", "feed", 30, "Sources of events that fell silent, changed, or are as usual again."),
    Topic(SEGMENTS, "segmentation", "customer id", 30, "RFM scores, value tiers, lifecycle stages and the moments that matter, as they change."),
    Topic(ALERTS, "segmentation", "customer id", 30, "Warnings found in a customer's behaviour: of churn, of arrears, of fraud."),
    Topic(CONTACTS, "retention", "customer id", 30, "Decisions of campaigns and the tasks they opened."),
    Topic(OUTCOMES, "retention", "customer id", 30, "What came of each contact."),
)


def dead_letter_topic(topic: str, group: str) -> str:
    return f"{topic}.{group}.dlq"
