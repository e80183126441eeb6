"""What the owners of passed-on resources say of them: their own OpenAPI documents, beside this file. `make docs` writes them.

So a body or a bound is written down once, where it is validated, and the gateway imports no other service for it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson

Document = dict[str, Any]

FOLDER = Path(__file__).parent
SERVICES = ("customer", "segmentation", "retention")
REFERENCE = "#/components/schemas/"


@cache
def document_of(service: str) -> Document:
    """Shared: do not change it."""
    found: Document = orjson.loads((FOLDER / f"{service}.json").read_bytes())
    return found


def operation(service: str, method: str, path: str) -> Document:
    """Raises LookupError when the service has no such operation."""
    try:
        found: Document = document_of(service)["paths"][path][method.lower()]
    except KeyError:
        raise LookupError(f"{service} has no {method} {path}: when it is new there, run `make docs`") from None
    return found


def needs_key(described: Document) -> bool:
    """Whether the operation takes an Idempotency-Key."""
    return any(one["name"] == "Idempotency-Key" for one in described.get("parameters", ()))


def renamed(node: Any, names: dict[str, str]) -> Any:
    """The node, with its references to schemas by their names in the gateway's document."""
    if isinstance(node, list):
        return [renamed(one, names) for one in node]
    if not isinstance(node, dict):
        return node
    return {name: _reference(one, names) if name == "$ref" else renamed(one, names) for name, one in node.items()}


def names_beside(own: Document) -> dict[str, dict[str, str]]:
    """Per service: what each of its schemas is called in a document that has the schemas `own` already. What two of them say
    otherwise under one name is called by its service too: `RetentionReviews`."""
    said = {"": own, **{service: document_of(service)["components"]["schemas"] for service in SERVICES}}
    apart = _told_apart(said)
    return {service: {name: f"{service.capitalize()}{name}" if name in apart else name for name in said[service]} for service in SERVICES}


def referred(node: Any) -> set[str]:
    """The names of the schemas that it refers to itself."""
    if isinstance(node, list):
        return {name for one in node for name in referred(one)}
    if not isinstance(node, dict):
        return set()
    target = node.get("$ref")
    own = {target.removeprefix(REFERENCE)} if isinstance(target, str) and target.startswith(REFERENCE) else set()
    return own | {name for one in node.values() for name in referred(one)}


def _told_apart(said: dict[str, Document]) -> set[str]:
    apart: set[str] = set()
    while True:
        found = {name for schemas in said.values() for name in schemas if name in apart or not _is_one(name, said, apart)}
        if found == apart:
            return found
        apart = found


def _is_one(name: str, said: dict[str, Document], apart: set[str]) -> bool:
    """Whether all who have the name mean the same by it, also where it refers to others."""
    given = [schemas[name] for schemas in said.values() if name in schemas]
    return len(given) == 1 or (all(one == given[0] for one in given) and not referred(given[0]) & apart)


def _reference(target: Any, names: dict[str, str]) -> Any:
    if not isinstance(target, str) or not target.startswith(REFERENCE):
        return renamed(target, names)
    name = target.removeprefix(REFERENCE)
    return f"{REFERENCE}{names.get(name, name)}"
