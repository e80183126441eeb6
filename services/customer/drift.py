"""Whether a source's events changed their shape: fields that are new, fields that always came and stopped.

The contract lets producers send more than it knows, and leave out what is optional. So what counts is change: each source's
habit is learned per event type from samples, and only what departs from the habit is drift.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from shared.contracts.registry import PAYLOADS

# Samples of a type before its source has a habit, and in a row without a field before that is no chance.
HABIT_SAMPLES = 20
MISSED_IN_A_ROW = 20
USUAL_SHARE = 0.95
# Then it is how the source is now: an alarm that never ends is not looked at.
NEWS_FOR = timedelta(days=7)
FIELDS_KEPT = 200
DEPTH = 3
# Field names come from outside: whoever keys an object by phone numbers does not get them stored here.
_NAME = re.compile(r"^(?!.*\d{5})[A-Za-z_][\w.-]{0,63}$")
NOT_A_NAME = "(no field name)"


class Seen(NamedTuple):
    """A field: the sample it first stood in, in how many it stood, how many in a row lack it now."""

    first_sample: int
    times: int
    missed: int
    first_at: str
    last_at: str


class Shape(NamedTuple):
    """What the samples of one event type of one source have in common."""

    samples: int = 0
    fields: dict[str, Seen] = {}


def field_names(data: Any, depth: int = DEPTH) -> set[str]:
    """Dotted names of all fields of a payload as it came; a list is told by its first entry."""
    return set(_names(data, depth))


@cache
def known_fields(type_: str) -> frozenset[str]:
    """Those that the contract knows."""
    return frozenset(_model_fields(PAYLOADS[type_], DEPTH))


def fold(shape: Shape, names: Set[str], at: datetime) -> Shape:
    """The shape after one more sample."""
    now, fields = at.isoformat(), dict(shape.fields)
    for name in names & fields.keys():
        fields[name] = fields[name]._replace(times=fields[name].times + 1, missed=0, last_at=now)
    for name in fields.keys() - names:
        fields[name] = fields[name]._replace(missed=fields[name].missed + 1)
    for name in sorted(names - fields.keys())[: FIELDS_KEPT - len(fields)]:
        fields[name] = Seen(shape.samples, 1, 0, now, now)
    return Shape(shape.samples + 1, fields)


def unknown_fields(type_: str, shape: Shape) -> list[str]:
    return sorted(shape.fields.keys() - known_fields(type_))


def drifts(type_: str, shape: Shape, now: datetime) -> list[str]:
    """What is new about the shape, one sentence each."""
    since = (now - NEWS_FOR).isoformat()
    unknown = set(unknown_fields(type_, shape))
    appeared = (name for name, seen in shape.fields.items() if name in unknown and seen.first_sample >= HABIT_SAMPLES and seen.first_at > since)
    stopped = (name for name, seen in shape.fields.items() if _has_stopped(seen, shape.samples) and seen.last_at > since)
    return [f"{type_}: new field {name}" for name in sorted(appeared)] + [f"{type_}: {name} stopped coming" for name in sorted(stopped)]


def _has_stopped(seen: Seen, samples: int) -> bool:
    asked = samples - seen.first_sample - seen.missed
    return seen.missed >= MISSED_IN_A_ROW and asked >= HABIT_SAMPLES and seen.times >= USUAL_SHARE * asked


def _names(data: Any, depth: int) -> Iterator[str]:
    if isinstance(data, list):
        data = data[0] if data else None
    if not isinstance(data, dict) or not depth:
        return
    for name, value in data.items():
        known = name if _NAME.match(name) else NOT_A_NAME
        yield known
        yield from (f"{known}.{inner}" for inner in _names(value, depth - 1))


def _model_fields(model: type[BaseModel], depth: int) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for inner in _models_in(field.annotation) if depth > 1 else ():
            yield from (f"{name}.{found}" for found in _model_fields(inner, depth - 1))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
