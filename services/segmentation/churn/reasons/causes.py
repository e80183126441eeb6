"""Features that a person would name as one thing: each belongs to one cause, so that causes add up as their features do."""

from __future__ import annotations

from typing import NamedTuple

from services.segmentation.churn.reasons import evidence, remedies
from services.segmentation.churn.reasons.evidence import Find, by_month
from services.segmentation.churn.reasons.remedies import Remedy


class Cause(NamedTuple):
    name: str
    features: tuple[str, ...]
    evidence: Find
    remedy: Remedy | None = None
    """None: nothing can be done about it."""


_FORWARDINGS = tuple(f"forwardings_off_net_{when}" for when in ("0m", "1m_ago", "2m_ago", "3m_ago"))
_LEVEL = ("out_seconds_per_day", "out_seconds_average_3m", "out_seconds_average_6m", "data_kb_per_day", "data_kb_average_3m", "data_kb_average_6m")
_COMPLAINTS = (
    "complaints_1m", "complaints_network_6m", "complaints_billing_6m", "complaints_other_6m", "complaints_severe_6m", "open_complaint_days",
    "complaints_overdue",
)  # fmt: skip

CAUSES: tuple[Cause, ...] = (
    Cause("tenure", ("tenure_days", "came_back"), evidence.joined),
    Cause("holdings", ("is_postpaid", "brand_rank", "subscriptions", "products", "service_star", "is_organisation"), evidence.subscriptions),
    Cause("contract", ("days_to_contract_end", "contract_inquiries_3m"), evidence.contracts, remedies.RENEWAL),
    Cause("usage_level", _LEVEL, evidence.usage),
    Cause("usage_change", ("out_seconds_percent", "data_kb_percent", "contacts_percent"), evidence.usage, remedies.USAGE),
    Cause("missed_calls", ("missed_calls_percent", "missed_calls_per_day"), evidence.usage),
    Cause("silence", ("silent_days",), evidence.silence, remedies.SILENCE),
    Cause("roaming", ("roaming_days_3m",), by_month(3, "roaming_days")),
    Cause("incoming_only", ("incoming_share", "incoming_share_rise"), evidence.usage, remedies.MULTI_SIM),
    Cause("off_net_calls", ("off_net_share_3m", "off_net_share_rise"), evidence.calls_by_network, remedies.OFF_NET),
    Cause("forwarding", _FORWARDINGS, by_month(3, "forwardings_off_net"), remedies.FORWARDING),
    Cause("port_out", ("port_out_inquiries_3m",), by_month(3, "inquiries_port_out_pin", "port_outs_requested"), remedies.PORT_OUT),
    Cause("spend", ("spend_minor_average_3m", "spend_minor_average_6m"), by_month(6, "billed_minor", "topped_up_minor", "paid_minor")),
    Cause("bill", ("bill_percent", "bill_inquiries_3m"), evidence.bills_and_inquiries, remedies.BILL),
    Cause("overage", ("overage_minor_3m",), evidence.bills_and_overage, remedies.OVERAGE),
    Cause("tariff", ("tariff_inquiries_3m",), by_month(3, "inquiries_tariff"), remedies.TARIFF),
    Cause("payments", ("recency_days", "purchase_rhythm"), evidence.purchases, remedies.PAYMENT),
    Cause("payment_method", ("direct_debit_share_6m", "payment_method_changes_3m"), evidence.methods, remedies.METHOD),
    Cause("arrears", ("late_payments", "overdue_days", "suspensions_6m"), evidence.arrears, remedies.ARREARS),
    Cause("network", ("dropped_calls_1m", "dropped_calls_3m", "access_failures_3m", "network_faults_3m"), evidence.network, remedies.NETWORK),
    Cause("complaints", _COMPLAINTS, evidence.complaints, remedies.COMPLAINTS),
    Cause("care_calls", ("care_calls_1m", "care_calls_3m"), by_month(3, "care_calls"), remedies.CARE),
    Cause("satisfaction", ("csat_mean_6m", "nps_mean_6m"), by_month(6, "csat_sum", "csat_answers", "nps_sum", "nps_answers"), remedies.SATISFACTION),
    Cause("changes", ("plan_changes_6m", "brand_changes_12m", "products_removed_3m"), by_month(12, "plan_changes", "brand_changes", "products_removed")),
    Cause("circle", ("in_household", "in_user_group", "group_churns", "peer_churned"), evidence.circle),
)
CAUSE_OF: dict[str, Cause] = {feature: cause for cause in CAUSES for feature in cause.features}
