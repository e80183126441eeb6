"""The months of a customer: which measures are kept, and windows over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache

from shared import clock

Month = Mapping[str, int]
NOTHING: Month = {}

MONTHS_KEPT = 13
MONTHS_OF_YEAR = 12

FAR_ENDS = ("on_net", "off_net", "fixed", "international", "premium")
OUT_SECONDS = tuple(f"out_{far_end}_seconds" for far_end in FAR_ENDS)
IN_SECONDS = tuple(f"in_{far_end}_seconds" for far_end in FAR_ENDS)
DATA_KB = ("data_2g_kb", "data_3g_kb", "data_4g_kb", "data_5g_kb")
COMPLAINTS = tuple(f"complaints_{kind}" for kind in ("network", "billing", "service", "product", "other"))
PAID = ("paid_minor", "topped_up_minor")
METHODS = tuple(f"payments_{method}" for method in ("cash", "card", "direct_debit", "bank_transfer", "wallet", "voucher"))

# Of a month only what a rule or an analysis here reads: the row is rewritten with every batch, and the whole month is the customer service's.
MEASURES_KEPT = frozenset({
    "usage_days", *OUT_SECONDS, *IN_SECONDS, *DATA_KB, *COMPLAINTS, *PAID, "reversed_minor", "sms_out", "distinct_contacts", "roaming_days",
    "forwardings_off_net", "billed_minor", "overage_minor", "roaming_billed_minor", "bills", "payments", *METHODS, "top_ups", "suspensions",
    "written_off_minor", "points_redeemed", "care_calls", "missed_calls", "dropped_calls", "access_failures", "network_faults", "complaints_major",
    "complaints_critical", "complaints_overdue", "complaints_resolved", "csat_answers", "csat_sum", "nps_answers", "nps_sum", "agent_contacts",
    "retention_contacts", "retention_saves", "retention_calls", "retention_offers_accepted", "plan_changes", "brand_changes", "products_added",
    "products_removed", "contracts_renewed", "port_outs_requested", "inquiries_port_out_pin", "inquiries_tariff", "inquiries_bill_detail",
    "inquiries_contract_end",
})  # fmt: skip


def back(months: Mapping[str, Month], today: date, first: int, last: int) -> list[Month]:
    """The months from `first` to `last` before the one running, which is 0; empty where there is nothing."""
    return [months.get(name, NOTHING) for name in _names(today.year, today.month, first, last)]


@lru_cache(maxsize=256)
def _names(year: int, month: int, first: int, last: int) -> tuple[str, ...]:
    return tuple(clock.months_before(f"{year:04d}-{month:02d}", count) for count in range(first, last + 1))


def total(months: Iterable[Month], *names: str) -> int:
    found = 0  # not `sum` of a generator, which takes half as long again: it runs a hundred times per customer and batch
    for month in months:
        for name in names:
            found += month.get(name, 0)
    return found


def revenue_minor(months: Iterable[Month]) -> int:
    """What was billed and topped up; of who gets no bills, what was paid less what was taken back."""
    listed = list(months)
    if total(listed, "bills"):
        return total(listed, "billed_minor", "topped_up_minor")
    return total(listed, *PAID) - total(listed, "reversed_minor")


def revenue_months(months: Mapping[str, Month], today: date, count: int) -> list[Month]:
    """The newest `count` whole months whose revenue is told: the bill of the running month, and on its first days that of the last
    one, is still to come. Of who gets no bills those before the running one, and it too where a year is asked for."""
    billed = next((ago for ago in range(3) if months.get(_names(today.year, today.month, ago, ago)[0], NOTHING).get("bills")), None)
    first = billed if billed is not None else 0 if count == MONTHS_OF_YEAR else 1
    return back(months, today, first, first + count - 1)


def percent_of(now: float, before: float) -> float | None:
    """None where there was nothing before."""
    return 100 * now / before if before > 0 else None


def trend_percent(months: Mapping[str, Month], today: date, *names: str) -> float | None:
    """The last three whole months against the three before; None where there was nothing to compare with."""
    return percent_of(total(back(months, today, 1, 3), *names), total(back(months, today, 4, 6), *names))


def covered(months: Sequence[Month]) -> int:
    return total(months, "usage_days")
