"""What each feature says in words, by its value. "In three months" is the month running and the three before it, and so on."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan
from typing import NamedTuple

from services.segmentation.churn.row import View
from services.segmentation.features.months import DATA_KB, IN_SECONDS, OUT_SECONDS, total

Amount = Callable[[float], str]
Own = Callable[[View], float]
"""The customer's own baseline of a feature; NaN: they have none."""

SAME_PERCENT = 1.0
"""Less is no change worth a word."""
MONTH_DAYS, YEAR_DAYS = 30, 365


class Wording(NamedTuple):
    says: Amount
    unknown: str
    """The sentence for NaN."""
    amount: Amount | None = None
    """How a value is written beside a baseline; None: a baseline adds nothing."""
    own: Own | None = None


def sentence(wording: Wording, value: float, *, own: float, typical: float) -> str:
    """Beside the customer's own baseline where there is one, else the typical value."""
    if isnan(value):
        return wording.unknown
    text, baseline = wording.says(value), typical if isnan(own) else own
    if wording.amount is None or isnan(baseline) or wording.amount(baseline) == wording.amount(value):
        return text
    return f"{text} ({'typical' if isnan(own) else 'before'}: {wording.amount(baseline)})"


def plain(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def money(minor: float) -> str:
    return f"{minor / 100:,.2f}"


def span(days: float) -> str:
    if days < 4 * MONTH_DAYS:
        return _several(days, "day", "days")
    return f"{days / MONTH_DAYS:.0f} months" if days < 2 * YEAR_DAYS else f"{plain(days / YEAR_DAYS)} years"


def _several(count: float, one: str, many: str) -> str:
    return f"{plain(count)} {one if plain(count) == '1' else many}"


def _minutes(seconds: float) -> str:
    return _several(seconds / 60, "minute", "minutes")


def _megabytes(kilobytes: float) -> str:
    return f"{plain(kilobytes / 1024)} MB"


def _share(part: float) -> str:
    return f"{100 * part:.0f} %"


def _counted(one: str, many: str, when: str, own: Own | None = None) -> Wording:
    def says(count: float) -> str:
        return f"{_several(count, one, many)} {when}" if count else f"No {one} {when}"

    return Wording(says, f"How many {many} {when} is not known", plain, own)


def _asked(about: str, own: Own) -> Wording:
    def says(count: float) -> str:
        return f"Asked {_several(count, 'time', 'times')} {about} in three months" if count else f"Did not ask {about} in three months"

    return Wording(says, f"Whether they asked {about} is not known", plain, own)


def _yes_no(yes: str, no: str) -> Wording:
    return Wording(lambda value: yes if value else no, f"Not known: {yes[0].lower()}{yes[1:]}, or not")


def _against(what: str, before: str, unknown: str) -> Wording:
    """Of a percent of what was before."""

    def says(percent: float) -> str:
        moved = "stayed at" if abs(percent - 100) < SAME_PERCENT else "fell to" if percent < 100 else "rose to"
        return f"{what} {moved} {percent:.0f} % of {before}"

    return Wording(says, unknown, own=lambda view: 100.0)


def _usage_against(what: str, was: str) -> Wording:
    return _against(what, f"what {was} in the three months before", f"There is no baseline to compare {what[0].lower()}{what[1:]} with")


def _rise(what: str, whole: str) -> Wording:
    """Of a difference of shares."""

    def says(rise: float) -> str:
        points = 100 * rise
        more = "as much" if abs(points) < SAME_PERCENT else f"{abs(points):.0f} points {'less' if points < 0 else 'more'}"
        return f"{what} make up {more} of {whole} {'as' if more == 'as much' else 'than'} in the three months before"

    return Wording(says, f"There is no baseline to compare the share of {what[0].lower()}{what[1:]} with", own=lambda view: 0.0)


def _per_day_before(*names: str) -> Own:
    return lambda view: view.per_day(view.before, *names) if view.has_baseline else nan


def _in_as_many_before(last: int, *names: str) -> Own:
    """The months before those of a count that looks `last` months back, if all of them are told of."""

    def own(view: View) -> float:
        earlier = view.ago[last + 1 : 2 * last + 2]
        return float(total(earlier, *names)) if all(earlier) else nan

    return own


def _usual_gap(view: View) -> float:
    """Days between payments; NaN: no rhythm yet, or nothing since the last one to tell it by."""
    rhythm, bought = view.rhythm, view.purchases
    return bought.recency_days(view.seen.behaviour) / rhythm if bought and rhythm > 0 else nan


def _spent_before(view: View) -> float:
    return view.spend_minor(4, 6) if all(view.ago[4:7]) else nan


def _contract(days: float) -> str:
    if days < 0:
        return f"The contract ended {span(-days)} ago"
    return f"The contract ends in {span(days)}" if days else "The contract ends today"


def _forwarded(when: str) -> Wording:
    return _counted("forwarding to another operator", "forwardings to another operator", when)


_MONTHS_3, _MONTHS_6 = "in three months", "in six months"

WORDS: dict[str, Wording] = {
    "tenure_days": Wording(lambda days: f"Here for {span(max(0.0, days))}", "Since when they are here is not known", span),
    "is_postpaid": Wording(lambda value: "Postpaid" if value else "Prepaid", "Prepaid or postpaid is not known"),
    "brand_rank": Wording(lambda rank: f"The lowest brand held is of rank {plain(rank)}", "The rank of the brand is not known", plain),
    "subscriptions": Wording(lambda count: f"Holds {_several(count, 'subscription', 'subscriptions')}", "How many subscriptions they hold is not known", plain),
    "products": Wording(lambda count: f"Holds {_several(count, 'product', 'products')}", "How many products they hold is not known", plain),
    "service_star": Wording(lambda stars: f"Service star {plain(stars)}", "No service star is known", plain),
    "is_organisation": _yes_no("An organisation", "A person"),
    "came_back": _yes_no("Left before and came back", "Did not leave before"),
    "days_to_contract_end": Wording(_contract, "No contract with a known end", span),
    "out_seconds_per_day": Wording(
        lambda seconds: f"Calls for {_minutes(seconds)} a day", "How much they call is not known", _minutes, _per_day_before(*OUT_SECONDS)
    ),
    "out_seconds_percent": _usage_against("Calls", "they were"),
    "out_seconds_average_3m": Wording(
        lambda seconds: f"Called for {_minutes(seconds)} a day in the last three whole months",
        "How much they called in three months is not known",
        _minutes,
        lambda view: view.per_day(view.ago[4:7], *OUT_SECONDS),
    ),
    "out_seconds_average_6m": Wording(
        lambda seconds: f"Called for {_minutes(seconds)} a day in the last six whole months", "How much they called in six months is not known", _minutes
    ),
    "data_kb_per_day": Wording(lambda kb: f"Uses {_megabytes(kb)} of data a day", "How much data they use is not known", _megabytes, _per_day_before(*DATA_KB)),
    "data_kb_percent": _usage_against("Data use", "it was"),
    "data_kb_average_3m": Wording(
        lambda kb: f"Used {_megabytes(kb)} of data a day in the last three whole months",
        "How much data they used in three months is not known",
        _megabytes,
        lambda view: view.per_day(view.ago[4:7], *DATA_KB),
    ),
    "data_kb_average_6m": Wording(
        lambda kb: f"Used {_megabytes(kb)} of data a day in the last six whole months", "How much data they used in six months is not known", _megabytes
    ),
    "contacts_percent": _usage_against("The numbers they call", "they were"),
    "missed_calls_percent": _usage_against("Missed calls", "they were"),
    "missed_calls_per_day": Wording(
        lambda calls: f"Misses {_several(calls, 'call', 'calls')} a day", "How many calls they miss is not known", plain, _per_day_before("missed_calls")
    ),
    "roaming_days_3m": _counted("day abroad", "days abroad", _MONTHS_3, _in_as_many_before(3, "roaming_days")),
    "silent_days": Wording(
        lambda days: f"No chargeable use for {span(days)}" if days else "Used the line on the last day known of",
        "When they last used the line is not known",
        span,
    ),
    "incoming_share": Wording(
        lambda share: f"Incoming calls are {_share(share)} of the seconds",
        "The share of incoming calls is not known",
        _share,
        lambda view: view.share(view.before, IN_SECONDS, IN_SECONDS + OUT_SECONDS) if view.has_baseline else nan,
    ),
    "incoming_share_rise": _rise("Incoming calls", "the seconds"),
    "off_net_share_3m": Wording(
        lambda share: f"Calls to other operators are {_share(share)} of what they called in the last three whole months",
        "The share of calls to other operators is not known",
        _share,
    ),
    "off_net_share_rise": _rise("Calls to other operators", "what they call"),
    "forwardings_off_net_0m": _forwarded("this month"),
    "forwardings_off_net_1m_ago": _forwarded("last month"),
    "forwardings_off_net_2m_ago": _forwarded("two months ago"),
    "forwardings_off_net_3m_ago": _forwarded("three months ago"),
    "port_out_inquiries_3m": _asked("to take the number to another operator", _in_as_many_before(3, "inquiries_port_out_pin", "port_outs_requested")),
    "contract_inquiries_3m": _asked("when the contract ends", _in_as_many_before(3, "inquiries_contract_end")),
    "spend_minor_average_3m": Wording(
        lambda minor: f"Spent {money(minor)} a month in the last three whole months", "What they spent in three months is not known", money, _spent_before
    ),
    "spend_minor_average_6m": Wording(
        lambda minor: f"Spent {money(minor)} a month in the last six whole months", "What they spent in six months is not known", money
    ),
    "bill_percent": _against("The newest bill", "the mean of the three months before", "There is no bill to compare with those before"),
    "overage_minor_3m": Wording(
        lambda minor: f"Paid {money(minor)} beyond the plan in three months" if minor else "Paid nothing beyond the plan in three months",
        "What was paid beyond the plan is not known",
        money,
        _in_as_many_before(3, "overage_minor"),
    ),
    "tariff_inquiries_3m": _asked("about tariffs", _in_as_many_before(3, "inquiries_tariff")),
    "bill_inquiries_3m": _asked("about a bill", _in_as_many_before(3, "inquiries_bill_detail")),
    "recency_days": Wording(
        lambda days: f"The last payment, or use of a prepaid line, was {_several(max(0.0, days), 'day', 'days')} ago", "No payment is known", own=_usual_gap
    ),
    "purchase_rhythm": Wording(
        lambda gaps: f"The last payment was {plain(max(0.0, gaps))} times their usual gap ago", "They have no rhythm of payments yet", own=lambda view: 1.0
    ),
    "direct_debit_share_6m": Wording(
        lambda share: f"{_share(share)} of the payments in six months were by direct debit", "How they paid in six months is not known", _share
    ),
    "payment_method_changes_3m": Wording(
        lambda changes: f"Paid in {plain(changes + 1)} ways in three months" if changes else "Paid in one way in three months",
        "In how many ways they paid is not known",
    ),
    "late_payments": Wording(
        lambda count: f"{_several(count, 'bill was', 'bills were')} paid late" if count else "No bill was paid late",
        "How often they paid late is not known",
        plain,
    ),
    "overdue_days": Wording(lambda days: f"A bill is {span(days)} past due" if days else "Nothing is past due", "What is past due is not known", span),
    "suspensions_6m": _counted("suspension", "suspensions", _MONTHS_6),
    "dropped_calls_1m": _counted("dropped call", "dropped calls", "this month and last", _in_as_many_before(1, "dropped_calls")),
    "dropped_calls_3m": _counted("dropped call", "dropped calls", _MONTHS_3, _in_as_many_before(3, "dropped_calls")),
    "access_failures_3m": _counted("call that did not connect", "calls that did not connect", _MONTHS_3, _in_as_many_before(3, "access_failures")),
    "network_faults_3m": _counted("network fault", "network faults", _MONTHS_3, _in_as_many_before(3, "network_faults")),
    "complaints_1m": _counted("complaint", "complaints", "this month and last"),
    "complaints_network_6m": _counted("complaint about the network", "complaints about the network", _MONTHS_6),
    "complaints_billing_6m": _counted("complaint about a bill", "complaints about bills", _MONTHS_6),
    "complaints_other_6m": _counted("other complaint", "other complaints", _MONTHS_6),
    "complaints_severe_6m": _counted("severe complaint", "severe complaints", _MONTHS_6),
    "open_complaint_days": Wording(
        lambda days: f"A complaint is open for {span(days)}" if days else "No complaint is open", "Whether a complaint is open is not known", span
    ),
    "complaints_overdue": Wording(
        lambda count: f"{_several(count, 'complaint is', 'complaints are')} past the due time" if count else "No complaint is past its due time",
        "Whether a complaint is past its due time is not known",
        plain,
    ),
    "care_calls_1m": _counted("call to care", "calls to care", "this month and last", _in_as_many_before(1, "care_calls")),
    "care_calls_3m": _counted("call to care", "calls to care", _MONTHS_3, _in_as_many_before(3, "care_calls")),
    "csat_mean_6m": Wording(lambda mean: f"Satisfaction of {plain(mean)} out of 5 in six months", "Not asked about satisfaction in six months", plain),
    "nps_mean_6m": Wording(lambda mean: f"Would recommend us with {plain(mean)} out of 10", "Not asked in six months whether they would recommend us", plain),
    "plan_changes_6m": _counted("change of plan", "changes of plan", _MONTHS_6),
    "brand_changes_12m": _counted("change of brand", "changes of brand", "in twelve months"),
    "products_removed_3m": _counted("product given up", "products given up", _MONTHS_3, _in_as_many_before(3, "products_removed")),
    "in_household": _yes_no("In a household of customers", "In no household of customers"),
    "in_user_group": _yes_no("In a closed user group", "In no closed user group"),
    "group_churns": _yes_no("Members of their user group are leaving", "Nobody of their user group is leaving"),
    "peer_churned": _yes_no("Somebody close to them left", "Nobody close to them left"),
}
