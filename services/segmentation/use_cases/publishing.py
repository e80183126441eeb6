"""What segmentation publishes, as bytes straight from the parts: they come from rules, not from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from shared import clock, outbox
from shared.bus import Message
from shared.contracts.envelope import Payload

SOURCE = "holdfast/segmentation"


def event_message(payload: type[Payload], customer_id: str, *, event_id: str, data: Mapping[str, Any], sequence: int | None = None) -> Message:
    document = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": payload.type,
        "subject": f"customer:{customer_id}",
        "time": clock.now(),
        "datacontenttype": "application/json",
        "data": data,
    } | ({} if sequence is None else {"sequence": sequence})
    return outbox.event_message(payload.topic, customer_id, event_type=payload.type, event_id=event_id, value=orjson.dumps(document))
