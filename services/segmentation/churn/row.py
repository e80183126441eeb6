"""The row that a churn model reads: one number per feature, of one customer as of one day, for training and for serving alike.

Windows: `_0m` is the month running, `_1m` it and the last whole month, `_3m` it and the three before, `_6m` and `_12m` likewise;
`_average_3m` and `_average_6m` are of whole months, `_1m_ago` of the month before the one running. Usage is per covered day, as a
month has four weekly summaries or five; `_percent` is the newest month with a week of summaries against the three before it: 100 is
as before. What is not known is NaN: nobody is taken for average who was never seen.

Whoever changes what a feature means gives `ROW_VERSION` another number: models of the old one are refused, not fed something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property
from math import nan
from typing import Literal, NamedTuple

from services.segmentation.features import Features, complaints
from services.segmentation.features.account import Position
from services.segmentation.features.active import silent_days
from services.segmentation.features.months import COMPLAINTS, DATA_KB, IN_SECONDS, METHODS, NOTHING, OUT_SECONDS, Month, back, covered, revenue_minor, total
from services.segmentation.rfm import Purchases
from services.segmentation.seen import Seen

ROW_VERSION = 1

FIT_DAYS = 7
BASELINE_DAYS = 45
"""Covered days of the three months before: less is no baseline."""

Row = tuple[float, ...]
Topic = Literal["tenure", "usage", "competitor", "price", "payment", "network", "care", "order", "circle"]


class View:
    """One customer as of one day: what was done is judged as of `seen.behaviour`, terms by the calendar. Each month is looked up once."""

    def __init__(self, features: Features, purchases: Purchases | None, position: Position, seen: Seen) -> None:
        self.features, self.purchases, self.position, self.seen = features, purchases, position, seen
        self.ago = back(features.months, seen.behaviour, 0, 12)
        newest = next((ago for ago in range(3) if self.ago[ago].get("usage_days", 0) >= FIT_DAYS), None)
        self.now: list[Month] = [NOTHING] if newest is None else [self.ago[newest]]
        self.before: Sequence[Month] = () if newest is None else self.ago[newest + 1 : newest + 4]
        self.live = features.live

    @cached_property
    def has_baseline(self) -> bool:
        return covered(self.before) >= BASELINE_DAYS

    def count(self, last: int, *names: str) -> float:
        """In the month running and `last` before it."""
        return float(total(self.ago[: last + 1], *names))

    def per_day(self, months: Sequence[Month], *names: str) -> float:
        days = covered(months)
        return total(months, *names) / days if days else nan

    def per_day_average(self, count: int, *names: str) -> float:
        return self.per_day(self.ago[1 : count + 1], *names)

    def percent(self, *names: str) -> float:
        """Of the newest month, per covered day, against the baseline."""
        baseline = self.per_day(self.before, *names) if self.has_baseline else 0.0
        return 100 * self.per_day(self.now, *names) / baseline if baseline else nan

    def share(self, months: Sequence[Month], of: Sequence[str], among: Sequence[str]) -> float:
        whole = total(months, *among)
        return total(months, *of) / whole if whole else nan

    def rise(self, of: Sequence[str], among: Sequence[str]) -> float:
        """Of a share, against the baseline."""
        return self.share(self.now, of, among) - self.share(self.before, of, among) if self.has_baseline else nan

    def spend_minor(self, first: int, last: int) -> float:
        """Mean of whole months."""
        return revenue_minor(self.ago[first : last + 1]) / (last - first + 1)

    def is_open(self, kind: str) -> float:
        return float(kind in self.features.alerted)

    @property
    def tenure_days(self) -> float:
        joined = self.features.joined_on
        return float((self.seen.today - joined).days) if joined else nan

    @property
    def days_to_contract_end(self) -> float:
        ends = [one["contract_ends"] for one in self.live if one["contract_ends"]]
        return float((date.fromisoformat(min(ends)) - self.seen.today).days) if ends else nan

    @property
    def open_complaint_days(self) -> float:
        """Of the oldest complaint that is not resolved; 0: there is none."""
        opened = min((one["opened"] for one in self.features.complaints.values() if "opened" in one and "resolved" not in one), default=None)
        return float(max(1, (self.seen.behaviour - date.fromisoformat(opened[:10])).days)) if opened else 0.0

    @property
    def bill_percent(self) -> float:
        """The newest month with a bill against the mean of the three before it."""
        newest = next((ago for ago in range(3) if self.ago[ago].get("bills")), None)
        before = total(self.ago[newest + 1 : newest + 4], "billed_minor") / 3 if newest is not None else 0.0
        return 100 * self.ago[newest].get("billed_minor", 0) / before if newest is not None and before > 0 else nan

    @property
    def contacts_percent(self) -> float:
        """Whom they call: the most in a summary of the newest month, against the mean of the months before."""
        known = [month["distinct_contacts"] for month in self.before if month.get("distinct_contacts")]
        return 100 * total(self.now, "distinct_contacts") * len(known) / sum(known) if known else nan

    @property
    def rhythm(self) -> float:
        return _or_nan(self.purchases.rhythm(self.seen.behaviour) if self.purchases else None)


class Feature(NamedTuple):
    name: str
    topic: Topic
    read: Callable[[View], float]


def _or_nan(value: float | None) -> float:
    return nan if value is None else float(value)


def _ranks(view: View) -> list[int]:
    return [one["brand_rank"] for one in view.live if one["brand_rank"] is not None]


CATALOGUE: tuple[Feature, ...] = (
    Feature("tenure_days", "tenure", lambda view: view.tenure_days),
    Feature("is_postpaid", "tenure", lambda view: float(view.features.payment_type == "postpaid") if view.features.payment_type else nan),
    Feature("brand_rank", "tenure", lambda view: float(min(_ranks(view), default=nan))),
    Feature("subscriptions", "tenure", lambda view: float(len(view.live))),
    Feature("products", "tenure", lambda view: float(sum(len(one["products"]) for one in view.live))),
    Feature("service_star", "tenure", lambda view: _or_nan(view.features.holding.get("service_star"))),
    Feature("is_organisation", "tenure", lambda view: float(view.features.holding.get("kind") == "organisation")),
    Feature("came_back", "tenure", lambda view: float(view.features.returned)),
    Feature("days_to_contract_end", "tenure", lambda view: view.days_to_contract_end),
    Feature("out_seconds_per_day", "usage", lambda view: view.per_day(view.now, *OUT_SECONDS)),
    Feature("out_seconds_percent", "usage", lambda view: view.percent(*OUT_SECONDS)),
    Feature("out_seconds_average_3m", "usage", lambda view: view.per_day_average(3, *OUT_SECONDS)),
    Feature("out_seconds_average_6m", "usage", lambda view: view.per_day_average(6, *OUT_SECONDS)),
    Feature("data_kb_per_day", "usage", lambda view: view.per_day(view.now, *DATA_KB)),
    Feature("data_kb_percent", "usage", lambda view: view.percent(*DATA_KB)),
    Feature("data_kb_average_3m", "usage", lambda view: view.per_day_average(3, *DATA_KB)),
    Feature("data_kb_average_6m", "usage", lambda view: view.per_day_average(6, *DATA_KB)),
    Feature("contacts_percent", "usage", lambda view: view.contacts_percent),
    Feature("missed_calls_percent", "usage", lambda view: view.percent("missed_calls")),
    Feature("missed_calls_per_day", "usage", lambda view: view.per_day(view.now, "missed_calls")),
    Feature("roaming_days_3m", "usage", lambda view: view.count(3, "roaming_days")),
    Feature("silent_days", "usage", lambda view: _or_nan(silent_days(view.features.active, view.seen.usage))),
    Feature("incoming_share", "competitor", lambda view: view.share(view.now, IN_SECONDS, IN_SECONDS + OUT_SECONDS)),
    Feature("incoming_share_rise", "competitor", lambda view: view.rise(IN_SECONDS, IN_SECONDS + OUT_SECONDS)),
    Feature("off_net_share_3m", "competitor", lambda view: view.share(view.ago[1:4], ("out_off_net_seconds",), OUT_SECONDS)),
    Feature("off_net_share_rise", "competitor", lambda view: view.rise(("out_off_net_seconds",), OUT_SECONDS)),
    Feature("forwardings_off_net_0m", "competitor", lambda view: view.count(0, "forwardings_off_net")),
    Feature("forwardings_off_net_1m_ago", "competitor", lambda view: float(view.ago[1].get("forwardings_off_net", 0))),
    Feature("forwardings_off_net_2m_ago", "competitor", lambda view: float(view.ago[2].get("forwardings_off_net", 0))),
    Feature("forwardings_off_net_3m_ago", "competitor", lambda view: float(view.ago[3].get("forwardings_off_net", 0))),
    Feature("port_out_inquiries_3m", "competitor", lambda view: view.count(3, "inquiries_port_out_pin", "port_outs_requested")),
    Feature("contract_inquiries_3m", "competitor", lambda view: view.count(3, "inquiries_contract_end")),
    Feature("spend_minor_average_3m", "price", lambda view: view.spend_minor(1, 3)),
    Feature("spend_minor_average_6m", "price", lambda view: view.spend_minor(1, 6)),
    Feature("bill_percent", "price", lambda view: view.bill_percent),
    Feature("overage_minor_3m", "price", lambda view: view.count(3, "overage_minor")),
    Feature("tariff_inquiries_3m", "price", lambda view: view.count(3, "inquiries_tariff")),
    Feature("bill_inquiries_3m", "price", lambda view: view.count(3, "inquiries_bill_detail")),
    Feature("recency_days", "payment", lambda view: _or_nan(view.purchases.recency_days(view.seen.behaviour) if view.purchases else None)),
    Feature("purchase_rhythm", "payment", lambda view: view.rhythm),
    Feature("direct_debit_share_6m", "payment", lambda view: view.share(view.ago[:7], ("payments_direct_debit",), METHODS)),
    Feature("payment_method_changes_3m", "payment", lambda view: float(max(0, sum(1 for method in METHODS if view.count(3, method)) - 1))),
    Feature("late_payments", "payment", lambda view: float(view.position.late_payments)),
    Feature("overdue_days", "payment", lambda view: float(view.position.overdue_days)),
    Feature("suspensions_6m", "payment", lambda view: view.count(6, "suspensions")),
    Feature("dropped_calls_1m", "network", lambda view: view.count(1, "dropped_calls")),
    Feature("dropped_calls_3m", "network", lambda view: view.count(3, "dropped_calls")),
    Feature("access_failures_3m", "network", lambda view: view.count(3, "access_failures")),
    Feature("network_faults_3m", "network", lambda view: view.count(3, "network_faults")),
    Feature("complaints_1m", "care", lambda view: view.count(1, *COMPLAINTS)),
    Feature("complaints_network_6m", "care", lambda view: view.count(6, "complaints_network")),
    Feature("complaints_billing_6m", "care", lambda view: view.count(6, "complaints_billing")),
    Feature("complaints_other_6m", "care", lambda view: view.count(6, "complaints_service", "complaints_product", "complaints_other")),
    Feature("complaints_severe_6m", "care", lambda view: view.count(6, "complaints_major", "complaints_critical")),
    Feature("open_complaint_days", "care", lambda view: view.open_complaint_days),
    Feature("complaints_overdue", "care", lambda view: float(len(complaints.overdue(view.features.complaints)))),
    Feature("care_calls_1m", "care", lambda view: view.count(1, "care_calls")),
    Feature("care_calls_3m", "care", lambda view: view.count(3, "care_calls")),
    Feature("csat_mean_6m", "care", lambda view: view.share(view.ago[:7], ("csat_sum",), ("csat_answers",))),
    Feature("nps_mean_6m", "care", lambda view: view.share(view.ago[:7], ("nps_sum",), ("nps_answers",))),
    Feature("plan_changes_6m", "order", lambda view: view.count(6, "plan_changes")),
    Feature("brand_changes_12m", "order", lambda view: view.count(12, "brand_changes")),
    Feature("products_removed_3m", "order", lambda view: view.count(3, "products_removed")),
    Feature("in_household", "circle", lambda view: float(bool(view.features.holding.get("household")))),
    Feature("in_user_group", "circle", lambda view: float(any(one["cugs"] for one in view.live))),
    Feature("group_churns", "circle", lambda view: view.is_open("group_churn")),
    Feature("peer_churned", "circle", lambda view: view.is_open("peer_churn")),
)
FEATURES: tuple[str, ...] = tuple(feature.name for feature in CATALOGUE)


def row_of(view: View) -> Row:
    """In the order of `FEATURES`."""
    return tuple(feature.read(view) for feature in CATALOGUE)
