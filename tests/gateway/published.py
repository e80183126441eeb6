"""What the other services publish, for tests: keyword defaults over the contracts' own examples."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.bus import Message
from shared.contracts.customer import Activity
from shared.contracts.envelope import Payload
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskOpened
from shared.contracts.segmentation import AlertRaised, RfmScored
from tests.builders import NOON, cloud_event, message

CUSTOMER, NUMBER = "C-1", "8613800138000"


def published(payload: type[Payload], customer: str = CUSTOMER, *, sequence: int | None = None, at: datetime = NOON, **data: Any) -> Message:
    event = cloud_event(payload, f"customer:{customer}", source=f"holdfast/{payload.topic}", at=at, **data)
    return message(event | ({} if sequence is None else {"sequence": sequence}), topic=payload.topic)


def fact(id: str = "e-1", *, at: datetime = NOON, type: str = "billing.payment_received.v1", **data: Any) -> dict[str, Any]:
    return {"source": "billing/core", "id": id, "type": type, "time": at.isoformat(), "occurred_at": at.isoformat(), "data": data or {"amount_minor": 100}}


def subscribed(msisdn: str = NUMBER, *, since: datetime = NOON - timedelta(days=400), until: datetime | None = None) -> dict[str, Any]:
    ended = {"terminated_at": until.isoformat()} if until else {}
    return {"subscription_id": f"S-{msisdn}", "msisdn": msisdn, "activated_at": since.isoformat()} | ended


def profile(*subscriptions: dict[str, Any], accounts: tuple[str, ...] = ("A-1",), **attributes: Any) -> dict[str, Any]:
    return {"accounts": list(accounts), "subscriptions": list(subscriptions), **attributes}


def activity(sequence: int, *facts: dict[str, Any], customer: str = CUSTOMER, **data: Any) -> Message:
    blank = {"months": {}, "profile": None}
    return published(Activity, customer, sequence=sequence, facts=list(facts) or [fact(f"e-{customer}-{sequence}")], **(blank | data))


def scored(segment: str = "champions", *, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(RfmScored, customer, at=at, segment=segment)


def alerted(alert_id: str = "alert-1", *, customer: str = CUSTOMER, at: datetime = NOON, **data: Any) -> Message:
    return published(AlertRaised, customer, alert_id=alert_id, raised_at=at.isoformat(), **data)


def decided(decision_id: str = "decision-1", *, customer: str = CUSTOMER, at: datetime = NOON, **data: Any) -> Message:
    return published(DecisionMade, customer, decision_id=decision_id, decided_at=at.isoformat(), **data)


def opened(task_id: str = "task-1", *, customer: str = CUSTOMER, at: datetime = NOON, due: datetime | None = None, **data: Any) -> Message:
    return published(TaskOpened, customer, task_id=task_id, opened_at=at.isoformat(), due_at=(due or at).isoformat(), **data)


def finished(task_id: str = "task-1", result: str = "saved", *, customer: str = CUSTOMER, at: datetime = NOON, **data: Any) -> Message:
    return published(OutcomeRecorded, customer, task_id=task_id, result=result, recorded_at=at.isoformat(), **data)
