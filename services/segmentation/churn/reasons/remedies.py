"""What can be done about a cause, and what the row would be once it is gone. What was already done to a customer stays: a complaint
that is solved was still made. What is not known is left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan
from typing import NamedTuple

from services.segmentation.churn.reasons import words
from services.segmentation.churn.row import View
from services.segmentation.features.months import DATA_KB, OUT_SECONDS

Values = Mapping[str, float]
Changes = dict[str, float]

RENEWED_DAYS = 365
"""A renewed contract runs a year at least."""


class Remedy(NamedTuple):
    words: Callable[[View], str]
    changes: Callable[[View, Values, Values], Changes]
    """Of the row's features, given it and the typical values: only what becomes different."""


def _at_most(values: Values, limit: float, *names: str) -> Changes:
    return {name: limit for name in names if values[name] > limit}


def _at_least(values: Values, limit: float, *names: str) -> Changes:
    return {name: limit for name in names if values[name] < limit}


def _never(*names: str) -> Callable[[View, Values, Values], Changes]:
    return lambda view, values, typical: _at_most(values, 0.0, *names)


def _used_as_before(view: View, values: Values, typical: Values) -> Changes:
    """All that a fall of usage moves comes back together."""
    found = _at_least(values, 100.0, "out_seconds_percent", "data_kb_percent", "contacts_percent") | _at_most(values, 0.0, "silent_days")
    for name, measures in (("out_seconds", OUT_SECONDS), ("data_kb", DATA_KB)):
        if f"{name}_percent" in found and view.has_baseline:
            found[f"{name}_per_day"] = view.per_day(view.before, *measures)
    if values["incoming_share_rise"] > 0:
        found |= {"incoming_share": values["incoming_share"] - values["incoming_share_rise"], "incoming_share_rise": 0.0}
    return found


def _heard_again(view: View, values: Values, typical: Values) -> Changes:
    return _used_as_before(view, values, typical) if values["silent_days"] > 0 else {}


def _calls_again(view: View, values: Values, typical: Values) -> Changes:
    return _used_as_before(view, values, typical) if values["incoming_share_rise"] > 0 else {}


def _off_net(view: View, values: Values, typical: Values) -> Changes:
    usual = typical.get("off_net_share_3m", 1.0)
    return _at_most(values, 0.0, "off_net_share_rise") | _at_most(values, usual, "off_net_share_3m")


def _overage(view: View, values: Values, typical: Values) -> Changes:
    gone = _at_most(values, 0.0, "overage_minor_3m")
    return gone | _at_most(values, 100.0, "bill_percent") if gone else {}


def _bill(view: View, values: Values, typical: Values) -> Changes:
    return _at_most(values, 100.0, "bill_percent") | _at_most(values, 0.0, "bill_inquiries_3m")


def _renewed(view: View, values: Values, typical: Values) -> Changes:
    return _at_least(values, RENEWED_DAYS, "days_to_contract_end") | _at_most(values, 0.0, "contract_inquiries_3m")


def _method(view: View, values: Values, typical: Values) -> Changes:
    return _at_least(values, 1.0, "direct_debit_share_6m") | _at_most(values, 0.0, "payment_method_changes_3m")


def _settled(view: View, values: Values, typical: Values) -> Changes:
    """Who pays what is past due has also paid just now."""
    gone = _at_most(values, 0.0, "overdue_days")
    return gone | _at_most(values, 0.0, "recency_days", "purchase_rhythm") if gone else {}


def _satisfied(view: View, values: Values, typical: Values) -> Changes:
    found: Changes = {}
    for name in ("csat_mean_6m", "nps_mean_6m"):
        found |= _at_least(values, typical.get(name, values[name]), name)
    return found


def _solve(view: View) -> str:
    ids = sorted(complaint_id for complaint_id, one in view.features.complaints.items() if "resolved" not in one)
    return f"solve the open complaint{'s' if len(ids) > 1 else ''} {', '.join(ids)}".rstrip()


def _renew(view: View) -> str:
    ends = min((one["contract_ends"] for one in view.live if one["contract_ends"]), default=None)
    return f"renew the contract that ends on {ends}" if ends and ends >= view.seen.today.isoformat() else "renew the contract"


def _settle(view: View) -> str:
    owed = view.position.owed_minor
    return f"agree on how the {words.money(owed)} past due are paid" if owed else "agree on how what is past due is paid"


def _restore(view: View) -> str:
    before = view.per_day(view.before, *OUT_SECONDS) if view.has_baseline else 0.0
    return "win the usage back" + (f": they called for {before / 60:.0f} minutes a day" if not isnan(before) and before >= 60 else "")


def _always(text: str) -> Callable[[View], str]:
    return lambda view: text


RENEWAL = Remedy(_renew, _renewed)
USAGE = Remedy(_restore, _used_as_before)
SILENCE = Remedy(_restore, _heard_again)
MULTI_SIM = Remedy(_always("make calls from this SIM worth it again"), _calls_again)
OFF_NET = Remedy(_always("a tariff that includes calls to other operators"), _off_net)
FORWARDING = Remedy(
    _always("ask what the other operator's line is for, and serve that here"),
    _never(*(f"forwardings_off_net_{when}" for when in ("0m", "1m_ago", "2m_ago", "3m_ago"))),
)
PORT_OUT = Remedy(_always("answer the other operator's offer before the number is taken"), _never("port_out_inquiries_3m"))
OVERAGE = Remedy(_always("a tariff without overage"), _overage)
BILL = Remedy(_always("explain the bill, and bring it back to what it was"), _bill)
TARIFF = Remedy(_always("a tariff that fits their use"), _never("tariff_inquiries_3m"))
PAYMENT = Remedy(_always("bring about the next payment: a reminder, or a top-up offer"), _never("recency_days", "purchase_rhythm"))
METHOD = Remedy(_always("set up direct debit"), _method)
ARREARS = Remedy(_settle, _settled)
NETWORK = Remedy(_always("better coverage where they are"), _never("dropped_calls_1m", "dropped_calls_3m", "access_failures_3m", "network_faults_3m"))
COMPLAINTS = Remedy(_solve, _never("open_complaint_days", "complaints_overdue"))
CARE = Remedy(_always("settle what they called care about"), _never("care_calls_1m", "care_calls_3m"))
SATISFACTION = Remedy(_always("ask what they are not content with, and mend it"), _satisfied)
