"""What the API's document says of access: the ways to be known, and the scopes of each operation."""

from __future__ import annotations

from typing import Any

from services.gateway.access.scopes import ACT_FOR_OTHERS, ALL, PERSONAL, needed
from shared.errors import Forbidden, QuotaExceeded, RateLimited, TooManyFailures, Unauthenticated
from shared.openapi import CODES, add_problems

METHODS = frozenset({"get", "put", "post", "delete", "patch", "head"})
KEY, TOKEN = "api_key", "oauth2"
OPEN_TAG = "health"
REFUSED = tuple(one.code for one in (Forbidden, QuotaExceeded, RateLimited, TooManyFailures, Unauthenticated))


def describe(document: dict[str, Any], *, token_url: str | None, is_open: bool) -> dict[str, Any]:
    """The document with it. `is_open`: nobody is asked who they are, so that each operation may also be used without."""
    schemes: dict[str, Any] = {
        KEY: {"type": "http", "scheme": "bearer", "description": "An API key (`hf_...`), or an access token of the issuer, as `Authorization: Bearer`"}
    }
    if token_url:
        flow = {"tokenUrl": token_url, "scopes": {scope: _meaning(scope) for scope in ALL}}
        schemes[TOKEN] = {"type": "oauth2", "flows": {"clientCredentials": flow}}
    document.setdefault("components", {})["securitySchemes"] = schemes
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in METHODS and OPEN_TAG not in operation["tags"]:
                scopes = list(needed(operation["tags"], operation["operationId"], method.upper(), ""))
                operation["security"] = [{name: scopes} for name in schemes] + ([{}] if is_open else [])
                if CODES in operation:
                    add_problems(document, operation, REFUSED)
    return document


def _meaning(scope: str) -> str:
    if scope == PERSONAL:
        return "Personal data in plain: reveal, export, erasure, dead letters, whose a number is"
    if scope == ACT_FOR_OTHERS:
        return "Say in X-Actor which person acts"
    resource, _, may = scope.partition(":")
    return f"{'Look at' if may == 'read' else 'Change'} {resource}"
