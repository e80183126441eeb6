"""Cell2Cell (a US mobile carrier): one row a subscriber, mostly means over three months. docs/replay.md says what becomes what, and why.

The file has no dates. By convention the means are over September to November 2001, the month they are compared with is
December 2001, and those who churned left on the day that DEPARTURE names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from deploy.replay.events import Reported, known, whole
from deploy.replay.table import Row, Table
from shared.clock import months_before
from shared.contracts.billing import BillIssued
from shared.contracts.care import AgentContacted
from shared.contracts.network import DeviceChanged, QualitySummarised, UsageSummarised
from shared.contracts.orders import CustomerRegistered, SubscriptionActivated, SubscriptionTerminated

SOURCE = "replay/cell2cell"
COLUMNS: tuple[str, ...] = (
    "CustomerID", "Churn", "MonthlyRevenue", "MonthlyMinutes", "TotalRecurringCharge", "RoamingCalls", "PercChangeMinutes", "DroppedCalls", "BlockedCalls",
    "CustomerCareCalls", "OutboundCalls", "InboundCalls", "MonthsInService", "ServiceArea", "CurrentEquipmentDays", "RetentionCalls", "RetentionOffersAccepted",
)  # fmt: skip

QUARTER_START = datetime(2001, 9, 1, tzinfo=UTC)
LAST_MONTH = datetime(2001, 12, 1, tzinfo=UTC)
OBSERVED = datetime(2002, 1, 1, tzinfo=UTC)
DEPARTURE = datetime(2002, 2, 1, tzinfo=UTC)
MONTHS = 3

CURRENCY = "USD"
DUE_AFTER = timedelta(days=20)


def as_of(table: Table) -> date:
    return DEPARTURE.date() + timedelta(days=1)


def events(table: Table, skipped: Counter[str]) -> Iterator[Reported]:
    for act in (_joins, _reports):
        for number, row in table:
            yield from act(_Subscriber(number, row, skipped))


class _Subscriber:
    """One row, with the names that its events need."""

    def __init__(self, number: int, row: Row, skipped: Counter[str]) -> None:
        self.number, self.row, self._skipped = number, row, skipped
        self.id = row["CustomerID"]
        self.by_customer = f"customer:{self.id}"
        # Area code 555 is given to nobody.
        self.msisdn = f"1555{self.id}"
        self.by_number = f"msisdn:{self.msisdn}"

    def number_in(self, column: str) -> Decimal | None:
        text = self.row[column]
        return None if text in {"NA", ""} else Decimal(text)

    def count_in(self, column: str) -> int | None:
        """How often in the three months: the file's means are thirds, cut to one decimal."""
        mean = self.number_in(column)
        return None if mean is None else whole(mean * MONTHS)

    def skip(self, reason: str) -> None:
        self._skipped[reason] += 1

    def event_id(self, what: str) -> str:
        return f"row-{self.number}-{what}"


def _joins(who: _Subscriber) -> Iterator[Reported]:
    months = int(who.row["MonthsInService"])
    joined = datetime.fromisoformat(f"{months_before('2001-12', months)}-01T00:00:00+00:00")
    area = who.row["ServiceArea"]
    attributes = known(kind="person", region=None if area in {"NA", ""} else area, accounts=[who.id])
    yield Reported(who.event_id("customer"), CustomerRegistered, who.by_customer, joined, attributes)
    subscription = {"subscription_id": who.id, "msisdn": who.msisdn, "brand": "cell2cell", "brand_rank": 1, "plan": "unknown", "payment_type": "postpaid"}
    yield Reported(who.event_id("subscription"), SubscriptionActivated, who.by_customer, joined, subscription)


def _reports(who: _Subscriber) -> Iterator[Reported]:
    for tell in _TOLD:
        yield from tell(who)


def _device(who: _Subscriber) -> Iterator[Reported]:
    days = who.number_in("CurrentEquipmentDays")
    if days is None:
        who.skip("device_changed: CurrentEquipmentDays is NA")
        return
    data = {"imei": f"00000000{who.id}", "tac": "00000000"}
    yield Reported(who.event_id("device"), DeviceChanged, who.by_number, OBSERVED - timedelta(days=int(days)), data)


