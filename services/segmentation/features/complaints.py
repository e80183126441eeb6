"""The customer's complaints, each by its id: opened, past due, resolved, in whatever order that is told."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from shared.contracts import care, customer
from shared.contracts.customer import Fact

Complaints = dict[str, dict[str, Any]]

KEPT = 20


def note(complaints: Complaints, fact: Fact) -> None:
    complaint_id = fact.data["complaint_id"]
    complaint = complaints.setdefault(complaint_id, {})
    at = fact.time.astimezone(UTC).isoformat()
    if fact.type == care.ComplaintOpened.type:
        complaint.update(opened=at, kind=fact.data["kind"], severity=fact.data["severity"])
    elif fact.type == care.ComplaintResolved.type:
        complaint["resolved"] = max(complaint.get("resolved", at), at)
    elif fact.type == customer.CaseOverdue.type:
        complaint["overdue"] = min(complaint.get("overdue", at), at)
    if len(complaints) > KEPT:
        del complaints[min(complaints, key=lambda key: (_last_heard_of(complaints[key]), key))]


def _last_heard_of(complaint: dict[str, Any]) -> str:
    times: list[str] = [complaint[name] for name in ("opened", "overdue", "resolved") if name in complaint]
    return max(times)


def overdue(complaints: Complaints) -> list[str]:
    """Ids of those past due and not resolved."""
    return sorted(complaint_id for complaint_id, one in complaints.items() if "overdue" in one and "resolved" not in one)
