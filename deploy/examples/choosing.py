"""Which answer is the best example, and what of it is shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

FOLDER_NAME = "HOLDFAST_EXAMPLES"
"""The environment variable that names the folder into which tests write what they were answered (tests/recording.py)."""

LISTED = 2
LONG_BYTES = 4_000
# What opens something is not shown, though what it opened is gone.
SECRETS = {"create_api_key": "key", "create_listener": "secret", "tmf621_create_hub": "secret", "tmf629_create_hub": "secret", "tmf696_create_hub": "secret"}
# Operations that show none, and why.
WITHOUT = {
    "export_customer": "all that is personal, in plain",
    "get_parameter_schema": "a JSON Schema of 27 kB: cut, it would be another one",
}


class Place(NamedTuple):
    """Whose answer it is, to which operation of theirs."""

    service: str
    operation_id: str
    status: str


def rank(answer: Any) -> tuple[bool, int, int, bytes]:
    """The least is the best example: with something in its list, with few attributes that are empty, short."""
    listed = answer.get("items", [answer]) if isinstance(answer, dict) else answer
    first = listed[0] if isinstance(listed, list) and listed else {}
    empty = sum(value in (None, "", [], {}) for value in first.values()) if isinstance(first, dict) else 0
    text = orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)
    return not listed, empty + len(text) // LONG_BYTES, len(text), text


def shown(answer: Any, secret: str | None = None) -> Any:
    """The answer with its lists cut to their first entries, and of a secret its beginning."""
    if isinstance(answer, list):
        return [shown(one) for one in answer[:LISTED]]
    if not isinstance(answer, dict):
        return answer
    return {name: f"{value[:6]}…" if name == secret and value else shown(value) for name, value in answer.items()}
