"""Ways to spoil an event so that it can never be applied, each with the code it is refused with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

TOO_LARGE_BYTES = 1_100_000


def _without_time(event: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in event.items() if name != "time"})


def too_large(event: dict[str, Any]) -> bytes:
    return orjson.dumps(event | {"data": event["data"] | {"padding": "x" * TOO_LARGE_BYTES}})


SPOILERS: dict[str, tuple[Callable[[dict[str, Any]], bytes], str]] = {
    "cut": (lambda event: orjson.dumps(event)[:-1], "malformed_json"),
    "not_an_object": (lambda event: orjson.dumps([event["source"], event["id"]]), "not_a_cloudevent"),
    "without_time": (_without_time, "not_a_cloudevent"),
    "unknown_type": (lambda event: orjson.dumps(event | {"type": "billing.horoscope_read.v1"}), "unknown_event_type"),
    "version": (lambda event: orjson.dumps(event | {"type": event["type"].replace(".v1", ".v9")}), "unsupported_event_version"),
    "elsewhere": (orjson.dumps, "wrong_topic"),
    "value": (lambda event: orjson.dumps(event | {"data": dict.fromkeys(event["data"], False)}), "invalid_event"),
    "subject": (lambda event: orjson.dumps(event | {"subject": "msisdn:nobody"}), "invalid_event"),
    "future": (lambda event: orjson.dumps(event | {"time": "2031-01-01T00:00:00Z"}), "event_time_out_of_range"),
    "past": (lambda event: orjson.dumps(event | {"time": "1985-01-01T00:00:00Z"}), "event_time_out_of_range"),
}
