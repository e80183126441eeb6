"""The event contracts as documents: an AsyncAPI document over all topics, and one JSON Schema per event type.

python -m shared.contracts.asyncapi             write docs/events/ again
python -m shared.contracts.asyncapi --check     exit code 1 when docs/events/ is not what the contracts say

A schema that was written is a promise: neither overwrites one with a schema that breaks it. What breaks is a new version of
the event type, beside the old one; `--breaking` is for a contract that nobody has used yet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from shared.contracts import topics
from shared.contracts.envelope import CONTENT_TYPE, SUBJECTS, Event, Payload
from shared.contracts.evolution import breaks
from shared.contracts.registry import PAYLOADS
from shared.contracts.topics import TOPICS, Topic

Schema = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "docs" / "events"
REQUIRED = ["specversion", "id", "source", "type", "subject", "time", "data"]
EXAMPLE_SUBJECTS = {
    "msisdn": "msisdn:8613800138000", "account": "account:A-1", "customer": "customer:C-1", "cell": "cell:460-00-17", "feed": "feed:billing/core",
}  # fmt: skip
EXAMPLE_TIME = "2026-11-02T10:00:00Z"

_INTRODUCTION = """\
Every event is a CloudEvent 1.0 in structured JSON. `source` and `id` name it for ever: the same pair again is a duplicate. What
billing, network, care and orders report is taken from their topics, or from `POST /v1/events`; everything else is published here.
Delivery is at least once, in order per key. Contracts only grow: ignore fields you do not know."""


class _Untitled(GenerateJsonSchema):
    """Without a title on each field, which only says its name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def example_event(payload: type[Payload]) -> dict[str, Any]:
    """A whole event of this type, with the contract's own example as data."""
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": f"{_topic_of(payload).publisher}/example",
        "type": payload.type,
        "subject": EXAMPLE_SUBJECTS[payload.about[0]],
        "time": EXAMPLE_TIME,
        "datacontenttype": "application/json",
    }
    sequence = {"sequence": 1} if payload.topic == topics.ACTIVITY else {}
    return event | sequence | {"data": payload.example}


def event_schema(payload: type[Payload]) -> Schema:
    """The JSON Schema of a whole event of this type."""
    schema = cast(Any, Event)[payload].model_json_schema(schema_generator=_Untitled)
    schema["properties"] |= _specific(payload)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": payload.type,
        "description": _summary(payload),
        "type": "object",
        "required": REQUIRED,
        "properties": schema["properties"] | {"data": {"$ref": f"#/$defs/{payload.__name__}"}},
        "examples": [example_event(payload)],
        "$defs": schema["$defs"],
    }


@cache
def document() -> Schema:
    """The AsyncAPI document. Shared: do not change it."""
    _, schemas = models_json_schema(
        [(payload, "validation") for payload in PAYLOADS.values()], ref_template="#/components/schemas/{model}", schema_generator=_Untitled
    )
    return {
        "asyncapi": "3.1.0",
        "info": {"title": "Holdfast events", "version": "0.1.0", "description": _INTRODUCTION, "license": {"name": "Apache-2.0"}},
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {_operation_name(topic): _operation(topic) for topic in TOPICS},
        "components": {
            "schemas": {"CloudEvent": _envelope()} | schemas["$defs"],
            "messages": {payload.type: _message(payload) for payload in PAYLOADS.values()},
        },
    }


def files() -> dict[Path, bytes]:
    """What docs/events/ has to hold."""
    schemas = {Path("schemas") / f"{payload.type}.json": _written(event_schema(payload)) for payload in PAYLOADS.values()}
    return {Path("asyncapi.json"): _written(document())} | schemas


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when something would change")
    parser.add_argument("--breaking", action="store_true", help="overwrite schemas that nobody relies on yet")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="instead of docs/events")
    arguments = parser.parse_args()
    return update(arguments.folder, files(), check=arguments.check, breaking=arguments.breaking)


