"""Keys for a demo where access is required: the settings, the operator's key, and one to look around with."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping

KEY_VARIABLE = "HOLDFAST_API_KEY"
"""An environment variable and no argument: arguments are shown by `ps`."""
KEY_DAYS = "30"
OPERATOR = ("events:write", "tasks:read", "tasks:write", "prospects:write")


def required(environment: Mapping[str, str]) -> dict[str, str]:
    """What `make run` sets for it; what is set already stays."""
    ours = {"HOLDFAST_AUTH": "required", "HOLDFAST_SERVICE_SECRET": secrets.token_urlsafe(32)}
    issuer = {} if "HOLDFAST_AUTH_ISSUER" in environment else {"HOLDFAST_AUTH_DEMO_ISSUER": "true"}
    return {name: environment.get(name, value) for name, value in (ours | issuer).items()}


def make_key(environment: Mapping[str, str], client: str, *scopes: str) -> str:
    command = [sys.executable, "-m", "services.gateway.keys", "create", client, *scopes, "--days", KEY_DAYS]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def headers() -> dict[str, str]:
    """Of the operator's requests: none where the API is open."""
    key = os.environ.get(KEY_VARIABLE)
    return {"Authorization": f"Bearer {key}"} if key else {}
