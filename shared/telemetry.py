"""Logs and metrics. Log fields come from an allow-list: what is not on it does not leave the process, so no personal data can."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from shared.settings import Settings

ALLOWED_FIELDS = frozenset(
    {
        "event", "level", "timestamp", "service", "role", "topic", "partition", "offset", "records", "code", "error", "error_class", "attempt",
        "delay_seconds", "seconds", "status", "method", "route", "count", "port", "pid", "exit_code", "url", "group", "version", "customers", "exception",
        "decision_id", "task_id", "alert_id", "request_id", "trace_id", "listener_id",
    }
)  # fmt: skip

RECORDS = Counter("holdfast_records_total", "Records a worker finished, by outcome", ["service", "topic", "outcome"])
BATCH_SECONDS = Histogram("holdfast_batch_seconds", "One polled batch, from decode to commit", ["service"])
BATCH_FAILURES = Counter("holdfast_batch_failures_total", "Batches held and tried again", ["service", "error_class"])
SWEEP_FAILURES = Counter("holdfast_sweep_failures_total", "Background steps that failed and are tried again", ["service", "error_class"])
LAG = Gauge("holdfast_lag_records", "Records not yet applied", ["service", "topic"])
OUTBOX = Gauge("holdfast_outbox_messages", "Messages waiting to be published", ["service"])
PUBLISHED = Counter("holdfast_published_total", "Messages published from the outbox", ["service", "topic"])
FEED_STATE = Gauge("holdfast_feed_state", "1 for the state a source of events is in", ["topic", "source", "state"])
FEED_SILENCE_SECONDS = Gauge("holdfast_feed_silence_seconds", "Since a source of events was last heard", ["topic", "source"])
INTAKE = Counter("holdfast_intake_events_total", "Events that came over HTTP, by verdict", ["code"])
PUSH_CALLS = Counter("holdfast_push_calls_total", "Calls of listeners, by what came of them", ["outcome"])
PUSH_DELIVERIES = Gauge("holdfast_push_deliveries", "Events for listeners that wait to be delivered, or were given up", ["state"])
LISTENERS = Gauge("holdfast_push_listeners", "Listeners by state: a paused one misses events", ["state"])
STREAMS = Gauge("holdfast_streams", "Streams of server-sent events that are open")
CHURN_ALARMS = Gauge("holdfast_churn_model_alarms", "Alarms of the newest look at the churn models: drift and calibration")
REFUSALS = Counter("holdfast_refusals_total", "Requests refused for who asked, or how often", ["code"])
REQUESTS = Counter("holdfast_requests_total", "HTTP requests", ["service", "method", "route", "status"])
REQUEST_SECONDS = Histogram("holdfast_request_seconds", "HTTP requests", ["service", "route"])


def configure(settings: Settings, *, service: str, role: str) -> None:
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _traceback_without_values,
            _only_allowed_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service, role=role)


_WRITES_DEBUG = frozenset({structlog.make_filtering_bound_logger(logging.DEBUG), structlog.get_config()["wrapper_class"]})


def debugging() -> bool:
    """Whether lines of that level are written: making one that is not costs more than some requests do."""
    return structlog.get_config()["wrapper_class"] in _WRITES_DEBUG


def logger() -> structlog.typing.FilteringBoundLogger:
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return bound


def _traceback_without_values(_: Any, __: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Where it failed, not with what: messages and local variables of an exception may be personal."""
    error = fields.pop("exc_info", None)
    if isinstance(error, BaseException):
        fields["exception"] = "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
    return fields


def _only_allowed_fields(_: Any, __: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: value for name, value in fields.items() if name in ALLOWED_FIELDS}
