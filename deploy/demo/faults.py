"""What goes wrong between a system and the bus, at a set rate: late, out of order, twice, malformed. Pure: an event's fate follows from its id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import orjson

from deploy.demo.events import Event

LATEST = timedelta(days=6)
FAULTS = ("late", "out_of_order", "duplicate", "malformed")


class Delivery(NamedTuple):
    """One sending of an event. The first three fields order them."""

    send_at: datetime
    event_id: str
    fault: str
    body: bytes

    @property
    def alone(self) -> bool:
        """Half a document can not stand in a batch."""
        return self.fault == "cut"

    @property
    def malformed(self) -> bool:
        return self.fault in ("cut", "malformed")


def deliveries(event: Event, at: datetime, *, seed: int, rate: float) -> Iterator[Delivery]:
    """The event once, unharmed; later than it should be, or with a second sending beside it, when a fault strikes."""
    dice = Random(f"{seed}:fault:{event['id']}")
    fault = dice.choice(FAULTS) if dice.random() < rate else ""
    delay = {"late": dice.uniform(1, LATEST / timedelta(days=1)), "out_of_order": dice.uniform(0.05, 0.5)}.get(fault, 0.0)
    body = orjson.dumps(event)
    yield Delivery(at + timedelta(days=delay), event["id"], fault if delay else "", body)
    if fault == "duplicate":
        yield Delivery(at + timedelta(days=dice.uniform(0, 2)), event["id"], fault, body)
    elif fault == "malformed":
        yield _spoiled(event, at, dice)


def _spoiled(event: Event, at: datetime, dice: Random) -> Delivery:
    """A broken copy under an id of its own: the door has to refuse it."""
    spoiled: dict[str, Any] = event | {"id": f"{event['id']}-bad"}
    match dice.choice(("cut", "type", "version", "subject", "missing", "value")):
        case "cut":
            whole = orjson.dumps(spoiled)
            return Delivery(at, spoiled["id"], "cut", whole[: dice.randint(1, len(whole) - 1)])
        case "type":
            spoiled["type"] = "billing.horoscope_read.v1"
        case "version":
            spoiled["type"] = spoiled["type"].replace(".v1", ".v99")
        case "subject":
            spoiled["subject"] = "msisdn:not-a-number"
        case "missing":
            del spoiled["time"]
        case "value":
            spoiled["data"] = {name: [None] for name in event["data"]}
    return Delivery(at, spoiled["id"], "malformed", orjson.dumps(spoiled))
