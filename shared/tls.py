"""Whose certificates are believed."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that come with the client, for all of a process: reading them takes longer than many a call."""
    return httpx.create_ssl_context(trust_env=False)
