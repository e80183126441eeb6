"""What is behind a reason: the ids, days and months that somebody can look up. Values are as JSON has them."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

from services.segmentation.churn.row import View
from services.segmentation.features.months import DATA_KB, IN_SECONDS, METHODS, OUT_SECONDS, covered, total
from shared import clock

Evidence = dict[str, Any]
Find = Callable[[View], Evidence]

BILLS_SHOWN = 4
"""The newest, and the three it is measured against."""


def nothing_more(view: View) -> Evidence:
    return {}


def by_month(last: int, *names: str) -> Find:
    """Each month that has any, from the month running to `last` before it: measure -> value."""

    def find(view: View) -> Evidence:
        found = ((_month(view, ago), {name: view.ago[ago][name] for name in names if view.ago[ago].get(name)}) for ago in range(last + 1))
        return {"months": {month: measures for month, measures in found if measures}}

    return find


methods = by_month(6, *METHODS)


def joined(view: View) -> Evidence:
    day = view.features.joined_on
    return {"joined_on": day.isoformat() if day else None}


def subscriptions(view: View) -> Evidence:
    shown = ("subscription_id", "brand", "plan", "products")
    return {"subscriptions": [{name: one[name] for name in shown} for one in view.live], "service_star": view.features.holding.get("service_star")}


def contracts(view: View) -> Evidence:
    ending = [{"subscription_id": one["subscription_id"], "contract_ends": one["contract_ends"]} for one in view.live if one["contract_ends"]]
    return {"contracts": sorted(ending, key=lambda one: str(one["contract_ends"]))} | by_month(3, "inquiries_contract_end")(view)


def usage(view: View) -> Evidence:
    """Per covered day, of the newest month with a week of summaries and of the three before it."""
    found: Evidence = {"usage_days": covered(view.now), "baseline_days": covered(view.before)}
    for name, measures in (("out_seconds", OUT_SECONDS), ("in_seconds", IN_SECONDS), ("data_kb", DATA_KB), ("missed_calls", ("missed_calls",))):
        found[f"{name}_per_day"] = _rounded(view.per_day(view.now, *measures))
        found[f"baseline_{name}_per_day"] = _rounded(view.per_day(view.before, *measures))
    return {"month": next((_month(view, ago) for ago in range(3) if view.now == [view.ago[ago]] and found["usage_days"]), None)} | found


def calls_by_network(view: View) -> Evidence:
    """Seconds of the newest month and of the three before it."""
    return {
        name: {"off_net_seconds": total(months, "out_off_net_seconds"), "seconds": total(months, *OUT_SECONDS)}
        for name, months in (("now", view.now), ("before", view.before))
    }


def silence(view: View) -> Evidence:
    active, heard = view.features.active, view.seen.usage
    return {"last_active_on": active[-1][1] if active else None, "heard_until": heard.isoformat() if heard else None}


def bills(view: View) -> Evidence:
    """The newest ones, newest first."""
    issued = [(one["issued"], bill_id, one) for bill_id, one in view.features.account.get("bills", {}).items() if "issued" in one]
    newest = sorted(issued, key=lambda one: one[:2], reverse=True)[:BILLS_SHOWN]
    return {"bills": [{"bill_id": bill_id, "amount_minor": bill["amount"], "issued_on": issued_on} for issued_on, bill_id, bill in newest]}


def bills_and_overage(view: View) -> Evidence:
    return bills(view) | by_month(3, "overage_minor")(view)


def bills_and_inquiries(view: View) -> Evidence:
    return bills(view) | by_month(3, "inquiries_bill_detail")(view)


def arrears(view: View) -> Evidence:
    known = view.features.account.get("bills", {})
    overdue = [{"bill_id": one, "amount_minor": known[one]["amount"], "due_on": known[one]["due"]} for one in view.position.bills if one in known]
    return {"owed_minor": view.position.owed_minor, "bills": overdue} | by_month(6, "suspensions")(view)


def purchases(view: View) -> Evidence:
    bought = view.purchases
    if bought is None:
        return {"last_day": None, "days": 0}
    gap = (bought.last_day - bought.first_day).days / (bought.frequency - 1) if bought.first_day and bought.frequency > 1 else None
    return {"last_day": bought.last_day.isoformat(), "days": bought.frequency, "usual_gap_days": None if gap is None else round(gap, 1)}


def network(view: View) -> Evidence:
    """The faults met since the first of the months that are counted, with the days."""
    since = _month(view, 3)
    met = [{"began_at": began, "cell_id": cell, "kind": kind} for began, cell, kind in view.features.faults if began[:7] >= since]
    return {"faults": met} | by_month(3, "dropped_calls", "access_failures", "network_faults")(view)


def complaints(view: View) -> Evidence:
    """Those of six months, and the older ones that are still open."""
    since, shown = _month(view, 6), ("kind", "severity", "opened", "overdue", "resolved")
    known = sorted(view.features.complaints.items(), key=lambda item: (item[1].get("opened", ""), item[0]))
    recent = [(complaint_id, one) for complaint_id, one in known if "resolved" not in one or one.get("opened", "")[:7] >= since]
    return {"complaints": [{"complaint_id": complaint_id} | {name: one[name] for name in shown if name in one} for complaint_id, one in recent]}


def circle(view: View) -> Evidence:
    groups = sorted({group for one in view.live for group in one["cugs"]})
    alerts = {kind: alert for kind in ("group_churn", "peer_churn") if (alert := view.features.alerted.get(kind))}
    return {"household": view.features.holding.get("household"), "user_groups": groups, "alerts": alerts}


def _month(view: View, ago: int) -> str:
    return clock.months_before(f"{view.seen.behaviour:%Y-%m}", ago)


def _rounded(value: float) -> float | None:
    return None if isnan(value) else round(value, 2)
