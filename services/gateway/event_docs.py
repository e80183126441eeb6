"""The AsyncAPI document as a reader wants it: topics, their event types, and each payload as a table of fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

Schema = dict[str, Any]

LIMITS = {
    "minimum": "from {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "up to {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "pattern": "`{}`",
}
# A text without control characters is what everyone expects: it would stand at every field.
ANY_TEXT = (r"^[^\x00-\x1f]+$", r"^[^\x00]*$")


class Field(NamedTuple):
    """A row of the table. Inner fields follow the outer one: `lines[].category`."""

    name: str
    type: str
    required: bool
    description: str


class EventType(NamedTuple):
    type: str
    summary: str
    about: str
    fields: list[Field]
    example: str


class Topic(NamedTuple):
    name: str
    description: str
    taken: bool
    types: list[EventType]


def topics(document: Schema) -> list[Topic]:
    """In the order of the document."""
    taken = {one["channel"]["$ref"].rpartition("/")[2] for one in document["operations"].values() if one["action"] == "receive"}
    return [
        Topic(name, channel["description"], name in taken, [_event_type(document, message) for message in channel["messages"].values()])
        for name, channel in document["channels"].items()
    ]


def envelope(document: Schema) -> list[Field]:
    return list(_fields(document, document["components"]["schemas"]["CloudEvent"]))


def _event_type(document: Schema, reference: Schema) -> EventType:
    message = _resolved(document, reference)
    own = message["payload"]["allOf"][1]["properties"]
    example = orjson.dumps(message["examples"][0]["payload"], option=orjson.OPT_INDENT_2).decode()
    return EventType(message["name"], message["summary"], own["subject"]["description"], list(_fields(document, own["data"])), example)


def _fields(document: Schema, schema: Schema, prefix: str = "") -> Iterator[Field]:
    schema = _resolved(document, schema)
    for name, given in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        yield Field(f"{prefix}{name}", _type(document, given), required, _description(document, given))
        inner, suffix = _inner(document, given)
        yield from _fields(document, inner, f"{prefix}{name}{suffix}.")


def _inner(document: Schema, schema: Schema) -> tuple[Schema, str]:
    """The schema whose fields are shown below a field, and what stands between the names."""
    schema = _present(document, schema)
    if schema.get("type") == "array":
        return _present(document, schema.get("items", {})), "[]"
    return schema, ""


def _type(document: Schema, schema: Schema) -> str:
    schema = _present(document, schema)
    if "const" in schema:
        return orjson.dumps(schema["const"]).decode()
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(document, schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type", "any"))


def _description(document: Schema, schema: Schema) -> str:
    said = schema.get("description", "")
    schema = _present(document, schema)
    limits = ", ".join(words.format(schema[name]) for name, words in LIMITS.items() if schema.get(name) not in (None, *ANY_TEXT))
    return "; ".join(part for part in (said or schema.get("description", ""), limits) if part)


def _present(document: Schema, schema: Schema) -> Schema:
    """Without the null that an optional field may also be: whether it is required is a column of its own."""
    schema = _resolved(document, schema)
    return next((_resolved(document, one) for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)


def _resolved(document: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema
