"""What retention publishes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared import outbox
from shared.bus import Message
from shared.contracts.envelope import Event, Payload

# A source each: a task has the id of its decision and an outcome that of its task, and source + id name one event.
DECISIONS = "holdfast/retention/decisions"
TASKS = "holdfast/retention/tasks"
CANCELLATIONS = "holdfast/retention/cancellations"
OUTCOMES = "holdfast/retention/outcomes"


def event_message(payload: Payload, customer_id: str, *, source: str, event_id: str, at: datetime) -> Message:
    event = Event[Any](id=event_id, source=source, type=payload.type, subject=f"customer:{customer_id}", time=at, data=payload)
    return outbox.event_message(payload.topic, customer_id, event_type=payload.type, event_id=event_id, value=event.to_json())
