"""Messages posted to an SMS, push or mail gateway: signed, with an idempotency key, and only to an address that may be called."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import orjson

from services.retention.delivery import Answer, Outgoing, answer_to_status
from shared.webhooks.guard import Network, Resolve, resolve
from shared.webhooks.posting import ANSWER_SECONDS, Poster


class Webhook:
    """The body is the same at every attempt; only the time in the signature moves. `async with` holds its connections."""

    def __init__(self, url: str, secret: str, *, allowed: Sequence[Network] = (), resolver: Resolve = resolve, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._poster = Poster(url, secret, allowed=allowed, resolver=resolver, answer_seconds=answer_seconds)

    async def __aenter__(self) -> Self:
        await self._poster.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._poster.__aexit__(kind, error, trace)

    async def send(self, message: Outgoing) -> Answer:
        said = await self._poster.post(orjson.dumps(message._asdict()), content_type="application/json", key=message.message_id)
        return Answer("retry", said.code) if said.status is None else answer_to_status(said.status, said.retry_after_seconds)
