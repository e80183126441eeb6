"""Events in over HTTP: what a body holds by the CloudEvents HTTP binding, a verdict on each event, and how much may be under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from shared.bus import Message
from shared.contracts import topics
from shared.contracts.decoding import MAX_EVENT_BYTES, decode, structured
from shared.errors import (
    BodyTooLarge,
    EventRejected,
    EventTooLarge,
    HoldfastError,
    InvalidRequest,
    MalformedJson,
    TooManyRequests,
    UnsupportedMediaType,
    WrongTopic,
)
from shared.outbox import event_message

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = "application/json"

MAX_BATCH_BYTES = 8_000_000
MAX_BATCH_EVENTS = 500
MAX_REQUESTS_UNDER_WAY = 256
MAX_BYTES_UNDER_WAY = 64_000_000
RETRY_AFTER_SECONDS = 1


class Judged(NamedTuple):
    """One event: what is to be published, or why it is not."""

    id: str | None
    message: Message | None
    error: EventRejected | None


@dataclass(slots=True)
class UnderWay:
    """Requests whose bodies are in memory. Beyond the bounds a caller is told to come again, before its body is read."""

    requests: int = 0
    size_bytes: int = 0

    @contextmanager
    def admit(self, size_bytes: int) -> Iterator[None]:
        if self.requests >= MAX_REQUESTS_UNDER_WAY or self.size_bytes + size_bytes > MAX_BYTES_UNDER_WAY:
            raise TooManyRequests(retry_after_seconds=RETRY_AFTER_SECONDS)
        self.requests += 1
        self.size_bytes += size_bytes
        try:
            yield
        finally:
            self.requests -= 1
            self.size_bytes -= size_bytes


def mode_of(headers: Mapping[str, str]) -> str:
    """SINGLE, BATCH or BINARY. Raises UnsupportedMediaType."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in {SINGLE, BATCH} or (media_type == BINARY and "ce-specversion" in headers):
        return media_type
    raise UnsupportedMediaType(f"send {SINGLE}, {BATCH}, or {BINARY} with the attributes as ce-* headers")


def limit_of(mode: str) -> int:
    return MAX_BATCH_BYTES if mode == BATCH else MAX_EVENT_BYTES


def too_large(mode: str) -> HoldfastError:
    return BodyTooLarge(f"a batch has at most {MAX_BATCH_BYTES} bytes") if mode == BATCH else EventTooLarge()


def judge(mode: str, body: bytes, headers: Mapping[str, str]) -> list[Judged]:
    """A verdict on each event of the body, in its order. Raises what is wrong with the body as a whole."""
    if mode == BATCH:
        return [_judge_one(orjson.dumps(one)) for one in _batch(body)]
    if mode == SINGLE:
        return [_judge_one(body)]
    attributes = {f"ce_{name[3:]}": unquote(value).encode() for name, value in headers.items() if name.startswith("ce-")}
    try:
        return [_judge_one(structured(body, attributes))]
    except EventRejected as error:
        return [Judged(attributes.get("ce_id", b"").decode()[:128] or None, None, error)]


def _batch(body: bytes) -> Sequence[Any]:
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(str(error)) from None
    if not isinstance(events, list):
        raise InvalidRequest("a batch is a JSON array of events")
    if len(events) > MAX_BATCH_EVENTS:
        raise BodyTooLarge(f"a batch has at most {MAX_BATCH_EVENTS} events")
    return events


def _judge_one(value: bytes) -> Judged:
    try:
        event = decode(value)
        if event.data.topic not in topics.INPUTS:
            raise WrongTopic(f"{event.type} is published by Holdfast itself and not taken from outside")
    except EventRejected as error:
        return Judged(_id_in(value), None, error)
    message = event_message(event.data.topic, event.subject, event_type=event.type, event_id=event.id, value=value)
    return Judged(event.id, message, None)


def _id_in(value: bytes) -> str | None:
    """What an event that was refused says its id is."""
    try:
        claimed = orjson.loads(value).get("id")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return claimed[:128] if isinstance(claimed, str) else None
