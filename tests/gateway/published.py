"""What the other services publish, for tests: keyword defaults over the contracts' own examples."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.bus import Message
from shared.contracts.customer import Activity
from shared.contracts.envelope import Payload, PersonalKind
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskCancelled, TaskOpened, TaskRescheduled
from shared.contracts.segmentation import AlertRaised, ChurnScored, ChurnScoreDropped, MomentReached, RfmDropped, RfmScored, StandingChanged, StandingDropped
from shared.pii import Keyring, Token
from tests.builders import NOON, cloud_event, message

CUSTOMER, NUMBER = "C-1", "8613800138000"
KEYRING = Keyring(bytes(32), {"m1": bytes(32)})


def published(payload: type[Payload], customer: str = CUSTOMER, *, sequence: int | None = None, at: datetime = NOON, **data: Any) -> Message:
    event = cloud_event(payload, f"customer:{customer}", source=f"holdfast/{payload.topic}", at=at, **data)
    return message(event | ({} if sequence is None else {"sequence": sequence}), topic=payload.topic)


def fact(id: str = "e-1", *, at: datetime = NOON, type: str = "billing.payment_received.v1", **data: Any) -> dict[str, Any]:
    return {"source": "billing/core", "id": id, "type": type, "time": at.isoformat(), "occurred_at": at.isoformat(), "data": data or {"amount_minor": 100}}


def sealed(kind: PersonalKind, value: str) -> str:
    """Under a key that nobody has."""
    return f"~1.{kind}.k.{KEYRING.index(kind, value)}.c2VhbGVk"


def subscribed(msisdn: str = NUMBER, *, since: datetime = NOON - timedelta(days=400), until: datetime | None = None) -> dict[str, Any]:
    ended = {"terminated_at": until.isoformat()} if until else {}
    numbers = {"msisdn": sealed("msisdn", msisdn), "imsi": sealed("imsi", f"46000{msisdn[:10]}")}
    return {"subscription_id": f"S-{msisdn}", **numbers, "activated_at": since.isoformat()} | ended


def profile(*subscriptions: dict[str, Any], accounts: tuple[str, ...] = ("A-1",), document: str | None = None, **attributes: Any) -> dict[str, Any]:
    """With the lookups of live subscriptions, accounts and document."""
    live = [one for one in subscriptions if "terminated_at" not in one]
    lookups = [
        *({"identifier": f"account:{account}", "since": "1970-01-01T00:00:00Z"} for account in accounts),
        *({"identifier": f"{kind}:{index_of(one[kind])}", "since": one["activated_at"]} for one in live for kind in ("msisdn", "imsi")),
    ]
    if document:
        attributes["document"] = sealed("document", document)
        lookups.append({"identifier": KEYRING.subject(f"document:{document}"), "since": "1970-01-01T00:00:00Z"})
    return {"accounts": list(accounts), "subscriptions": list(subscriptions), "lookups": lookups, **attributes}


def index_of(token: str) -> str:
    found = Token.of(token)
    assert found
    return found.index


def activity(sequence: int, *facts: dict[str, Any], customer: str = CUSTOMER, **data: Any) -> Message:
    blank = {"months": {}, "profile": None}
    return published(Activity, customer, sequence=sequence, facts=list(facts) or [fact(f"e-{customer}-{sequence}")], **(blank | data))


def retold(sequence: int, *facts: dict[str, Any], customer: str = CUSTOMER, **data: Any) -> Message:
    """The first message of a customer told again from the beginning."""
    return activity(sequence, *facts, customer=customer, resets=True, restated=True, **data)


def merged(sequence: int, customer: str, *, into: str) -> Message:
    return published(Activity, customer, sequence=sequence, facts=[], months={}, profile=None, resets=True, restated=True, merged_into=into)


def erased(sequence: int, customer: str = CUSTOMER) -> Message:
    return published(Activity, customer, sequence=sequence, facts=[], months={}, profile=None, resets=True, erased=True)


def dropped(reason: str = "merged", *, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(RfmDropped, customer, at=at, reason=reason)


def scored(segment: str = "champions", *, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(RfmScored, customer, at=at, segment=segment)


def stands(tier: str = "gold", *, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(StandingChanged, customer, at=at, tier=tier)


def stands_nowhere(*, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(StandingDropped, customer, at=at)


def may_leave(probability: float = 0.3, *, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(ChurnScored, customer, at=at, probability=probability)


def not_scored(*, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(ChurnScoreDropped, customer, at=at)


def reached(moment_id: str = "moment-1", *, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(MomentReached, customer, moment_id=moment_id, reached_at=at.isoformat())


def alerted(alert_id: str = "alert-1", *, customer: str = CUSTOMER, at: datetime = NOON, **data: Any) -> Message:
    return published(AlertRaised, customer, alert_id=alert_id, raised_at=at.isoformat(), **data)


def decided(decision_id: str = "decision-1", *, customer: str = CUSTOMER, at: datetime = NOON, **data: Any) -> Message:
    return published(DecisionMade, customer, decision_id=decision_id, decided_at=at.isoformat(), **data)


def opened(task_id: str = "task-1", *, customer: str = CUSTOMER, at: datetime = NOON, due: datetime | None = None, **data: Any) -> Message:
    return published(TaskOpened, customer, task_id=task_id, opened_at=at.isoformat(), due_at=(due or at).isoformat(), **data)


def moved(task_id: str = "task-1", *, due: datetime, customer: str = CUSTOMER, **data: Any) -> Message:
    return published(TaskRescheduled, customer, task_id=task_id, due_at=due.isoformat(), **data)


def cancelled(task_id: str = "task-1", reason: str = "superseded", *, customer: str = CUSTOMER, at: datetime = NOON) -> Message:
    return published(TaskCancelled, customer, task_id=task_id, reason=reason, cancelled_at=at.isoformat())


def finished(task_id: str = "task-1", result: str = "saved", *, customer: str = CUSTOMER, at: datetime = NOON, **data: Any) -> Message:
    return published(OutcomeRecorded, customer, task_id=task_id, result=result, recorded_at=at.isoformat(), **data)
