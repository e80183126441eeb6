from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.replay import cell2cell
from deploy.replay.events import Reported
from shared.contracts.billing import BillIssued
from shared.contracts.care import AgentContacted
from shared.contracts.envelope import Payload
from shared.contracts.network import DeviceChanged, QualitySummarised, UsageSummarised
from shared.contracts.orders import CustomerRegistered, SubscriptionActivated, SubscriptionTerminated
from tests.replay.files import reported_by, subscriber, table_of

Told = Callable[..., list[Reported]]

QUARTER = {"period_start": datetime(2001, 9, 1, tzinfo=UTC), "period_end": datetime(2001, 12, 1, tzinfo=UTC)}
LAST_MONTH = {"period_start": datetime(2001, 12, 1, tzinfo=UTC), "period_end": datetime(2002, 1, 1, tzinfo=UTC)}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """What is said of one subscriber, of one type."""

    def told(payload: type[Payload], **columns: str) -> list[Reported]:
        reported, _ = reported_by(cell2cell, table_of(tmp_path / "rows.csv", [subscriber(**columns)]))
        return [one for one in reported if one.payload is payload]

    return told


def data(told: list[Reported]) -> Any:
    (one,) = told
    return one.data


def test_a_subscriber_joined_as_many_months_before_the_last_one(told: Told) -> None:
    (customer,), (subscription,) = told(CustomerRegistered, MonthsInService="6"), told(SubscriptionActivated, MonthsInService="6")
    assert customer.time == subscription.time == datetime(2001, 6, 1, tzinfo=UTC)
    assert customer.data == {"kind": "person", "region": "AREA-1", "accounts": ["7000001"]}
    assert (subscription.subject, subscription.data["msisdn"]) == ("customer:7000001", "15557000001")


def test_the_quarter_is_three_times_the_means(told: Told) -> None:
    usage, _ = told(UsageSummarised, MonthlyMinutes="200", OutboundCalls="1.3", InboundCalls="0.7", RoamingCalls="0.3", CustomerCareCalls="2")
    assert usage.data == QUARTER | {
        "on_net": {"out_calls": 4, "out_seconds": 36_000, "in_calls": 2}, "roaming": {"calls": 1}, "care_calls": 6,
    }  # fmt: skip
    assert data(told(QualitySummarised, DroppedCalls="1.7", BlockedCalls="0.3")) == QUARTER | {"dropped_calls": 5, "access_failures": 1}


@pytest.mark.parametrize(("mean", "count"), [("0", 0), ("0.3", 1), ("0.7", 2), ("1", 3), ("2.5", 8), ("100.7", 302)])
def test_a_mean_of_three_months_gives_its_count_back(told: Told, mean: str, count: int) -> None:
    assert data(told(QualitySummarised, DroppedCalls=mean))["dropped_calls"] == count


@pytest.mark.parametrize(("change", "seconds"), [("-150", 3_000), ("-200", 0), ("30", 13_800)])
def test_the_last_month_differs_from_the_mean_by_the_change_in_minutes(told: Told, change: str, seconds: int) -> None:
    _, last = told(UsageSummarised, MonthlyMinutes="200", PercChangeMinutes=change)
    assert last.data == LAST_MONTH | {"on_net": {"out_seconds": seconds}}


@pytest.mark.parametrize(
    ("revenue", "recurring", "lines"),
    [
        ("24", "22", [("recurring", 6600), ("usage", 600)]),
        ("24.01", "30", [("recurring", 9000), ("discount", -1797)]),
        ("22", "22", [("recurring", 6600)]),
        ("0", "0", [("recurring", 0)]),
    ],
)
def test_a_bill_is_recurring_charges_and_the_rest(told: Told, revenue: str, recurring: str, lines: list[tuple[str, int]]) -> None:
    bill = data(told(BillIssued, MonthlyRevenue=revenue, TotalRecurringCharge=recurring))
    assert [(one["category"], one["amount_minor"]) for one in bill["lines"]] == lines
    assert bill["amount_minor"] == sum(amount for _, amount in lines)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"MonthlyRevenue": "NA", "TotalRecurringCharge": "NA"}, "bill_issued: MonthlyRevenue is NA"),
        ({"MonthlyRevenue": "-1.50"}, "bill_issued: MonthlyRevenue is below zero, which no bill may be"),
        ({"PercChangeMinutes": "NA"}, "usage_summarised of the last month: PercChangeMinutes is NA"),
        ({"CurrentEquipmentDays": "NA"}, "device_changed: CurrentEquipmentDays is NA"),
    ],
)
def test_what_the_row_does_not_say_is_no_event(tmp_path: Path, columns: dict[str, str], reason: str) -> None:
    whole, none = reported_by(cell2cell, table_of(tmp_path / "rows.csv", [subscriber()]))
    reported, skipped = reported_by(cell2cell, table_of(tmp_path / "rows.csv", [subscriber(**columns)]))
    assert len(reported) == len(whole) - 1
    assert (none, skipped) == ({}, {reason: 1})


def test_what_the_row_does_not_say_is_no_field(told: Told) -> None:
    usage = data(told(UsageSummarised, MonthlyMinutes="NA", PercChangeMinutes="NA", RoamingCalls="NA"))
    assert usage["on_net"] == {"out_calls": 4, "in_calls": 0}
    assert usage["roaming"] == {}
    assert "region" not in data(told(CustomerRegistered, ServiceArea="NA"))


def test_a_device_is_as_old_as_the_row_says(told: Told) -> None:
    (device,) = told(DeviceChanged, CurrentEquipmentDays="31")
    assert device.time == datetime(2001, 12, 1, tzinfo=UTC)


def test_retention_calls_and_the_offers_accepted_in_them(told: Told) -> None:
    calls = told(AgentContacted, RetentionCalls="3", RetentionOffersAccepted="1")
    assert [call.data["offer_accepted"] for call in calls] == [True, False, False]
    assert {call.data["reason"] for call in calls} == {"retention"}


def test_who_churned_left_after_all_that_is_told_of_them(tmp_path: Path) -> None:
    reported, _ = reported_by(cell2cell, table_of(tmp_path / "rows.csv", [subscriber(Churn="Yes")]))
    *before, left = reported
    assert left.payload is SubscriptionTerminated
    assert all(one.time < left.time for one in before)
    assert cell2cell.as_of(table_of(tmp_path / "rows.csv", [subscriber()])) > left.time.date()


def test_who_did_not_churn_stays(told: Told) -> None:
    assert told(SubscriptionTerminated) == []


def test_customers_and_their_numbers_come_before_what_is_told_of_them(tmp_path: Path) -> None:
    rows = [subscriber(), subscriber(CustomerID="7000002")]
    reported, _ = reported_by(cell2cell, table_of(tmp_path / "rows.csv", rows))
    assert [one.payload for one in reported[:4]] == [CustomerRegistered, SubscriptionActivated] * 2
    assert not {CustomerRegistered, SubscriptionActivated} & {one.payload for one in reported[4:]}
