"""Monthly behaviour: which fact adds what to which measure of its month, and the windows that churn analysis looks through.

A month is a handful of integers. Each measure is a sum over the month's facts, or a maximum; both merge in any order, so a late
or out-of-order fact gives the same month as one in time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.clock import months_before
from shared.contracts import billing, care, customer, network, orders, retention
from shared.contracts.envelope import Payload

Deltas = dict[str, int]
Month = Mapping[str, int]

MONTHS_KEPT = 13

FAR_ENDS = ("on_net", "off_net", "fixed", "international", "premium")
MAXIMA = ("distinct_contacts",)
SUMS = (
    "bills", "billed_minor", "overage_minor", "roaming_billed_minor",
    "payments", "paid_minor", "reversals", "reversed_minor", "top_ups", "topped_up_minor",
    *(f"payments_{method}" for method in ("cash", "card", "direct_debit", "bank_transfer", "wallet", "voucher")),
    "suspensions", "resumptions", "written_off_minor", "points_redeemed",
    "usage_days",
    *(f"{direction}_{far_end}_{what}" for far_end in FAR_ENDS
      for direction in ("out", "in") for what in ("calls", "seconds")),
    "sms_out", "sms_in", "data_2g_kb", "data_3g_kb", "data_4g_kb", "data_5g_kb",
    "roaming_days", "roaming_calls", "roaming_seconds", "roaming_data_kb",
    "care_calls", "missed_calls", "forwardings_on_net", "forwardings_off_net",
    "dropped_calls", "access_failures", "network_faults", "device_changes",
    *(f"complaints_{kind}" for kind in ("network", "billing", "service", "product", "other")),
    *(f"complaints_{severity}" for severity in ("minor", "major", "critical")),
    "complaints_escalated", "complaints_resolved", "complaints_overdue",
    *(f"inquiries_{kind}" for kind in ("bill_detail", "tariff", "port_out_pin", "contract_end", "coverage", "other")),
    "surveys", "csat_answers", "csat_sum", "nps_answers", "nps_sum", "agent_contacts", "retention_calls", "retention_offers_accepted",
    "plan_changes", "brand_changes", "products_added", "products_removed", "contracts_renewed", "port_outs_requested",
    "retention_contacts", "retention_saves",
)  # fmt: skip
MEASURES = (*SUMS, *MAXIMA)


def deltas_of(payload: Payload) -> Deltas:
    """What one fact adds to its month; empty for facts that no measure counts."""
    measure = _MEASURES_OF.get(type(payload))
    return {name: value for name, value in measure(payload).items() if value} if measure else {}


def add(month: Deltas, deltas: Mapping[str, int]) -> None:
    """Merge `deltas` into `month` in place."""
    for name, value in deltas.items():
        month[name] = max(month.get(name, 0), value) if name in MAXIMA else month.get(name, 0) + value


def windows(months: Mapping[str, Month], *, now_month: str) -> dict[str, Any]:
    """The windows of churn analysis, as seen in `now_month`: months -1 to -6 are whole, the month running is not in them."""
    back = {count: months.get(months_before(now_month, count), {}) for count in range(1, 7)}
    three, six = [back[count] for count in (1, 2, 3)], list(back.values())
    out_seconds = sum(_out_seconds(month) for month in three)
    return {
        "out_seconds_average_3m": round(out_seconds / 3, 2),
        "out_seconds_average_6m": round(sum(_out_seconds(month) for month in six) / 6, 2),
        "data_kb_average_3m": round(sum(_data_kb(month) for month in three) / 3, 2),
        "data_kb_average_6m": round(sum(_data_kb(month) for month in six) / 6, 2),
        "billed_minor_average_3m": round(_total(three, "billed_minor") / 3, 2),
        "billed_minor_average_6m": round(_total(six, "billed_minor") / 6, 2),
        "paid_minor_average_3m": round((_total(three, "paid_minor") + _total(three, "topped_up_minor")) / 3, 2),
        "forwardings_off_net_1m_2m_3m": [back[count].get("forwardings_off_net", 0) for count in (1, 2, 3)],
        "off_net_share_3m": round(_total(three, "out_off_net_seconds") / out_seconds, 4) if out_seconds else None,
        "missed_calls_3m": _total(three, "missed_calls"),
        "roaming_calls_3m": _total(three, "roaming_calls"),
        "dropped_calls_3m": _total(three, "dropped_calls"),
        "network_faults_3m": _total(three, "network_faults"),
        "suspensions_6m": _total(six, "suspensions"),
        # Methods used beyond the first: the least number of changes that explains what was paid how.
        "payment_method_changes_3m": max(0, sum(1 for method in _METHODS if _total(three, method)) - 1),
        "complaints_3m": sum(_total(three, kind) for kind in _COMPLAINT_KINDS),
        "complaints_6m": sum(_total(six, kind) for kind in _COMPLAINT_KINDS),
    }


_METHODS = tuple(name for name in SUMS if name.startswith("payments_"))
_COMPLAINT_KINDS = tuple(f"complaints_{kind}" for kind in ("network", "billing", "service", "product", "other"))
_OUT_SECONDS = tuple(name for name in SUMS if name.startswith("out_") and name.endswith("_seconds"))
_DATA_KB = ("data_2g_kb", "data_3g_kb", "data_4g_kb", "data_5g_kb")


def _total(months: list[Month], name: str) -> int:
    return sum(month.get(name, 0) for month in months)


def _out_seconds(month: Month) -> int:
    return sum(month.get(name, 0) for name in _OUT_SECONDS)


def _data_kb(month: Month) -> int:
    return sum(month.get(name, 0) for name in _DATA_KB)


def _bill(payload: billing.BillIssued) -> Deltas:
    lines = payload.lines
    return {
        "bills": 1,
        "billed_minor": payload.amount_minor,
        "overage_minor": sum(line.amount_minor for line in lines if line.category == "overage"),
        "roaming_billed_minor": sum(line.amount_minor for line in lines if line.category == "roaming"),
    }


def _usage(payload: network.UsageSummarised) -> Deltas:
    data, roaming = payload.data, payload.roaming
    found = {
        "usage_days": payload.days, "sms_out": payload.sms_out, "sms_in": payload.sms_in,
        "data_2g_kb": data.g2_kb, "data_3g_kb": data.g3_kb, "data_4g_kb": data.g4_kb, "data_5g_kb": data.g5_kb,
        "roaming_days": roaming.days, "roaming_calls": roaming.calls, "roaming_seconds": roaming.seconds, "roaming_data_kb": roaming.data_kb,
        "care_calls": payload.care_calls, "missed_calls": payload.missed_calls, "distinct_contacts": payload.distinct_contacts,
        "forwardings_on_net": sum(one.activations for one in payload.forwarding if one.on_net),
        "forwardings_off_net": sum(one.activations for one in payload.forwarding if not one.on_net),
    }  # fmt: skip
    for far_end in FAR_ENDS:
        voice: network.Voice = getattr(payload, far_end)
        found[f"out_{far_end}_calls"], found[f"out_{far_end}_seconds"] = voice.out_calls, voice.out_seconds
        found[f"in_{far_end}_calls"], found[f"in_{far_end}_seconds"] = voice.in_calls, voice.in_seconds
    return found


def _survey(payload: care.SurveyAnswered) -> Deltas:
    return {
        "surveys": 1,
        "csat_answers": int(payload.csat is not None), "csat_sum": payload.csat or 0,
        "nps_answers": int(payload.nps is not None), "nps_sum": payload.nps or 0,
    }  # fmt: skip


def _agent_contact(payload: care.AgentContacted) -> Deltas:
    retention_call = payload.reason == "retention"
    return {
        "agent_contacts": 1,
        "retention_calls": int(retention_call),
        "retention_offers_accepted": int(retention_call and payload.offer_accepted is True),
    }


def _one(name: str) -> Callable[[Any], Deltas]:
    return lambda payload: {name: 1}


_MEASURES_OF: dict[type[Payload], Callable[[Any], Deltas]] = {
    billing.BillIssued: _bill,
    billing.PaymentReceived: lambda p: {"payments": 1, "paid_minor": p.amount_minor, f"payments_{p.method}": 1},
    billing.PaymentReversed: lambda p: {"reversals": 1, "reversed_minor": p.amount_minor},
    billing.ToppedUp: lambda p: {"top_ups": 1, "topped_up_minor": p.amount_minor, f"payments_{p.method}": 1},
    billing.AccountSuspended: _one("suspensions"),
    billing.AccountResumed: _one("resumptions"),
    billing.DebtWrittenOff: lambda p: {"written_off_minor": p.amount_minor},
    billing.PointsRedeemed: lambda p: {"points_redeemed": p.points},
    network.UsageSummarised: _usage,
    network.QualitySummarised: lambda p: {"dropped_calls": p.dropped_calls, "access_failures": p.access_failures},
    network.DeviceChanged: _one("device_changes"),
    care.ComplaintOpened: lambda p: {f"complaints_{p.kind}": 1, f"complaints_{p.severity}": 1},
    care.ComplaintEscalated: _one("complaints_escalated"),
    care.ComplaintResolved: _one("complaints_resolved"),
    customer.CaseOverdue: _one("complaints_overdue"),
    customer.NetworkFaultMet: _one("network_faults"),
    care.InquiryMade: lambda p: {f"inquiries_{p.kind}": 1},
    care.SurveyAnswered: _survey,
    care.AgentContacted: _agent_contact,
    orders.PlanChanged: _one("plan_changes"),
    orders.BrandChanged: _one("brand_changes"),
    orders.ProductAdded: _one("products_added"),
    orders.ProductRemoved: _one("products_removed"),
    orders.ContractRenewed: _one("contracts_renewed"),
    orders.PortOutRequested: _one("port_outs_requested"),
    retention.OutcomeRecorded: lambda p: {"retention_contacts": 1, "retention_saves": int(p.result == "saved")},
}
