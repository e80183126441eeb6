"""What is measured with: the simulated operator's customers, and what its billing and network report of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from math import ceil
from typing import NamedTuple

import orjson

from deploy.demo.events import midnight
from deploy.demo.stream import Stream
from shared import clock
from shared.bus import Message
from shared.contracts import orders, topics
from shared.outbox import event_message

# Fewer than there are, so that the history is long enough.
EVENTS_PER_CUSTOMER_DAY = 0.15
FIRST_DAYS = 30
STEP = timedelta(days=1)
REGISTRY = (orders.CustomerRegistered.type, orders.SubscriptionActivated.type)
REPORTED = (topics.BILLING, topics.NETWORK)


class Load(NamedTuple):
    """`registry` says who exists and holds which number; every event of `reported` is about one of them, or about a cell."""

    registry: list[Message]
    reported: list[Message]

    @property
    def customer_ids(self) -> list[str]:
        return list(dict.fromkeys(message.key.removeprefix("customer:") for message in self.registry))

    @property
    def numbers(self) -> dict[str, str]:
        """The MSISDN of each customer."""
        activated = (orjson.loads(message.value) for message in self.registry)
        return {one["subject"].removeprefix("customer:"): one["data"]["msisdn"] for one in activated if one["type"] == orders.SubscriptionActivated.type}

    @property
    def mean_bytes(self) -> int:
        return sum(len(message.value) for message in self.reported) // len(self.reported)


def make(*, customers: int, events: int, seed: int = 1) -> Load:
    """The last weeks or months of an operator without faults: its first `events`, in the order they are sent."""
    found = Load([], [])
    days = FIRST_DAYS + ceil(events / customers / EVENTS_PER_CUSTOMER_DAY)
    for message, event_type in _messages(customers, seed, timedelta(days)):
        if event_type in REGISTRY:
            found.registry.append(message)
        elif message.topic in REPORTED:
            found.reported.append(message)
        if len(found.reported) == events:
            return found
    raise AssertionError(f"{len(found.reported)} events are all that {customers} customers give in {days} days")


def batches(messages: list[Message], size: int) -> Iterator[list[Message]]:
    rest = iter(messages)
    while batch := list(islice(rest, size)):
        yield batch


def _messages(customers: int, seed: int, history: timedelta) -> Iterator[tuple[Message, str]]:
    today = clock.now().date()
    first_day = today - history
    stream = Stream(seed=seed, size=customers, first_day=first_day, fault_rate=0, sent_until=midnight(first_day))
    for delivery in _sent(stream, midnight(first_day), midnight(today)):
        event = orjson.loads(delivery)
        topic = event["type"].partition(".")[0]
        yield event_message(topic, event["subject"], event_type=event["type"], event_id=event["id"], value=delivery), event["type"]


def _sent(stream: Stream, since: datetime, until: datetime) -> Iterator[bytes]:
    while since < until:
        since += STEP
        yield from (delivery.body for delivery in stream.until(since))
