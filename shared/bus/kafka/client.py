"""What both halves of the Kafka bus need from aiokafka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.protocol.commit import OffsetFetchRequest

from shared.errors import BusUnavailable, EventTooLarge

# The last version whose answer has an error per partition, and aiokafka looks at no other: it takes "the offsets are still being
# loaded", which a broker says when it has just started, for "nothing was ever committed", and reads everything again.
OffsetFetchRequest._CLASSES = OffsetFetchRequest._CLASSES[:1]

# It writes dozens of lines a second for as long as a broker is away. What matters of that, BusUnavailable says.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

# While the broker is away aiokafka tries most things for ever: here everything ends.
DEADLINE_SECONDS = 10.0
# Its default makes a process whose broker is away a busy one.
RETRY_MS = 250


@asynccontextmanager
async def reaching(seconds: float = DEADLINE_SECONDS) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except MessageSizeTooLargeError as error:
        raise EventTooLarge("The topic does not take a message of this size") from error
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise BusUnavailable(f"Kafka does not answer: {error!r}") from error


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Its own stop first sends what it holds. `publish` has reported that as failed, so by now it might come behind what is newer."""
    await _succeeds(producer._sender.close())
    producer._closed = True
    await producer.client.close()


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Its own stop cancels the fetches that wait for a broker, is itself cancelled by that, and leaves the connections open."""
    if not await _succeeds(consumer.stop()):
        await consumer._client.close()


async def _succeeds(stopping: Coroutine[Any, Any, None]) -> bool:
    task = asyncio.create_task(stopping)
    await asyncio.wait({task}, timeout=DEADLINE_SECONDS)
    task.cancel()
    await asyncio.wait({task})
    return not task.cancelled() and task.exception() is None
