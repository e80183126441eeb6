"""What is kept of a customer, and how an `activity` message changes it.

Months and profile come whole and replace what is held. What facts add (`active`, `account`, `complaints`, `faults`) comes out the same in
whatever order they arrive, so that a customer told again from the beginning ends where the stream had brought them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from services.segmentation.features import account, active, complaints, faults, holdings
from services.segmentation.features.account import Account
from services.segmentation.features.complaints import Complaints
from services.segmentation.features.faults import Faults
from services.segmentation.features.holdings import Holding, Subscription
from services.segmentation.features.months import MEASURES_KEPT, MONTHS_KEPT, Month
from shared.contracts import billing, care, customer, network
from shared.contracts.customer import Activity, CustomerReturned, Fact, Profile
from shared.errors import InvalidEvent

News = Literal["next", "late", "reset", "nothing"]

UNKNOWN = "unknown"


@dataclass(slots=True)
class Features:
    """The row of one customer, which is also the customer's lock."""

    customer_id: str
    last_sequence: int = 0
    gaps: list[list[int]] = field(default_factory=list)
    """First and last sequence of what was skipped: it may be a dead letter, and still come."""
    brand: str | None = None
    payment_type: str | None = None
    population: str = UNKNOWN
    """Customers are scored among their like: by the payment type, or brand, of their first live subscription."""
    months: dict[str, Month] = field(default_factory=dict)
    holding: Holding = field(default_factory=dict)
    """What rules read of the profile."""
    active: list[list[str]] = field(default_factory=list)
    """First and last day of each stretch with chargeable events."""
    account: Account = field(default_factory=dict)
    complaints: Complaints = field(default_factory=dict)
    faults: Faults = field(default_factory=list)
    alerted: dict[str, dict[str, str]] = field(default_factory=dict)
    """Alert kind -> `alert_id` and event time (`at`) of what was last raised, until it is armed again."""
    moments: dict[str, str] = field(default_factory=dict)
    """Moment -> the day it was last reached."""
    sign: str = ""
    """What the customer shows to others of the same group: forwarding, silent or left; empty: nothing."""
    returned: bool = False
    """Left and came back under this id: no new customer."""
    merged_into: str | None = None
    erased: bool = False

    @property
    def is_gone(self) -> bool:
        return self.erased or self.merged_into is not None

    @property
    def active_day(self) -> str | None:
        """Of the last chargeable event of a prepaid customer: their recency counts from it. Kept as a column for the full pass."""
        return self.active[-1][1] if self.active and self.payment_type == "prepaid" else None

    @property
    def subscriptions(self) -> list[Subscription]:
        found: list[Subscription] = self.holding.get("subscriptions", [])
        return found

    @property
    def live(self) -> list[Subscription]:
        return [one for one in self.subscriptions if holdings.is_live(one)]

    @property
    def joined_on(self) -> date | None:
        return holdings.joined_on(self.subscriptions)

    @property
    def left_on(self) -> date | None:
        """The day the last subscription ended; None while one is live, or none ever was."""
        return holdings.left_on(self.subscriptions)

    def take_in(self, activity: Activity, sequence: int) -> News:
        """What this message is. The next one changes everything; one that comes late only adds its facts, as what it says of
        months and profile is older than what is held; one that resets makes everything before it void, so also what is late.
        A duplicate says nothing, nor does what is told of a customer who is gone, until a reset brings them back."""
        if sequence <= self.last_sequence:
            return self._take_late(activity, sequence)
        if activity.resets:
            self._forget(activity)
        elif sequence > self.last_sequence + 1:
            self.gaps.append([self.last_sequence + 1, sequence - 1])
        self.last_sequence = sequence
        if self.is_gone:
            return "reset" if activity.resets else "nothing"
        self._replace_months(activity.months)
        if activity.profile is not None:
            self._follow(activity.profile)
        self._note(activity.facts)
        return "reset" if activity.resets else "next"

    def _take_late(self, activity: Activity, sequence: int) -> News:
        if not self._fill_gap(sequence) or self.is_gone:
            return "nothing"
        if activity.resets:
            raise InvalidEvent("a reset can not be applied behind what was told after it: have the customer told again")
        self._note(activity.facts)
        return "late"

    def _forget(self, activity: Activity) -> None:
        """What was raised stays noted: the same customer is not warned about again because of a merge."""
        self.gaps, self.months, self.brand, self.payment_type, self.population, self.returned = [], {}, None, None, UNKNOWN, False
        self.holding, self.active, self.account, self.complaints, self.faults = {}, [], {}, {}, []
        self.merged_into, self.erased = activity.merged_into, activity.erased
        if self.erased:
            self.alerted, self.moments = {}, {}

    def _note(self, facts: tuple[Fact, ...]) -> None:
        for fact in facts:
            note = _NOTES.get(fact.type)
            if note:
                note(self, fact)

    def _fill_gap(self, sequence: int) -> bool:
        for gap in self.gaps:
            first, last = gap
            if first <= sequence <= last:
                self.gaps.remove(gap)
                self.gaps += [part for part in ([first, sequence - 1], [sequence + 1, last]) if part[0] <= part[1]]
                return True
        return False

    def _replace_months(self, months: Mapping[str, Month]) -> None:
        kept = {month: {name: value for name, value in measures.items() if name in MEASURES_KEPT} for month, measures in months.items()}
        newest = sorted((self.months | kept).items())[-MONTHS_KEPT:]
        self.months = dict(newest)

    def _follow(self, profile: Profile) -> None:
        self.holding = holdings.of(profile)
        first = next(iter(self.live), None)
        self.brand = first["brand"] if first else None
        self.payment_type = first["payment_type"] if first else None
        self.population = self.payment_type or UNKNOWN


def _on_usage(features: Features, fact: Fact) -> None:
    if active.is_chargeable(fact.data):
        active.add(features.active, *active.period_of(fact.data))


def _on_top_up(features: Features, fact: Fact) -> None:
    day = active.day_of(fact.occurred_at)
    active.add(features.active, day, day)


def _on_return(features: Features, fact: Fact) -> None:
    features.returned = True


def _on_account(features: Features, fact: Fact) -> None:
    account.note(features.account, fact)


def _on_complaint(features: Features, fact: Fact) -> None:
    complaints.note(features.complaints, fact)


def _on_fault(features: Features, fact: Fact) -> None:
    faults.note(features.faults, fact)


_NOTES: dict[str, Any] = {
    network.UsageSummarised.type: _on_usage,
    billing.ToppedUp.type: _on_top_up,
    CustomerReturned.type: _on_return,
    customer.NetworkFaultMet.type: _on_fault,
    **dict.fromkeys((one.type for one in account.PAYLOADS), _on_account),
    **dict.fromkeys((care.ComplaintOpened.type, care.ComplaintResolved.type, customer.CaseOverdue.type), _on_complaint),
}
