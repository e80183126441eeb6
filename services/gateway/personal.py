"""Who a customer is, asked from the customer service: the read model holds no name and no number.

The view does not depend on the answer: it is waited for a moment only, kept for a minute, and not asked for again right after
the service gave none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

import httpx
from fastapi import Request

from services.gateway.answer import Asked
from services.gateway.forwarding import passed_on
from shared import clock
from shared.auth import SECRET_HEADER

ANSWER_SECONDS = 0.25
PAUSE_SECONDS = 1.0
KEPT_SECONDS = 60.0
KEPT_ANSWERS = 10_000

NOT_ASKED = Asked(None, None, None)
WHO_ASKS = frozenset({"x-actor", "x-request-id", SECRET_HEADER})


class Key(NamedTuple):
    """What is personal changes with an activity, which makes another version of the view."""

    customer_id: str
    version: int


class PersonalData:
    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client, self._url = client, url
        self._kept: OrderedDict[Key, tuple[float, Asked]] = OrderedDict()
        self._paused_until = 0.0

    async def of(self, key: Key, headers: Callable[[], Mapping[str, str]]) -> Asked:
        """Masked. `headers` say who asks, when it comes to that."""
        until, kept = self._kept.get(key, (0.0, NOT_ASKED))
        if clock.monotonic() < until:
            return kept
        if clock.monotonic() < self._paused_until:
            return _nothing("the customer service does not answer")
        asked = await self._ask(key.customer_id, headers())
        if asked.text:
            self._keep(key, asked)
        return asked

    async def _ask(self, customer_id: str, headers: Mapping[str, str]) -> Asked:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._client.get(f"{self._url}/customers/{quote(customer_id, safe='')}/personal", headers=headers)
        except (httpx.HTTPError, TimeoutError):
            self._paused_until = clock.monotonic() + PAUSE_SECONDS
            return _nothing("the customer service does not answer")
        if answer.status_code != 200:
            return _nothing(f"the customer service answers {answer.status_code}")
        return Asked(answer.text, clock.wall(), None)

    def _keep(self, key: Key, asked: Asked) -> None:
        self._kept[key] = clock.monotonic() + KEPT_SECONDS, asked
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_ANSWERS:
            self._kept.popitem(last=False)


async def personal_of(request: Request, customer_id: str, version: int) -> Asked:
    """Masked, asked in the name of who asks here."""
    personal: PersonalData = request.app.state.personal
    return await personal.of(Key(customer_id, version), lambda: {name: value for name, value in passed_on(request).items() if name in WHO_ASKS})


@lru_cache(maxsize=64)
def _nothing(reason: str) -> Asked:
    """The same one for the same reason: while it stays so, the view stays as it is."""
    return Asked(None, None, reason)
