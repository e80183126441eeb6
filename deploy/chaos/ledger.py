"""What was sent, and what has to follow from it: all that the auditor knows. Shares no code with the services."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

Fate = Literal["fact", "parked", "dead"]
Name = tuple[str, str]
Months = dict[tuple[str, str], dict[str, int]]

# A month's value of this is the largest that was reported; all others are sums.
LARGEST = "distinct_contacts"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Purchase(NamedTuple):
    """What a report adds to the purchases of its day. A reversal is money taken back, and no payment."""

    payments: int = 0
    paid_minor: int = 0

    def plus(self, other: Purchase) -> Purchase:
        return Purchase(self.payments + other.payments, self.paid_minor + other.paid_minor)


NO_PURCHASE = Purchase()


@dataclass(frozen=True, eq=False)
class Report:
    """One distinct event as it was sent, its fate, and the truth behind it.

    `customer_id` is whom it is about, empty when that is a cell. `sets` are the attributes it gives the customer from
    `time` on. `code` is what makes it a dead letter.
    """

    topic: str
    subject: str
    source: str
    id: str
    value: bytes
    fate: Fate
    type: str = ""
    time: datetime = BEGINNING
    occurred_at: datetime = BEGINNING
    customer_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    measures: Mapping[str, int] = field(default_factory=dict)
    purchase: Purchase = NO_PURCHASE
    sets: Mapping[str, str] = field(default_factory=dict)
    code: str = ""

    @property
    def name(self) -> Name:
        return self.source, self.id

    @property
    def label(self) -> str:
        return f"{self.source} {self.id}" + (f" of {self.customer_id}" if self.customer_id else "")


class Ledger:
    """`attempted` counts how often each report was handed to the bus, `acknowledged` how often the bus said it has it."""

    def __init__(self, reports: Iterable[Report]) -> None:
        self.reports = tuple(reports)
        self.attempted, self.acknowledged = Counter[Report](), Counter[Report]()

    def attempt(self, reports: Iterable[Report]) -> None:
        self.attempted.update(reports)

    def acknowledge(self, reports: Iterable[Report]) -> None:
        self.acknowledged.update(reports)

    @cached_property
    def by_value(self) -> dict[tuple[str, bytes], Report]:
        return {(report.topic, report.value): report for report in self.reports}

    @cached_property
    def facts(self) -> dict[Name, Report]:
        return self._with_fate("fact")

    @cached_property
    def parked(self) -> dict[Name, Report]:
        return self._with_fate("parked")

    @cached_property
    def of_customers(self) -> dict[str, list[Report]]:
        """The facts of each customer."""
        found: dict[str, list[Report]] = defaultdict(list)
        for report in self.facts.values():
            if report.customer_id:
                found[report.customer_id].append(report)
        return found

    @cached_property
    def months(self) -> Months:
        """(customer, month) -> measures, folded from the distinct facts."""
        folded: Months = defaultdict(dict)
        for customer_id, reports in self.of_customers.items():
            for report in reports:
                for name, value in report.measures.items():
                    month = folded[customer_id, report.occurred_at.strftime("%Y-%m")]
                    month[name] = max(month.get(name, 0), value) if name == LARGEST else month.get(name, 0) + value
        return folded

    @cached_property
    def purchase_days(self) -> dict[tuple[str, str], Purchase]:
        folded: dict[tuple[str, str], Purchase] = defaultdict(Purchase)
        for customer_id, reports in self.of_customers.items():
            for report in reports:
                if any(report.purchase):
                    day = customer_id, report.occurred_at.date().isoformat()
                    folded[day] = folded[day].plus(report.purchase)
        return folded

    @cached_property
    def attributes(self) -> dict[str, dict[str, str]]:
        """What each customer is now: the last word on each attribute, by event time."""
        folded: dict[str, dict[str, str]] = {}
        for customer_id, reports in self.of_customers.items():
            said = folded.setdefault(customer_id, {})
            for report in sorted(reports, key=lambda report: (report.time, report.name)):
                said.update(report.sets)
        return folded

    def _with_fate(self, fate: Fate) -> dict[Name, Report]:
        return {report.name: report for report in self.reports if report.fate == fate}
