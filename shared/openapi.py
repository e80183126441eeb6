"""The OpenAPI document of a service: what FastAPI says of its routes, and how they fail, which it does not know.

A route names its own errors, `responses=raises(NotFound, StaleDraft)`; what any such request may meet (no database, a body
that is too large, a cursor of somebody else) follows from what it takes. Each operation lists its codes as `x-errors`, and
its responses show a problem document of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from shared.errors import (
    BadCursor,
    BodyTooLarge,
    BodyTooSlow,
    Conflict,
    EventRejected,
    HandlerFailed,
    HoldfastError,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InvalidRequest,
    RequestFailed,
    Unavailable,
    UnsupportedMediaType,
    catalogue,
)

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]
Error = type[HoldfastError]

PROBLEM = "application/problem+json"
BAD_EVENT = tuple(one for one in catalogue(EventRejected) if one is not HandlerFailed)
CODES = "x-errors"
KEY = "Idempotency-Key"

_BY_CODE = {one.code: one for one in catalogue()}
_ANY: tuple[Error, ...] = (HoldfastError, Unavailable)
_WITH_BODY: tuple[Error, ...] = (InvalidRequest, RequestFailed, BodyTooSlow, BodyTooLarge, UnsupportedMediaType)
_WITH_KEY: tuple[Error, ...] = (IdempotencyKeyMissing, IdempotencyKeyReused, Conflict)


def raises(*errors: Error, also: Responses | None = None) -> Responses:
    """For the `responses` of a route: how it may fail, besides how any such request may; and what else it answers."""
    return (also or {}) | {status: {CODES: sorted(one.code for one in errors if one.status == status)} for status in {one.status for one in errors}}


def finished(document: Document) -> Document:
    """FastAPI's document of an app, changed in place: parameters as they are sent, and every problem."""
    for operation in operations(document):
        for parameter in operation.get("parameters", ()):
            _mend(parameter)
        if _fails_otherwise(operation):
            continue
        declared = [code for response in operation["responses"].values() for code in response.get(CODES, ())]
        add_problems(document, operation, {*declared, *(one.code for one in _general(operation))})
    for name, schema in document["components"]["schemas"].items():
        schema["title"] = re.sub(r"\W", "", name)  # what generators call it: two of one title would be one class
    return document


def operations(document: Document) -> Iterator[Document]:
    for path in document["paths"].values():
        yield from path.values()


def without_null(schema: Document) -> Document:
    given = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return {name: one for name, one in schema.items() if name != "anyOf"} | given[0] if len(given) == 1 else schema


def add_problems(document: Document, operation: Document, codes: Iterable[str]) -> None:
    """Say that the operation may fail like this too."""
    operation[CODES] = sorted({*operation.get(CODES, ()), *codes})
    errors = [_BY_CODE[code] for code in operation[CODES]]
    kept = {status: one for status, one in operation["responses"].items() if status != "default" and CODES not in one and not _is_problem(one)}
    operation["responses"] = dict(sorted((kept | {str(one.status): _reference(document, errors, one.status) for one in errors}).items()))


def _reference(document: Document, errors: list[Error], status: int) -> Document:
    """To the response that shows these problems: the same for all operations that fail alike."""
    shown = [one for one in errors if one.status == status]
    name = "-".join([str(status), *(one.code for one in shown)])
    examples = {one.code: {"summary": one.title, "value": _example(one)} for one in shown}
    said = {
        "description": "; ".join(f"`{one.code}`: {one.title}" for one in shown),
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }
    if status in {429, 503}:
        said["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}}
    document["components"].setdefault("responses", {})[name] = said
    return {"$ref": f"#/components/responses/{name}"}


def _fails_otherwise(operation: Document) -> bool:
    """Not by problem documents: its own `default` says how."""
    schema = operation["responses"].get("default", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return bool(schema) and not schema.get("$ref", "").endswith("/Problem")


def _is_problem(response: Document) -> bool:
    return str(response.get("$ref", "")).startswith("#/components/responses/")


def _example(error: Error) -> Document:
    document = {"type": f"urn:holdfast:error:{error.code}", "title": error.title, "status": error.status, "detail": error.title, "code": error.code}
    return document | {"instance": "/v1/customers/C-1"}


def _general(operation: Document) -> Iterator[Error]:
    """How any request may fail that takes what this one does."""
    taken = {one["name"] for one in operation.get("parameters", ())}
    yield from _ANY
    if taken:
        yield InvalidRequest
    if "requestBody" in operation:
        yield from _WITH_BODY
    if "cursor" in taken:
        yield BadCursor
    if KEY in taken:
        yield from _WITH_KEY


def _mend(parameter: Document) -> None:
    """A query has no null, and what is optional for FastAPI, to be refused by its own code, is not for a client. A default of a
    header would be sent by generated clients with every call, in place of what they were given for all calls."""
    schema = parameter["schema"] = without_null(parameter["schema"])
    if parameter["in"] == "header":
        schema.pop("default", None)
    if parameter["name"] == KEY:
        parameter["required"] = True
        schema["minLength"] = 1
