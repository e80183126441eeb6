"""Bytes to an `Event`, or the reason why not. One path: binary mode is turned into structured JSON first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from shared import clock
from shared.contracts.envelope import Event, Payload
from shared.contracts.registry import PAYLOADS
from shared.errors import (
    EventRejected,
    EventTimeOutOfRange,
    EventTooLarge,
    InvalidEvent,
    MalformedJson,
    NotACloudEvent,
    UnknownEventType,
    UnsupportedEventVersion,
    WrongTopic,
)

MAX_EVENT_BYTES = 1_000_000
FUTURE_TOLERANCE = timedelta(days=1)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
MAX_REPORTED_PROBLEMS = 5

_KNOWN_NAMES = {name.rpartition(".v")[0] for name in PAYLOADS}
_adapters: dict[str, TypeAdapter[Event[Payload]]] = {}


def decode(value: bytes, headers: Mapping[str, bytes] | None = None, *, topic: str | None = None) -> Event[Payload]:
    """The event in a record or request body. Raises an `EventRejected` that says what is wrong with it.

    `topic`, when given, is the one it came by: an event type that belongs to another is refused.
    """
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{len(value)} bytes; the limit is {MAX_EVENT_BYTES}")
    value = structured(value, headers or {})
    payload = _payload_of(_event_type(value))
    if topic is not None and payload.topic != topic:
        raise WrongTopic(f"{payload.type} belongs to {payload.topic}, it came by {topic}")
    event = _validated(payload, value)
    _check_time(event)
    return event


def peek_source(value: bytes) -> str:
    """The `source` that an undecodable record claims, for the books; `unknown` when it does not even say that."""
    try:
        source = orjson.loads(value).get("source")
    except (orjson.JSONDecodeError, AttributeError):
        return "unknown"
    return source if isinstance(source, str) and 0 < len(source) <= 128 and source.isprintable() else "unknown"


def structured(value: bytes, headers: Mapping[str, bytes]) -> bytes:
    """Kafka and HTTP binary mode carry the attributes as `ce_*` headers and the data as the body. Not checked yet."""
    if "ce_specversion" not in headers or headers.get("content-type", b"").startswith(b"application/cloudevents"):
        return value
    attributes = {name[3:]: raw.decode("utf-8", "replace") for name, raw in headers.items() if name.startswith("ce_")}
    if not value:
        raise MalformedJson("binary mode needs the data as the body")
    return orjson.dumps(attributes | {"data": orjson.Fragment(value)})


def _event_type(value: bytes) -> str:
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(str(error)) from None
    if not isinstance(document, dict):
        raise NotACloudEvent("a CloudEvent is a JSON object")
    missing = [name for name in ("specversion", "id", "source", "type", "subject", "time", "data") if name not in document]
    if missing:
        raise NotACloudEvent(f"missing: {', '.join(missing)}")
    if document["specversion"] != "1.0":
        raise NotACloudEvent(f"specversion {document['specversion']!r} is not 1.0")
    return str(document["type"])[:200]


def _payload_of(event_type: str) -> type[Payload]:
    payload = PAYLOADS.get(event_type)
    if payload is not None:
        return payload
    name, _, version = event_type.rpartition(".v")
    if name in _KNOWN_NAMES:
        raise UnsupportedEventVersion(f"{name} has no version {version[:20]!r}")
    raise UnknownEventType(f"{event_type!r}")


def _adapter(payload: type[Payload]) -> TypeAdapter[Event[Payload]]:
    """Built at first use: forty validators would cost every process its start."""
    adapter = _adapters.get(payload.type)
    if adapter is None:
        model = cast(Any, Event)[payload]
        adapter = _adapters[payload.type] = TypeAdapter(model)
    return adapter


def _validated(payload: type[Payload], value: bytes) -> Event[Payload]:
    try:
        event = _adapter(payload).validate_json(value)
    except ValidationError as error:
        raise InvalidEvent(_problems(error), errors=problem_list(error)) from None
    kind = event.subject.partition(":")[0]
    if kind not in payload.about:
        raise InvalidEvent(f"{payload.type} is about {' or '.join(payload.about)}, not about a {kind}")
    return event


def _check_time(event: Event[Payload]) -> None:
    latest = clock.now() + FUTURE_TOLERANCE
    if event.time > latest:
        raise EventTimeOutOfRange(f"{event.time.isoformat()} is more than {FUTURE_TOLERANCE.days} day ahead")
    if event.time < EARLIEST or event.occurred_at < EARLIEST:
        raise EventTimeOutOfRange(f"{min(event.time, event.occurred_at).isoformat()} is before {EARLIEST.year}")


def problem_list(error: ValidationError) -> list[dict[str, str]]:
    """Where and what, without the values: they may be personal."""
    found: Iterable[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    return [{"at": ".".join(str(step) for step in one["loc"]), "problem": one["msg"]} for one in found]


def _problems(error: ValidationError) -> str:
    listed = problem_list(error)
    text = "; ".join(f"{one['at']}: {one['problem']}" for one in listed[:MAX_REPORTED_PROBLEMS])
    return text if len(listed) <= MAX_REPORTED_PROBLEMS else f"{text}; and {len(listed) - MAX_REPORTED_PROBLEMS} more"


__all__ = ["MAX_EVENT_BYTES", "EventRejected", "decode", "peek_source", "problem_list"]
