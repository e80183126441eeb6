"""Schemathesis loads this by its path."""

from __future__ import annotations

import uuid
from typing import Any

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(context: Any, case: Any, **kwargs: Any) -> None:
    """A key of its own for each request that has a valid one: a key that comes again with another body is refused, which is not the question here."""
    headers = case.headers or {}
    if len(str(headers.get(KEY, ""))) in range(1, 129):
        headers[KEY] = uuid.uuid4().hex
