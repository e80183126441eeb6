"""Which complaints were past due, and until when: from what the care desk reported, and the time each stage may take.

Counted here a second time and in another way than the customer service does, by the same table of allowed hours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.customer.cases import ALLOWED_HOURS


class Overdue(NamedTuple):
    """`since`: the first stage that was not done in time was due. It is none any more once it is resolved."""

    customer_id: str
    since: datetime
    resolved: datetime


def overdue(events: Iterable[Mapping[str, Any]]) -> list[Overdue]:
    """Of all that was reported, each event once. Complaints nobody resolved are left out: the simulated desk resolves all."""
    stars: dict[str, int] = {}
    told: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=lambda event: str(event["time"])):
        if event["type"] == "orders.customer_registered.v1" and "service_star" in event["data"]:
            stars[event["subject"]] = event["data"]["service_star"]
        elif event["type"].startswith("care.complaint_"):
            told[event["data"]["complaint_id"]].append(event)
    found = (_overdue(course, stars) for course in told.values())
    return [one for one in found if one]


def _overdue(course: list[Mapping[str, Any]], stars: Mapping[str, int]) -> Overdue | None:
    """`course`: in time order, the opening first."""
    if course[-1]["type"] != "care.complaint_resolved.v1":
        return None
    subject, resolved = course[-1]["subject"], _at(course[-1])
    due = min((one for one in _missed(course, stars.get(subject, 1))), default=None)
    return Overdue(subject.removeprefix("customer:"), due, resolved) if due and due < resolved else None


def _missed(course: list[Mapping[str, Any]], star: int) -> Iterable[datetime]:
    """When each stage that was late had been due."""
    begins = [("intake", _at(course[0]))]
    begins += [(event["data"]["stage"], _at(event)) for event in course if event["type"] == "care.complaint_progressed.v1"]
    ends = [at for _, at in begins[1:]] + [_at(course[-1])]
    raised = [(_at(event), event["data"]["severity"]) for event in course if "severity" in event["data"]]
    for (stage, began), ended in zip(begins, ends, strict=True):
        limits = (max(began, at) + timedelta(hours=ALLOWED_HOURS[severity, stage][star - 1]) for at, severity in raised if at < ended)  # type: ignore[index]
        due = min(limits)
        if due < ended:
            yield due


def _at(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])
