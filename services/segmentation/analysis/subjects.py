"""The nine subjects of business analysis: a table of measures, each a quotient of sums.

One form for all of them, scale x (sum of `over` - sum of `less`) / sum of `under`, so that what the API says of a measure is
what is calculated, and a rate over many cells or months is a rate of their sums, never a mean of rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from services.segmentation.analysis.cells import FLOWS, MEASURED, STOCK
from services.segmentation.features.months import COMPLAINTS, DATA_KB, FAR_ENDS, IN_SECONDS, OUT_SECONDS
from services.segmentation.words import TIERS, Tier

Unit = Literal["customers", "subscriptions", "count", "minor", "minutes", "messages", "gb", "days", "points", "share", "per_thousand", "score"]
SubjectName = Literal["user", "business", "revenue", "key_account", "marketing", "competition", "service_quality", "new_service", "decision"]
SUBJECT_NAMES: tuple[SubjectName, ...] = get_args(SubjectName)
Grid = Any
"""A masked numpy array of one number per group and period."""

BASE = ("customers_begin", "customers_end", "subscriptions_begin", "subscriptions_end", "customer_months")
"""Who was there, counted back from who is there now. A customer month is the mean of both ends of a month."""
KEY_TIERS: tuple[Tier, ...] = ("platinum", "gold")
TIER_OF = {f"customers_{tier}": tier for tier in TIERS}
RECORDED = (*STOCK, *TIER_OF)
"""As it was recorded on the last day of the month that there is; of the month running, as it is now."""

INPUTS = frozenset({*MEASURED, *FLOWS, *BASE, *RECORDED})

_KB_PER_GB = 1_000_000
_REVENUE = ("billed_minor", "topped_up_minor")
_VOICE = (*OUT_SECONDS, *IN_SECONDS)


class Measure(NamedTuple):
    name: str
    unit: Unit
    about: str
    over: tuple[str, ...]
    less: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    scale: float = 1

    @property
    def inputs(self) -> tuple[str, ...]:
        return (*self.over, *self.less, *self.under)

    @property
    def is_whole(self) -> bool:
        return not self.under and self.scale == 1

    @property
    def formula(self) -> str:
        taken = "".join(f" - {name}" for name in self.less)
        scaled = "" if self.scale == 1 else f"{self.scale:g} * "
        divided = f" / ({' + '.join(self.under)})" if self.under else ""
        return f"{scaled}({' + '.join(self.over)}{taken}){divided}"

    def of(self, sums: Mapping[str, Grid]) -> Grid:
        """Masked where there is nothing to divide by, or where an input was never recorded."""
        value = _added(sums, self.over) - _added(sums, self.less)
        if self.is_whole:
            return value
        under = _added(sums, self.under) if self.under else 1
        found: Grid = np.ma.divide(self.scale * value, under)
        return found.round(6)


def _added(sums: Mapping[str, Grid], names: Sequence[str]) -> Any:
    return sum(sums[name] for name in names)


class Subject(NamedTuple):
    name: SubjectName
    about: str
    measures: tuple[Measure, ...]
    key_accounts: bool = False
    """Only customers with a grade, and those in the tiers platinum and gold."""

    @property
    def inputs(self) -> frozenset[str]:
        return frozenset(name for measure in self.measures for name in measure.inputs)


def _plain(name: str, unit: Unit, about: str) -> Measure:
    return Measure(name, unit, about, (name,))


def _per_thousand(name: str, about: str, *over: str) -> Measure:
    return Measure(f"{name}_per_thousand", "per_thousand", f"{about} per thousand customers and month", over, under=("customer_months",), scale=1000)


def _share(name: str, about: str, over: tuple[str, ...], under: tuple[str, ...]) -> Measure:
    return Measure(name, "share", about, over, under=under)


_CUSTOMERS = Measure("customers", "customers", "With a live subscription at the end of the period", ("customers_end",))
_NET_ADDS = Measure("net_adds", "customers", "Customers gained less customers lost", ("customers_gained",), ("customers_lost",))
_CHURN_RATE = _share("churn_rate", "Customers lost, of those there at the beginning", ("customers_lost",), ("customers_begin",))
_VOLUNTARY = Measure(
    "voluntary_churn_rate", "share", "Customers lost but for those whose contract we ended or who died, of those there at the beginning",
    ("customers_lost",), ("customers_lost_involuntarily",), ("customers_begin",),
)  # fmt: skip
_TURNOVER = Measure("revenue_minor", "minor", "Billed and topped up", _REVENUE)
_ARPU = Measure("arpu_minor", "minor", "Billed and topped up per customer and month", _REVENUE, under=("customer_months",))
_SAVES = _plain("retention_saves", "count", "Retention contacts that ended in a save")
_SAVE_RATE = _share("save_rate", "Saves, of retention contacts", ("retention_saves",), ("retention_contacts",))
_COMPLAINTS = Measure("complaints", "count", "Complaints opened", COMPLAINTS)
_COMPLAINT_RATE = _per_thousand("complaints", "Complaints opened", *COMPLAINTS)
_NPS_MEAN = Measure("recommendation_mean", "score", "Mean answer to whether they would recommend us, 0 to 10", ("nps_sum",), under=("nps_answers",))
_CONTACTS = _plain("retention_contacts", "count", "Contacts of retention campaigns with an outcome")
_AGENT_CONTACTS = _plain("agent_contacts", "count", "Contacts with an agent")


def _minutes(direction: str, far_end: str) -> Measure:
    about = f"{'Outgoing' if direction == 'out' else 'Incoming'} minutes, {far_end.replace('_', '-')}"
    return Measure(f"{direction}_{far_end}_minutes", "minutes", about, (f"{direction}_{far_end}_seconds",), scale=1 / 60)


def _gigabytes(column: str) -> Measure:
    generation = column.removeprefix("data_").removesuffix("_kb")
    return Measure(f"data_{generation}_gb", "gb", f"Data over {generation}, GB of 1,000,000 kB", (column,), scale=1 / _KB_PER_GB)


_USER = (
    _CUSTOMERS,
    Measure("subscriptions", "subscriptions", "Live at the end of the period", ("subscriptions_end",)),
    _plain("activations", "subscriptions", "Subscriptions that began"),
    _plain("terminations", "subscriptions", "Subscriptions that ended, for whatever reason"),
    _plain("involuntary_terminations", "subscriptions", "Of them, for arrears, fraud, death or a transfer"),
    _plain("customers_gained", "customers", "First subscription began, or the first after having left"),
    _plain("customers_lost", "customers", "Last subscription ended"),
    _NET_ADDS,
    _CHURN_RATE,
    _VOLUNTARY,
    _share("subscription_churn_rate", "Subscriptions ended, of those live at the beginning", ("terminations",), ("subscriptions_begin",)),
    Measure("active_customers", "customers", "With usage, a payment or a top-up, summed over the months of the period", ("active_customers",)),
    _share("active_share", "Active customers, of customer months", ("active_customers",), ("customer_months",)),
)
_BUSINESS = (
    *(_minutes(direction, far_end) for direction in ("out", "in") for far_end in FAR_ENDS),
    Measure("minutes_per_customer", "minutes", "Minutes out and in per customer and month (MOU)", _VOICE, under=("customer_months",), scale=1 / 60),
    Measure("sms_out", "messages", "Short messages sent", ("sms_out",)),
    *map(_gigabytes, DATA_KB),
    Measure("data_gb_per_customer", "gb", "Data per customer and month (DOU)", DATA_KB, under=("customer_months",), scale=1 / _KB_PER_GB),
    _plain("roaming_days", "days", "Days with roaming, summed over customers"),
)  # fmt: skip
_REVENUES = (
    _TURNOVER,
    _ARPU,
    _plain("billed_minor", "minor", "Amounts of bills"),
    _plain("topped_up_minor", "minor", "Top-ups"),
    _plain("paid_minor", "minor", "Payments of bills"),
    _plain("reversed_minor", "minor", "Payments taken back"),
    Measure("received_minor", "minor", "Paid and topped up, less taken back", ("paid_minor", "topped_up_minor"), ("reversed_minor",)),
    _plain("overage_minor", "minor", "Of bills, beyond what the plan includes"),
    _plain("roaming_billed_minor", "minor", "Of bills, for roaming"),
    _plain("written_off_minor", "minor", "Debt given up"),
    _share("collected_share", "Paid, of billed", ("paid_minor",), ("billed_minor",)),
    _share("overage_share", "Overage, of billed", ("overage_minor",), ("billed_minor",)),
    *(_plain(name, "count", about) for name, about in (
        ("bills", "Bills issued"), ("payments", "Payments of bills"), ("top_ups", "Top-ups"), ("suspensions", "Accounts suspended"),
    )),
)  # fmt: skip
_KEY_ACCOUNTS = (
    _CUSTOMERS, _NET_ADDS, _plain("customers_lost", "customers", "Last subscription ended"), _CHURN_RATE, _VOLUNTARY, _TURNOVER, _ARPU,
    _plain("value_minor", "minor", "Customer value at the end of the period, as recorded"),
    _plain("at_risk", "customers", "With an open warning at the end of the period, as recorded"),
    _plain("revenue_at_risk_minor", "minor", "Churn probability x future value at the end of the period, as recorded"),
    _COMPLAINTS, _COMPLAINT_RATE, _AGENT_CONTACTS, _CONTACTS, _SAVES, _SAVE_RATE,
)  # fmt: skip
_MARKETING = (
    _CONTACTS,
    _SAVES,
    _SAVE_RATE,
    _AGENT_CONTACTS,
    _plain("retention_calls", "count", "Contacts with an agent about staying"),
    _plain("retention_offers_accepted", "count", "Of them, with an offer accepted"),
    _share("offer_acceptance_rate", "Offers accepted, of contacts with an agent about staying", ("retention_offers_accepted",), ("retention_calls",)),
    _per_thousand("retention_contacts", "Contacts of retention campaigns", "retention_contacts"),
    _plain("contracts_renewed", "count", "Contracts renewed"),
    _plain("points_redeemed", "points", "Loyalty points redeemed"),
)
_COMPETITION = (
    _plain("port_outs", "subscriptions", "Subscriptions that ended by a port-out"),
    _plain("customers_ported_out", "customers", "Customers whose last subscription ended by a port-out"),
    _share("port_out_rate", "Customers ported out, of those there at the beginning", ("customers_ported_out",), ("customers_begin",)),
    _share("port_out_share", "Ported out, of customers lost", ("customers_ported_out",), ("customers_lost",)),
    _plain("port_outs_requested", "count", "Port-outs asked for"),
    _plain("inquiries_port_out_pin", "count", "Inquiries for the port-out PIN"),
    _plain("inquiries_contract_end", "count", "Inquiries when the contract ends"),
    _plain("forwardings_off_net", "count", "Forwardings set to a number of another operator"),
    _share("off_net_share", "Outgoing seconds to other operators, of all outgoing", ("out_off_net_seconds",), OUT_SECONDS),
    _share("incoming_off_net_share", "Incoming seconds from other operators, of all incoming", ("in_off_net_seconds",), IN_SECONDS),
)
_SERVICE_QUALITY = (
    _COMPLAINTS,
    _COMPLAINT_RATE,
    *(_plain(name, "count", f"Complaints about {name.removeprefix('complaints_')}") for name in COMPLAINTS),
    _plain("complaints_overdue", "count", "Stages of complaints that were past due"),
    _plain("complaints_resolved", "count", "Complaints resolved"),
    _share("resolved_share", "Complaints resolved, of those opened in the period", ("complaints_resolved",), COMPLAINTS),
    *(_plain(name, "count", about) for name, about in (
        ("dropped_calls", "Calls dropped by the network"), ("access_failures", "Calls and sessions that could not begin"),
        ("network_faults", "Customers served by a cell while it was down or degraded"), ("care_calls", "Calls to the care desk"),
        ("inquiries_bill_detail", "Inquiries about a bill"),
    )),
    _per_thousand("dropped_calls", "Dropped calls", "dropped_calls"),
    Measure("csat_mean", "score", "Mean satisfaction, 1 to 5", ("csat_sum",), under=("csat_answers",)),
    _plain("csat_answers", "count", "Answers on satisfaction"),
    _NPS_MEAN,
    _plain("nps_answers", "count", "Answers on recommendation"),
)  # fmt: skip
_NEW_SERVICE = (
    _plain("products_added", "count", "Products added"),
    _plain("products_removed", "count", "Products removed"),
    Measure("products_net", "count", "Products added less removed", ("products_added",), ("products_removed",)),
    _per_thousand("products_added", "Products added", "products_added"),
    _plain("plan_changes", "count", "Changes of plan"),
    _plain("brand_changes", "count", "Changes of brand"),
    _plain("inquiries_tariff", "count", "Inquiries about tariffs"),
    *(_share(f"data_{one}_share", f"Data over {one}, of all data", (f"data_{one}_kb",), DATA_KB) for one in ("4g", "5g")),
)
_DECISION = (
    _CUSTOMERS, _NET_ADDS, _CHURN_RATE, _VOLUNTARY, _TURNOVER, _ARPU,
    *(_plain(name, "customers", f"In tier {tier} at the end of the period, as recorded") for name, tier in TIER_OF.items()),
    _plain("at_risk", "customers", "With an open warning at the end of the period, as recorded"),
    _plain("revenue_at_risk_minor", "minor", "Churn probability x future value at the end of the period, as recorded"),
    _share("revenue_at_risk_share", "Of future value", ("revenue_at_risk_minor",), ("future_value_minor",)),
    _plain("owed_minor", "minor", "Past due at the end of the period, as recorded"),
    _SAVES, _SAVE_RATE, _plain("port_outs", "subscriptions", "Subscriptions that ended by a port-out"), _COMPLAINT_RATE, _NPS_MEAN,
)  # fmt: skip

SUBJECTS: Mapping[SubjectName, Subject] = {
    one.name: one
    for one in (
        Subject("user", "Who is there, who came and who left", _USER),
        Subject("business", "How the network is used", _BUSINESS),
        Subject("revenue", "What is billed, paid and lost", _REVENUES),
        Subject("key_account", "Customers with a grade, and those in the tiers platinum and gold", _KEY_ACCOUNTS, key_accounts=True),
        Subject("marketing", "Contacts, and what came of them", _MARKETING),
        Subject("competition", "What is lost to other operators, and what announces it", _COMPETITION),
        Subject("service_quality", "Complaints, network quality and satisfaction", _SERVICE_QUALITY),
        Subject("new_service", "How products, plans and new networks are taken up", _NEW_SERVICE),
        Subject("decision", "The headline figures on one page", _DECISION),
    )
}
