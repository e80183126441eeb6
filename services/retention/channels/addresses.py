"""E-mail addresses, asked of the customer service for one message at a time: they are sealed there, and kept nowhere here."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx
import orjson

from services.retention.channels.smtp import AddressNotKnown
from services.retention.delivery import Outgoing
from shared.tls import trusted

ANSWER_SECONDS = 1.5
TRIES = 2
"""At once; after that the message itself is tried again later. Both together take little of a lease."""
NOBODY = frozenset({404, 410})
"""Never heard of, or erased: there is no address, and there will be none."""
ACTOR = "holdfast/retention"


class Addresses:
    """`async with` holds its connections. Nothing it raises or logs has the address in it, nor anything else that was answered."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url.rstrip("/")
        headers = {"X-Service-Secret": secret, "X-Actor": ACTOR}
        self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=ANSWER_SECONDS, headers=headers, verify=trusted())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()

    async def __call__(self, message: Outgoing) -> str | None:
        """Raises AddressNotKnown."""
        for left in reversed(range(TRIES)):
            try:
                return await self._ask(message)
            except AddressNotKnown:
                if not left:
                    raise
        raise AssertionError("tried at least once")

    async def _ask(self, message: Outgoing) -> str | None:
        path = f"{self._url}/internal/customers/{quote(message.customer_id, safe='')}/address"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._client.get(path, params={"kind": "email", "purpose": message.purpose})
        except (httpx.HTTPError, TimeoutError):
            raise AddressNotKnown("no_resolver") from None
        if answer.status_code in NOBODY:
            return None
        if answer.status_code != 200:
            raise AddressNotKnown(f"resolver_{answer.status_code}")
        try:
            found: str | None = orjson.loads(answer.content)["address"]
        except (ValueError, KeyError, TypeError):
            raise AddressNotKnown("resolver_not_understood") from None
        return found
