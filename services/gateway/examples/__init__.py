"""Examples of good answers, beside this file: what tests were really answered, by operation id and status. `make examples` records them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson

from services.gateway.owners import SERVICES, Document
from shared.openapi import operations

FOLDER = Path(__file__).parent
FILES = ("gateway", *SERVICES)
"""Of whose answers they are."""


@cache
def recorded(file: str) -> dict[str, dict[str, Any]]:
    """Shared: do not change it."""
    path = FOLDER / f"{file}.json"
    found: dict[str, dict[str, Any]] = orjson.loads(path.read_bytes()) if path.exists() else {}
    return found


def show_examples(document: Document) -> None:
    for operation in operations(document):
        for file in FILES:
            for status, example in recorded(file).get(operation["operationId"], {}).items():
                operation["responses"][status]["content"]["application/json"]["example"] = example
