"""From an event to its warning: from before a question that announces a departure, or a day of calls that is fraud, is published until the
warning is read. One after the other."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from time import monotonic
from typing import Any

import orjson

from deploy.bench.loop import Loaded, Took, behind, offer, open_for, until
from deploy.bench.place import Place
from deploy.bench.processes import PartEnded
from shared import clock
from shared.bus import Bus, Consumer, Message
from shared.contracts import care, network, topics
from shared.contracts.envelope import Payload
from shared.outbox import event_message

SERVICES = ("customer", "segmentation")
QUESTIONS_PER_SECOND = 20
WARM_UP_SECONDS = 3.0
LAST_ALERT_SECONDS = 60.0


async def alerts_at_rate(place: Place, load: Iterator[Message], numbers: Mapping[str, str], *, rate: float, seconds: float) -> Loaded:
    """Load, question and warning each go by a connection of their own."""
    async with AsyncExitStack() as stack:
        busy, asking, reading = [await stack.enter_async_context(open_for(place)) for _ in range(3)]
        arrived: dict[str, float] = {}
        reader = asyncio.create_task(_note_arrivals(await reading.consumer(f"bench-{uuid.uuid4().hex}", (topics.ALERTS,)), arrived))
        offering = asyncio.create_task(offer(busy, load, rate=rate, seconds=seconds))
        await asyncio.sleep(WARM_UP_SECONDS)
        sent = await _ask(asking, numbers, until_done=offering)
        left = {service: await behind(place, service) for service in SERVICES}
        await _all_of(sent, arrived)
        reader.cancel()
    delays = [arrived[event_id] - at for event_id, at in sent.items() if event_id in arrived]
    return Loaded(Took.of(delays, failed=len(sent) - len(delays)), offering.result(), left)


async def _ask(bus: Bus, numbers: Mapping[str, str], *, until_done: asyncio.Future[float]) -> dict[str, float]:
    """One customer after the other; event id to when."""
    sent: dict[str, float] = {}
    for nth, (customer_id, number) in enumerate(numbers.items()):
        if until_done.done():
            break
        event_id = uuid.uuid4().hex
        sent[event_id] = monotonic()
        await bus.publish([_fraud(event_id, number) if nth % 2 else _question(event_id, customer_id)])
        await asyncio.sleep(1 / QUESTIONS_PER_SECOND)
    return sent


def _question(event_id: str, customer_id: str) -> Message:
    return _message(event_id, care.InquiryMade, f"customer:{customer_id}", care.InquiryMade.example | {"kind": "port_out_pin"})


def _fraud(event_id: str, number: str) -> Message:
    """Five hours abroad within a day."""
    day = {"period_start": clock.now() - timedelta(days=1), "period_end": clock.now()}
    return _message(event_id, network.UsageSummarised, f"msisdn:{number}", day | {"international": {"out_calls": 60, "out_seconds": 18_000}})


def _message(event_id: str, payload: type[Payload], subject: str, data: dict[str, Any]) -> Message:
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "bench",
        "type": payload.type,
        "subject": subject,
        "time": clock.now(),
        "data": data,
    }
    return event_message(payload.topic, subject, event_type=payload.type, event_id=event_id, value=orjson.dumps(event))


async def _note_arrivals(consumer: Consumer, arrived: dict[str, float]) -> None:
    while True:
        records = await consumer.poll(max_records=500, timeout_seconds=0.5)
        now = monotonic()
        arrived.update((orjson.loads(record.value)["data"]["caused_by"], now) for record in records)
        consumer.done()


async def _all_of(sent: dict[str, float], arrived: dict[str, float]) -> None:
    """What does not come in time is reported as failed."""

    async def are_there() -> bool:
        return sent.keys() <= arrived.keys()

    try:
        await until(are_there, LAST_ALERT_SECONDS, what="the last warnings")
    except PartEnded:
        return