def _quarter_usage(who: _Subscriber) -> Iterator[Reported]:
    minutes = who.number_in("MonthlyMinutes")
    voice = known(
        out_calls=who.count_in("OutboundCalls"), out_seconds=None if minutes is None else whole(minutes * 60 * MONTHS), in_calls=who.count_in("InboundCalls")
    )
    roaming = known(calls=who.count_in("RoamingCalls"))
    data = known(on_net=voice, roaming=roaming, care_calls=who.count_in("CustomerCareCalls"), **_period(QUARTER_START, LAST_MONTH))
    yield Reported(who.event_id("quarter-usage"), UsageSummarised, who.by_number, LAST_MONTH, data)


def _quarter_quality(who: _Subscriber) -> Iterator[Reported]:
    quality = known(dropped_calls=who.count_in("DroppedCalls"), access_failures=who.count_in("BlockedCalls"))
    yield Reported(who.event_id("quarter-quality"), QualitySummarised, who.by_number, LAST_MONTH, quality | _period(QUARTER_START, LAST_MONTH))


def _quarter_bill(who: _Subscriber) -> Iterator[Reported]:
    revenue, recurring = who.number_in("MonthlyRevenue"), who.number_in("TotalRecurringCharge")
    if revenue is None or recurring is None:
        who.skip("bill_issued: MonthlyRevenue is NA")
        return
    if revenue < 0:
        who.skip("bill_issued: MonthlyRevenue is below zero, which no bill may be")
        return
    total, fixed = whole(revenue * 100 * MONTHS), whole(recurring * 100 * MONTHS)
    rest = [{"category": "usage" if total > fixed else "discount", "amount_minor": total - fixed}] if total != fixed else []
    data = {
        "bill_id": f"B-{who.id}", "amount_minor": total, "currency": CURRENCY, "due_date": (LAST_MONTH + DUE_AFTER).date(),
        "lines": [{"category": "recurring", "amount_minor": fixed}, *rest], **_period(QUARTER_START, LAST_MONTH),
    }  # fmt: skip
    yield Reported(who.event_id("quarter-bill"), BillIssued, f"account:{who.id}", LAST_MONTH, data)


def _last_month_usage(who: _Subscriber) -> Iterator[Reported]:
    minutes, change = who.number_in("MonthlyMinutes"), who.number_in("PercChangeMinutes")
    if minutes is None or change is None:
        who.skip("usage_summarised of the last month: PercChangeMinutes is NA")
        return
    data = {"on_net": {"out_seconds": whole((minutes + change) * 60)}, **_period(LAST_MONTH, OBSERVED)}
    yield Reported(who.event_id("last-month-usage"), UsageSummarised, who.by_number, OBSERVED, data)


def _retention_calls(who: _Subscriber) -> Iterator[Reported]:
    accepted = int(who.row["RetentionOffersAccepted"])
    for call in range(int(who.row["RetentionCalls"])):
        data = {"direction": "inbound", "channel": "hotline", "reason": "retention", "offer_accepted": call < accepted}
        yield Reported(who.event_id(f"retention-call-{call + 1}"), AgentContacted, who.by_number, LAST_MONTH + timedelta(days=1 + call), data)


def _leaves(who: _Subscriber) -> Iterator[Reported]:
    if who.row["Churn"] == "Yes":
        data = {"subscription_id": who.id, "reason": "other"}
        yield Reported(who.event_id("left"), SubscriptionTerminated, who.by_customer, DEPARTURE, data)


def _period(start: datetime, end: datetime) -> dict[str, Any]:
    return {"period_start": start, "period_end": end}


_TOLD: tuple[Callable[[_Subscriber], Iterator[Reported]], ...] = (
    _device,
    _quarter_usage,
    _quarter_quality,
    _quarter_bill,
    _last_month_usage,
    _retention_calls,
    _leaves,
)
