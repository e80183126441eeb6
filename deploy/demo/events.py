"""How the operator's systems word what they report: CloudEvents, as dictionaries."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

Event = dict[str, Any]

CURRENCY = "CNY"
SOURCES = {"billing": "billing/core", "network": "network/mediation", "care": "care/desk", "orders": "orders/entry"}


class Report(NamedTuple):
    """What a system has to say, before it has a name."""

    at: datetime
    type: str
    subject: str
    data: dict[str, Any]


def report(at: datetime, type: str, subject: str, **data: Any) -> Report:
    return Report(at, f"{type}.v1", subject, {name: _plain(value) for name, value in data.items() if value is not None})


def money(at: datetime, type: str, subject: str, **data: Any) -> Report:
    return report(at, type, subject, currency=CURRENCY, **data)


def event(event_id: str, said: Report) -> Event:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCES[said.type.partition(".")[0]],
        "type": said.type,
        "subject": said.subject,
        "time": _plain(said.at),
        "datacontenttype": "application/json",
        "data": said.data,
    }


def voice(out_calls: float, in_calls: float, seconds_per_call: float) -> dict[str, int]:
    return {
        "out_calls": round(out_calls),
        "out_seconds": round(out_calls * seconds_per_call),
        "in_calls": round(in_calls),
        "in_seconds": round(in_calls * seconds_per_call),
    }


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def period(first: date, days: int) -> dict[str, Any]:
    return {"period_start": midnight(first), "period_end": midnight(first + timedelta(days=days))}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