def update(folder: Path, wanted: Mapping[Path, bytes], *, check: bool, breaking: bool) -> int:
    """Make the files in `folder` the wanted ones, or only say which are not. The exit code."""
    there = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.json")}
    broken = [] if breaking else [f"{path}: {one}" for path in sorted(there) if path.parts[0] == "schemas" for one in _breaks(there[path], wanted.get(path))]
    stale = sorted(path for path in {*there, *wanted} if there.get(path) != wanted.get(path))
    if broken:
        _complain("These changes break who relies on the contract: make it a new version of the event type", broken)
        return 1
    if check:
        if stale:
            _complain("Not up to date (python -m shared.contracts.asyncapi writes them)", map(str, stale))
        return int(bool(stale))
    for path in stale:
        _write(folder / path, wanted.get(path))
    return 0


def _breaks(old: bytes, new: bytes | None) -> list[str]:
    return ["removed"] if new is None else breaks(orjson.loads(old), orjson.loads(new))


def _complain(headline: str, lines: Any) -> None:
    sys.stderr.write("\n".join([f"{headline}:", *(f"  {line}" for line in lines), ""]))


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _written(schema: Schema) -> bytes:
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _topic_of(payload: type[Payload]) -> Topic:
    return next(topic for topic in TOPICS if topic.name == payload.topic)


def _summary(payload: type[Payload]) -> str:
    return " ".join((payload.__doc__ or "").split())


def _specific(payload: type[Payload]) -> Schema:
    """What the envelope says for one event type only."""
    subjects = "|".join(SUBJECTS[kind] for kind in payload.about)
    return {
        "specversion": {"const": "1.0", "type": "string"},
        "type": {"const": payload.type, "type": "string"},
        "subject": {"type": "string", "pattern": subjects, "description": f"Whom it is about: {' or '.join(payload.about)}"},
    }


def _envelope() -> Schema:
    """What all events have in common."""
    schema = cast(Any, Event)[next(iter(PAYLOADS.values()))].model_json_schema(schema_generator=_Untitled)
    return {
        "title": "CloudEvent",
        "description": "The frame around every event.",
        "type": "object",
        "required": REQUIRED,
        "properties": {name: one for name, one in schema["properties"].items() if name != "data"} | {"specversion": {"const": "1.0", "type": "string"}},
    }


def _message(payload: type[Payload]) -> Schema:
    own = {"type": "object", "properties": _specific(payload) | {"data": {"$ref": f"#/components/schemas/{payload.__name__}"}}}
    headers = {"ce_type": {"const": payload.type, "type": "string"}, "ce_id": {"type": "string"}, "content-type": {"type": "string"}}
    return {
        "name": payload.type,
        "title": payload.__name__,
        "summary": _summary(payload),
        "contentType": CONTENT_TYPE,
        "headers": {"type": "object", "properties": headers},
        "payload": {"allOf": [{"$ref": "#/components/schemas/CloudEvent"}, own]},
        "bindings": {"kafka": {"key": {"type": "string", "description": f"The {_topic_of(payload).keyed_by}"}, "bindingVersion": "0.5.0"}},
        "examples": [{"name": "example", "payload": example_event(payload)}],
    }


def _channel(topic: Topic) -> Schema:
    types = [payload.type for payload in PAYLOADS.values() if payload.topic == topic.name]
    retention = {"retention.ms": topic.retention_days * 86_400_000}
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.description} Published by {topic.publisher}, keyed by {topic.keyed_by}, kept for {topic.retention_days} days.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types},
        "bindings": {"kafka": {"topic": topic.name, "topicConfiguration": retention, "bindingVersion": "0.5.0"}},
    }


def _operation_name(topic: Topic) -> str:
    return f"take_{topic.name}" if topic.name in topics.INPUTS else f"publish_{topic.name}"


def _operation(topic: Topic) -> Schema:
    taken = topic.name in topics.INPUTS
    return {
        "action": "receive" if taken else "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"What {topic.publisher} reports is taken in" if taken else f"The {topic.publisher} service publishes",
    }


if __name__ == "__main__":
    raise SystemExit(main())
