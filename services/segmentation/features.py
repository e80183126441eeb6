"""What is kept of a customer, and how an `activity` message changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.contracts.customer import Activity, CustomerReturned, Profile, Subscription
from shared.errors import InvalidEvent

Month = Mapping[str, int]
News = Literal["next", "late", "reset", "nothing"]

MONTHS_KEPT = 13

# Of a month only what a rule here reads: the row is rewritten with every batch, and the whole month is the customer service's.
OUT_SECONDS = ("out_on_net_seconds", "out_off_net_seconds", "out_fixed_seconds", "out_international_seconds")
MEASURES_KEPT = frozenset({"usage_days", "forwardings_off_net", *OUT_SECONDS})

UNKNOWN = "unknown"


@dataclass(slots=True)
class Features:
    """The row of one customer, which is also the customer's lock."""

    customer_id: str
    last_sequence: int = 0
    gaps: list[list[int]] = field(default_factory=list)
    """First and last sequence of what was skipped: it may be a dead letter, and still come."""
    brand: str | None = None
    population: str = UNKNOWN
    """Customers are scored among their like: by the payment type of their first live subscription."""
    months: dict[str, Month] = field(default_factory=dict)
    alerted: dict[str, dict[str, str]] = field(default_factory=dict)
    """Alert kind -> `alert_id` and event time (`at`) of what was last raised, until it is armed again."""
    returned: bool = False
    """Left and came back under this id: no new customer."""
    merged_into: str | None = None
    erased: bool = False

    @property
    def is_gone(self) -> bool:
        return self.erased or self.merged_into is not None

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
        self._look_for_return(activity)
        return "reset" if activity.resets else "next"

    def _take_late(self, activity: Activity, sequence: int) -> News:
        if not self._fill_gap(sequence) or self.is_gone:
            return "nothing"
        if activity.resets:
            raise InvalidEvent("a reset can not be applied behind what was told after it: have the customer told again")
        self._look_for_return(activity)
        return "late"

    def _forget(self, activity: Activity) -> None:
        """What was raised stays noted: the same customer is not warned about again because of a merge."""
        self.gaps, self.months, self.brand, self.population, self.returned = [], {}, None, UNKNOWN, False
        self.merged_into, self.erased = activity.merged_into, activity.erased
        if self.erased:
            self.alerted = {}

    def _look_for_return(self, activity: Activity) -> None:
        self.returned = self.returned or any(fact.type == CustomerReturned.type for fact in activity.facts)

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
        live = next((one for one in profile.subscriptions if _is_live(one)), None)
        self.brand = live.brand if live else None
        self.population = (live.payment_type if live else None) or UNKNOWN


def _is_live(subscription: Subscription) -> bool:
    return subscription.activated_at is not None and subscription.terminated_at is None
