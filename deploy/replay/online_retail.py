"""Online Retail (UCI, 2010-12-01 to 2011-12-09): each line of an invoice is money that moved. docs/replay.md says why so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from deploy.replay.events import Reported, whole
from deploy.replay.table import Row, Table
from shared.contracts.billing import PaymentReceived, PaymentReversed
from shared.contracts.orders import CustomerRegistered

SOURCE = "replay/online-retail"
COLUMNS: tuple[str, ...] = ("InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")

CURRENCY = "GBP"
# The file does not say how was paid; the contract wants to know.
METHOD = "card"
CHANNEL = "web"


def as_of(table: Table) -> date:
    return max(_time(row) for _, row in table).date() + timedelta(days=1)


def events(table: Table, skipped: Counter[str]) -> Iterator[Reported]:
    yield from _registrations(table)
    yield from _payments(table, skipped)


def _registrations(table: Table) -> Iterator[Reported]:
    seen: set[str] = set()
    for number, row in table:
        customer = _customer(row)
        if customer and customer not in seen:
            seen.add(customer)
            data = {"region": row["Country"], "accounts": [customer]}
            yield Reported(f"line-{number}-customer", CustomerRegistered, f"customer:{customer}", _time(row), data)


def _payments(table: Table, skipped: Counter[str]) -> Iterator[Reported]:
    for number, row in table:
        amount = int(row["Quantity"]) * Decimal(row["UnitPrice"])
        amount_minor = whole(abs(amount) * 100)
        if amount_minor:
            yield _payment(number, row, amount_minor, reversed_=amount < 0)
        else:
            skipped["less than half a penny" if amount else "no money moved"] += 1


def _payment(number: int, row: Row, amount_minor: int, *, reversed_: bool) -> Reported:
    invoice = row["InvoiceNo"]
    subject = f"account:{_customer(row) or f'guest-{invoice}'}"
    money = {"payment_id": f"{invoice}-{number}", "amount_minor": amount_minor, "currency": CURRENCY}
    if reversed_:
        reason = "cancellation" if invoice.startswith("C") else "adjustment"
        return Reported(f"line-{number}", PaymentReversed, subject, _time(row), money | {"reason": reason})
    return Reported(f"line-{number}", PaymentReceived, subject, _time(row), money | {"method": METHOD, "channel": CHANNEL})


def _customer(row: Row) -> str:
    """Empty: the line has none. The file writes ids as `501.0`."""
    return row["CustomerID"].removesuffix(".0")


def _time(row: Row) -> datetime:
    return datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC)
