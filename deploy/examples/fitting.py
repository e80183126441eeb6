"""Whether an example is what its operation says it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema

from deploy.examples.choosing import WITHOUT, Place
from services.gateway.routes.passed_on import ALL
from shared.openapi import operations

Document = dict[str, Any]

JSON = "application/json"


class Said:
    """What the document says of good answers. An object that lists its attributes has no others."""

    def __init__(self, document: Document) -> None:
        self._operations = {one["operationId"]: one for one in operations(document)}
        self._components = closed(document["components"])

    def places(self) -> Iterator[tuple[str, Place]]:
        """Of every good answer in JSON that shows an example: the operation, as the gateway calls it, and who answers it."""
        owners = {one.operation_id: (one.service, one.described["operationId"]) for one in ALL}
        for operation_id, operation in sorted(self._operations.items()):
            for status, response in operation["responses"].items():
                if status.startswith("2") and JSON in response.get("content", {}) and operation_id not in WITHOUT:
                    yield operation_id, Place(*owners.get(operation_id, ("gateway", operation_id)), status)

    def why_not(self, operation_id: str, status: str, example: Any) -> str | None:
        """What does not fit; None when all does."""
        schema = closed(self._operations[operation_id]["responses"][status]["content"][JSON]["schema"])
        checking = jsonschema.Draft202012Validator(schema | {"components": self._components}, format_checker=jsonschema.FormatChecker())
        return next((f"{error.json_path}: {error.message}" for error in checking.iter_errors(example)), None)


def closed(node: Any) -> Any:
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    lists_all = node.get("type") == "object" and "properties" in node and "additionalProperties" not in node
    return {name: closed(one) for name, one in node.items()} | ({"additionalProperties": False} if lists_all else {})
