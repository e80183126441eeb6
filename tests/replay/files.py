"""Small files in the form of the data sets, row by row. Their contents are invented: nothing of the data sets is kept here."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy.replay.events import Reported, message_of
from deploy.replay.table import Source, Table
from shared.contracts.decoding import decode
from shared.contracts.envelope import Event, Payload

LINE = {
    "InvoiceNo": "900001", "StockCode": "X1", "Description": "TEAPOT", "Quantity": "4", "InvoiceDate": "2011-03-05 10:15:00", "UnitPrice": "3.20",
    "CustomerID": "501.0", "Country": "Norway",
}  # fmt: skip

SUBSCRIBER = {
    "CustomerID": "7000001", "Churn": "No", "MonthlyRevenue": "40", "MonthlyMinutes": "200", "TotalRecurringCharge": "35", "RoamingCalls": "0",
    "PercChangeMinutes": "-150", "DroppedCalls": "1", "BlockedCalls": "0", "CustomerCareCalls": "0", "OutboundCalls": "1.3", "InboundCalls": "0",
    "MonthsInService": "20", "ServiceArea": "AREA-1", "CurrentEquipmentDays": "300", "RetentionCalls": "0", "RetentionOffersAccepted": "0",
}  # fmt: skip


def line(**columns: str) -> dict[str, str]:
    return LINE | columns


def subscriber(**columns: str) -> dict[str, str]:
    return SUBSCRIBER | columns


def table_of(path: Path, rows: Iterable[Mapping[str, str]], *, limit: int | None = None) -> Table:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow(row)
    return Table(path, limit=limit)


def reported_by(source: Source, table: Table) -> tuple[list[Reported], Counter[str]]:
    """The events of a file, each of which its contract takes, and what was skipped."""
    skipped = Counter[str]()
    reported = list(source.events(table, skipped))
    for one in reported:
        decoded(one, source)
    return reported, skipped


def decoded(one: Reported, source: Source) -> Event[Payload]:
    message = message_of(one, source.SOURCE)
    return decode(message.value, message.headers, topic=message.topic)
