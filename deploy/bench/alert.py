"""From an event to its warning: from before a question that announces a departure is published until the warning is read."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from time import monotonic

import orjson

from deploy.bench.loop import Loaded, Took, behind, offer, open_for, until
from deploy.bench.place import Place
from deploy.bench.processes import PartEnded
from shared import clock
from shared.bus import Bus, Consumer, Message
from shared.contracts import care, topics
from shared.outbox import event_message

SERVICES = ("customer", "segmentation")
QUESTIONS_PER_SECOND = 20
WARM_UP_SECONDS = 3.0
LAST_ALERT_SECONDS = 60.0


async def alerts_at_rate(place: Place, load: Iterator[Message], customer_ids: Sequence[str], *, rate: float, seconds: float) -> Loaded:
    """Load, question and warning each go by a connection of their own."""
    async with AsyncExitStack() as stack:
        busy, asking, reading = [await stack.enter_async_context(open_for(place)) for _ in range(3)]
        arrived: dict[str, float] = {}
        reader = asyncio.create_task(_note_arrivals(await reading.consumer(f"bench-{uuid.uuid4().hex}", (topics.ALERTS,)), arrived))
        offering = asyncio.create_task(offer(busy, load, rate=rate, seconds=seconds))
        await asyncio.sleep(WARM_UP_SECONDS)
        sent = await _ask(asking, customer_ids, until_done=offering)
        left = {service: await behind(place, service) for service in SERVICES}
        await _all_of(sent, arrived)
        reader.cancel()
    delays = [arrived[event_id] - at for event_id, at in sent.items() if event_id in arrived]
    return Loaded(Took.of(delays, failed=len(sent) - len(delays)), offering.result(), left)


async def _ask(bus: Bus, customer_ids: Sequence[str], *, until_done: asyncio.Future[float]) -> dict[str, float]:
    """One customer after the other; event id to when."""
    sent: dict[str, float] = {}
    for customer_id in customer_ids:
        if until_done.done():
            break
        event_id = uuid.uuid4().hex
        sent[event_id] = monotonic()
        await bus.publish([_question(event_id, customer_id)])
        await asyncio.sleep(1 / QUESTIONS_PER_SECOND)
    return sent


def _question(event_id: str, customer_id: str) -> Message:
    payload, subject = care.InquiryMade, f"customer:{customer_id}"
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "bench",
        "type": payload.type,
        "subject": subject,
        "time": clock.now(),
        "data": payload.example | {"kind": "port_out_pin"},
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
