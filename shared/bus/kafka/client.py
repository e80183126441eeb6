"""What both halves of the Kafka bus need from aiokafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from shared.errors import BusUnavailable, EventTooLarge

# While the broker is away aiokafka tries most things for ever: here everything ends.
DEADLINE_SECONDS = 10.0
# Its default floods the log of a process whose broker is away.
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


async def stop(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """What is still to be flushed, or the group that is still to be left, may wait for a broker that does not come back."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await client.stop()
