"""`fields=a,b`: who asks chooses what of an answer they get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Query

from shared.errors import InvalidRequest


def fields_query(names: Sequence[str], what: str) -> Any:
    """A route's query parameter `fields`; what it is given goes through `chosen`."""
    schema = fields_schema(names)
    return Query(json_schema_extra=schema, description=fields_description(names, what))


def fields_schema(names: Sequence[str]) -> dict[str, Any]:
    """As JSON Schema, beside that it is a string."""
    one = f"({'|'.join(names)})"
    return {"pattern": f"^{one}(,{one})*$", "maxLength": _most(names)}


def fields_description(names: Sequence[str], what: str) -> str:
    return f"{what} to answer, with commas between; all without it: {', '.join(names)}"


def chosen(fields: str | None, names: Sequence[str]) -> frozenset[str]:
    """All of them for None. Raises InvalidRequest."""
    asked = frozenset(names if fields is None else fields.split(","))
    if fields is not None and len(fields) > _most(names):
        raise InvalidRequest(f"fields is longer than all that it can name: choose among {', '.join(names)}")
    if unknown := asked - set(names):
        raise InvalidRequest(f"fields has no {', '.join(sorted(unknown))}: choose among {', '.join(names)}")
    return asked


def _most(names: Sequence[str]) -> int:
    return len(",".join(names))
