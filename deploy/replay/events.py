"""What the rows of a data set say, and its form on the bus."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import orjson

from shared.bus import Message
from shared.contracts.envelope import Payload
from shared.outbox import event_message


class Reported(NamedTuple):
    """One event. `id` follows from the row's number, so that a second replay of the file is all duplicates."""

    id: str
    payload: type[Payload]
    subject: str
    time: datetime
    data: dict[str, Any]


def message_of(reported: Reported, source: str) -> Message:
    """As a producer puts it on its topic: structured JSON, keyed by the subject."""
    payload = reported.payload
    document = {
        "specversion": "1.0",
        "id": reported.id,
        "source": source,
        "type": payload.type,
        "subject": reported.subject,
        "time": reported.time,
        "datacontenttype": "application/json",
        "data": reported.data,
    }
    return event_message(payload.topic, reported.subject, event_type=payload.type, event_id=reported.id, value=orjson.dumps(document))


def known(**fields: Any) -> dict[str, Any]:
    """Without the fields the row says nothing of: absent is not zero."""
    return {name: value for name, value in fields.items() if value is not None}


def whole(value: Decimal) -> int:
    """Halves away from zero."""
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))
