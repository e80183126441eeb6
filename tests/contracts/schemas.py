"""The generated schemas as validators."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from shared.contracts.asyncapi import event_schema
from shared.contracts.registry import PAYLOADS


@cache
def validator(event_type: str) -> Draft202012Validator:
    schema = event_schema(PAYLOADS[event_type])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def problems(event: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(event["type"]).iter_errors(event)]
