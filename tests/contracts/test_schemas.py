"""E1: every event type is a model with an example, and a JSON Schema that says the same as the model."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from shared.contracts.asyncapi import REQUIRED, example_event
from shared.contracts.decoding import decode
from shared.contracts.envelope import Payload
from shared.contracts.registry import PAYLOADS
from shared.errors import EventRejected
from tests.contracts.schemas import problems

EVERY_TYPE = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
BROKEN_VALUES = (None, False, -1, 1.5, 10**13, "", "x" * 3000, "\x00", [], [0], {}, {"": 0}, "2026-13-45T00:00:00Z", f"customer:{'x' * 101}")

Path = tuple[str | int, ...]


def decodes(event: Any) -> bool:
    try:
        decode(orjson.dumps(event))
    except EventRejected:
        return False
    return True


def places(document: Any, path: Path = ()) -> Iterator[Path]:
    """Every value in a document."""
    inner = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for step, value in inner:
        yield (*path, step)
        yield from places(value, (*path, step))


def with_value(event: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(event)
    target: Any = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return changed


@EVERY_TYPE
def test_the_example_decodes_and_fits_its_schema(payload: type[Payload]) -> None:
    example = example_event(payload)
    event = decode(orjson.dumps(example), topic=payload.topic)
    assert isinstance(event.data, payload)
    assert problems(example) == []
    assert problems(orjson.loads(event.to_json())) == []


@EVERY_TYPE
def test_without_a_required_field_neither_takes_it(payload: type[Payload]) -> None:
    example = example_event(payload)
    required_data = [name for name, field in payload.model_fields.items() if field.is_required()]
    for name in REQUIRED:
        event = {key: value for key, value in example.items() if key != name}
        assert not decodes(event), name
    for name in required_data:
        event = example | {"data": {key: value for key, value in example["data"].items() if key != name}}
        assert problems(event), name
        assert not decodes(event), name


@EVERY_TYPE
def test_what_the_schema_refuses_the_model_refuses_and_the_reverse(payload: type[Payload]) -> None:
    """But for what spans two fields, no value is good for one and bad for the other."""
    example = example_event(payload)
    for path in places(example):
        if path == ("type",):
            continue
        for value in BROKEN_VALUES:
            event = with_value(example, path, value)
            assert (problems(event) == []) is decodes(event), (path, value, problems(event))
