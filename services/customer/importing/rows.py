"""A row of a file as the events it stands for.

The id of an event is made of the row's own key, so a row that comes again is a duplicate. Where that key is a number, its keyed
index stands in the id: ids are published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.customer.importing.columns import (
    ACTIVATED,
    BILLS,
    CONSENTS,
    CUSTOMERS,
    LINES,
    PAYMENTS,
    REGISTERED,
    USAGE,
    Column,
    Reading,
    UnreadableCell,
    Values,
    payload,
)
from services.customer.importing.files import Line, Row
from shared.contracts.billing import BillIssued, PaymentReceived
from shared.contracts.decoding import decode
from shared.contracts.envelope import Event, Payload
from shared.contracts.network import UsageSummarised
from shared.contracts.orders import CustomerRegistered, SubscriptionActivated, SubscriptionTerminated
from shared.errors import EventRejected
from shared.pii import Keyring

DOCUMENT_KIND = "id_card"
SUBJECTS = {"account": "account", "msisdn": "msisdn", "imsi": "imsi", "customer_id": "customer"}


class Draft(NamedTuple):
    """An event that is not checked yet. `key` is unique among the rows of this kind."""

    type: type[Payload]
    key: str
    subject: str
    time: datetime
    data: Values

    def checked(self, source: str) -> Event[Payload]:
        """Raises EventRejected."""
        document = {
            "specversion": "1.0", "id": self.key, "source": source, "type": self.type.type,
            "subject": self.subject, "time": self.time, "data": self.data,
        }  # fmt: skip
        return decode(orjson.dumps(document))


class Reject(NamedTuple):
    """A row that can not be taken in as it is. `reason` never holds what stands in the row: that may be personal."""

    line: int
    code: str
    reason: str


class Checked(NamedTuple):
    """Rows of a file, as events."""

    rows: int
    events: list[Event[Payload]]
    rejects: list[Reject]


Drafts = Callable[[Values, Keyring], Iterable[Draft]]


class Kind(NamedTuple):
    """What a row stands for. Without columns: each line is an event already."""

    columns: dict[str, Column]
    drafts: Drafts


class Checking(NamedTuple):
    """What is needed to tell the events of a file's rows. `reading`: none of a file of events."""

    kind: Kind
    reading: Reading | None
    keyring: Keyring
    source: str

    def check(self, rows: Sequence[Row | Line]) -> Checked:
        events: list[Event[Payload]] = []
        rejects: list[Reject] = []
        for row in rows:
            try:
                events += self._events(row)
            except EventRejected as error:
                rejects.append(Reject(row.line, error.code, error.detail))
            except UnreadableCell as error:
                rejects.append(Reject(row.line, "unreadable_row", str(error)))
            except (UnicodeEncodeError, orjson.JSONEncodeError):
                rejects.append(Reject(row.line, "unreadable_row", "is no text in the file's encoding"))
        return Checked(len(rows), events, rejects)

    def _events(self, row: Row | Line) -> list[Event[Payload]]:
        """All events of a row or, with an error, none."""
        if isinstance(row, Line):
            return [decode(row.value)]
        if row.problem or self.reading is None:
            raise UnreadableCell(row.problem)
        return [draft.checked(self.source) for draft in self.kind.drafts(self.reading.values(row.cells), self.keyring)]


def _customer(row: Values, _: Keyring) -> Iterator[Draft]:
    customer_id = row["customer_id"]
    subject = f"customer:{customer_id}"
    yield Draft(CustomerRegistered, subject, subject, row["registered_at"], payload(REGISTERED, row) | dict(_attributes(row)))
    if "subscription_id" not in row:
        if "msisdn" in row:
            raise UnreadableCell("subscription_id: is empty, and there is an msisdn")
        return
    subscription = f"subscription:{row['subscription_id']}"
    yield Draft(SubscriptionActivated, subscription, subject, row.get("activated_at") or row["registered_at"], payload(ACTIVATED, row))
    if "terminated_at" in row:
        ended = {"subscription_id": row["subscription_id"], "reason": row.get("termination_reason", "other")}
        yield Draft(SubscriptionTerminated, f"{subscription}:terminated", subject, row["terminated_at"], ended)


def _attributes(row: Values) -> Iterator[tuple[str, Any]]:
    """What is put together from several columns."""
    if "document_number" in row:
        yield "document", f"{row.get('document_kind', DOCUMENT_KIND)}:{row['document_number']}"
    points = [{"kind": kind, "value": row[kind], "verified": row.get(f"{kind}_verified", False)} for kind in ("phone", "email", "address") if kind in row]
    if points:
        yield "contact_points", points
    consents = [{"purpose": CONSENTS[name][0], "channel": CONSENTS[name][1], "granted": granted} for name, granted in row.items() if name in CONSENTS]
    if consents:
        yield "consents", consents


def _usage(row: Values, keyring: Keyring) -> Iterator[Draft]:
    subject = _subject(row)
    key = f"usage:{keyring.subject(subject)}:{row['period_start']:%Y%m%dT%H%M%S%z}:{row['period_end']:%Y%m%dT%H%M%S%z}"
    yield Draft(UsageSummarised, key, subject, row["period_end"], payload(USAGE.values(), row))


def _bill(row: Values, _: Keyring) -> Iterator[Draft]:
    lines = [{"category": category, "amount_minor": row[name]} for name, category in LINES.items() if name in row]
    time = row.get("issued_at") or row["period_end"]
    yield Draft(BillIssued, f"bill:{row['bill_id']}", _subject(row), time, payload(BILLS.values(), row) | ({"lines": lines} if lines else {}))


def _payment(row: Values, _: Keyring) -> Iterator[Draft]:
    yield Draft(PaymentReceived, f"payment:{row['payment_id']}", _subject(row), row["paid_at"], payload(PAYMENTS.values(), row))


def _subject(row: Values) -> str:
    for name, kind in SUBJECTS.items():
        if name in row:
            return f"{kind}:{row[name]}"
    raise UnreadableCell("there is no account, msisdn, imsi or customer_id in it")


KINDS: dict[str, Kind] = {
    "customers": Kind(CUSTOMERS, _customer),
    "usage": Kind(USAGE, _usage),
    "bills": Kind(BILLS, _bill),
    "payments": Kind(PAYMENTS, _payment),
    "events": Kind({}, lambda row, keyring: ()),
}
