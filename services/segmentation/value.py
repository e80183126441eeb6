"""What a customer is worth in a year, as a sum of terms in money, each times its weight: the explanation is the sum itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from services.segmentation.features import Features
from services.segmentation.features.account import Position
from services.segmentation.features.months import COMPLAINTS, DATA_KB, MONTHS_OF_YEAR, OUT_SECONDS, Month, back, revenue_minor, revenue_months, total
from services.segmentation.parameters import Value

KB_PER_GB = 1_000_000


class Term(NamedTuple):
    term: str
    amount_minor: int
    weight: float
    contribution_minor: int
    """Weight times amount, rounded."""
    made_of: dict[str, int]
    """What the amount was computed from."""


class Worth(NamedTuple):
    """`value_minor` is exactly the sum of what the terms contribute."""

    value_minor: int
    terms: tuple[Term, ...]

    def amount_minor(self, name: str) -> int:
        return sum(term.amount_minor for term in self.terms if term.term == name)


def worth(features: Features, *, today: date, position: Position, bad_debt_risk: float, future_value_minor: int, parameters: Value) -> Worth:
    """The year to `today`, the month running included."""
    year = back(features.months, today, 0, MONTHS_OF_YEAR - 1)
    amounts = dict(_past(features, year, today, parameters)) | {
        "credit_risk": (-round(bad_debt_risk * _exposure_minor(year, position)), {"exposure_minor": _exposure_minor(year, position)}),
        "corporate_influence": _influence(features, parameters),
        "future_value": (future_value_minor, {"horizon_months": parameters.horizon_months}),
    }
    terms = tuple(Term(name, amounts[name][0], weight, round(weight * amounts[name][0]), amounts[name][1]) for name, weight in parameters.weights.items())
    return Worth(sum(term.contribution_minor for term in terms), terms)


def monthly_margin_minor(months: Mapping[str, Month], today: date, parameters: Value) -> int:
    """The mean of the last three whole months that revenue is told of, or of as many as there were since they joined."""
    newest = revenue_months(months, today, 3)
    return round(revenue_minor(newest) / max(1, sum(bool(month) for month in newest)) * parameters.margin_percent / 100)


def _past(features: Features, year: list[Month], today: date, parameters: Value) -> Iterator[tuple[str, tuple[int, dict[str, int]]]]:
    revenue = revenue_minor(revenue_months(features.months, today, MONTHS_OF_YEAR))
    yield "margin", (revenue * parameters.margin_percent // 100, {"revenue_minor": revenue, "margin_percent": parameters.margin_percent})
    costs = {
        "care_calls": (total(year, "care_calls"), parameters.care_call_minor),
        "agent_contacts": (total(year, "agent_contacts"), parameters.agent_contact_minor),
        "complaints": (total(year, *COMPLAINTS), parameters.complaint_minor),
        "retention_contacts": (total(year, "retention_contacts"), parameters.retention_contact_minor),
    }
    yield "cost_to_serve", (-sum(count * each for count, each in costs.values()), {name: count for name, (count, _) in costs.items() if count})
    contacts = max((month.get("distinct_contacts", 0) for month in year), default=0)
    yield "contact_frequency", (contacts * parameters.contact_minor * MONTHS_OF_YEAR, {"distinct_contacts": contacts})
    minutes, gigabytes = total(year, *OUT_SECONDS) // 60, total(year, *DATA_KB) // KB_PER_GB
    yield "usage", (minutes * parameters.minute_minor + gigabytes * parameters.gigabyte_minor, {"minutes": minutes, "gigabytes": gigabytes})


def _exposure_minor(year: list[Month], position: Position) -> int:
    """What could be lost: what is owed, and one more bill."""
    bills = total(year, "bills")
    return position.owed_minor + (total(year, "billed_minor") // bills if bills else 0)


def _influence(features: Features, parameters: Value) -> tuple[int, dict[str, int]]:
    holding = features.holding
    found = {
        "organisation": parameters.organisation_minor if holding.get("kind") == "organisation" else 0,
        "corporate_member": parameters.corporate_member_minor if holding.get("corporate_account") else 0,
        "cug_member": parameters.cug_member_minor if any(one["cugs"] for one in features.live) else 0,
    }
    return sum(found.values()), {name: amount for name, amount in found.items() if amount}
