"""A listener on loopback, as the guide asks for one: it checks the signature and drops what it has by the key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from shared import clock
from shared.webhooks.signing import verify

SECRET = "a secret of thirty-two characters"


@dataclass
class Receiver:
    """`statuses`: what it answers, then `then`. `calls`: each with its headers, in the order they came."""

    statuses: list[int] = field(default_factory=list)
    then: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    calls: list[tuple[Mapping[str, str], dict[str, Any]]] = field(default_factory=list)
    hangs: bool = False
    url: str = ""

    @property
    def keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for headers, _ in self.calls]

    @property
    def events(self) -> list[str]:
        return [event["id"] for _, event in self.calls]

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert verify([SECRET], request.headers["Holdfast-Signature"], body, now=int(clock.wall().timestamp()))
        event = orjson.loads(body)
        assert "eventId" in event or event["deliveryid"] == request.headers["Idempotency-Key"]
        self.calls.append((request.headers.copy(), event))
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else self.then, headers=dict(self.headers))


@asynccontextmanager
async def receiving(**given: Any) -> AsyncIterator[Receiver]:
    receiver = Receiver(**given)
    served = web.Application()
    served.router.add_post("/{any:.*}", receiver.take)
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/listener"
    try:
        yield receiver
    finally:
        await runner.cleanup()
