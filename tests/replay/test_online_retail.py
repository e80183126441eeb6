from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from deploy.replay import online_retail
from deploy.replay.events import Reported
from shared.contracts.billing import PaymentReceived, PaymentReversed
from shared.contracts.orders import CustomerRegistered
from tests.replay.files import line, reported_by, table_of

Told = Callable[..., list[Reported]]


@pytest.fixture
def payments(tmp_path: Path) -> Told:
    def payments(*rows: dict[str, str]) -> list[Reported]:
        reported, _ = reported_by(online_retail, table_of(tmp_path / "lines.csv", rows))
        return [one for one in reported if one.payload is not CustomerRegistered]

    return payments


def test_a_line_is_a_payment_of_its_customers_account(payments: Told) -> None:
    (paid,) = payments(line(Quantity="4", UnitPrice="3.20"))
    assert paid == Reported(
        "line-1", PaymentReceived, "account:501", datetime(2011, 3, 5, 10, 15, tzinfo=UTC),
        {"payment_id": "900001-1", "amount_minor": 1280, "currency": "GBP", "method": "card", "channel": "web"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "reason", "amount_minor"),
    [
        ({"InvoiceNo": "C900002", "Quantity": "-2", "UnitPrice": "3.20"}, "cancellation", 640),
        ({"InvoiceNo": "A900003", "Quantity": "1", "UnitPrice": "-80.05"}, "adjustment", 8005),
    ],
)
def test_negative_money_is_a_reversal(payments: Told, columns: dict[str, str], reason: str, amount_minor: int) -> None:
    (reversed_,) = payments(line(**columns))
    assert reversed_.payload is PaymentReversed
    assert (reversed_.data["reason"], reversed_.data["amount_minor"]) == (reason, amount_minor)


@pytest.mark.parametrize(("price", "amount_minor"), [("0.005", 1), ("0.004", 0), ("0.015", 2), ("0.025", 3), ("1.005", 101)])
def test_half_a_penny_is_rounded_up(payments: Told, price: str, amount_minor: int) -> None:
    assert [one.data["amount_minor"] for one in payments(line(Quantity="1", UnitPrice=price))] == [amount_minor] * bool(amount_minor)


def test_what_moves_no_money_is_counted_and_not_sent(tmp_path: Path) -> None:
    rows = [line(UnitPrice="0.0"), line(Quantity="1", UnitPrice="0.001"), line(Quantity="0"), line()]
    reported, skipped = reported_by(online_retail, table_of(tmp_path / "lines.csv", rows))
    assert [one.id for one in reported] == ["line-1-customer", "line-4"]
    assert skipped == {"no money moved": 2, "less than half a penny": 1}


def test_a_line_without_customer_belongs_to_an_account_nobody_has(payments: Told) -> None:
    (paid,) = payments(line(CustomerID="", InvoiceNo="900004"))
    assert paid.subject == "account:guest-900004"


def test_customers_come_first_and_once_with_their_first_country(tmp_path: Path) -> None:
    rows = [line(), line(Country="Spain"), line(CustomerID=""), line(CustomerID="502.0", Country="Iceland")]
    reported, _ = reported_by(online_retail, table_of(tmp_path / "lines.csv", rows))
    assert [(one.subject, one.data) for one in reported[:2]] == [
        ("customer:501", {"region": "Norway", "accounts": ["501"]}),
        ("customer:502", {"region": "Iceland", "accounts": ["502"]}),
    ]
    assert len(reported) == 2 + len(rows)


def test_the_same_file_gives_the_same_events(tmp_path: Path) -> None:
    table = table_of(tmp_path / "lines.csv", [line(), line(CustomerID="502.0")])
    assert reported_by(online_retail, table) == reported_by(online_retail, table)


def test_recency_is_counted_to_the_day_after_the_last_line(tmp_path: Path) -> None:
    rows = [line(InvoiceDate="2011-11-20 12:00:00"), line(InvoiceDate="2011-02-01 08:00:00")]
    assert online_retail.as_of(table_of(tmp_path / "lines.csv", rows)) == date(2011, 11, 21)
