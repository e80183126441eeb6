"""The gateway's 360 view, asked for by clients in a process of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress

import httpx

from deploy.bench.caller import Call, call
from deploy.bench.loop import Loaded, Took, behind, offer, open_for, until
from deploy.bench.place import Place
from deploy.bench.processes import Processes
from shared.bus import Message

SERVICES = ("customer", "segmentation", "gateway")
CLIENTS = 8
READY_SECONDS = 60.0


class Views:
    def __init__(self, place: Place, processes: Processes, customer_ids: Sequence[str], seconds: float) -> None:
        self._place, self._processes, self._seconds = place, processes, seconds
        self._url = place.settings.url_of("gateway")
        self._calls = [Call(f"/v1/customers/{customer_id}") for customer_id in customer_ids]

    async def ready(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, trust_env=False) as client:

            async def answers() -> bool:
                with suppress(httpx.TransportError):
                    return (await client.get("/health/live")).is_success
                return False

            await until(answers, READY_SECONDS, what="the gateway's API")

    async def ask(self, *, share: float = 1.0) -> Took:
        """For a phase, or a share of it."""
        file = self._place.settings.data_dir.parent / "calls"
        return await call(self._processes, self._url, file, self._calls, seconds=self._seconds * share, clients=CLIENTS)

    async def ask_at_rate(self, load: Iterator[Message], *, rate: float) -> Loaded:
        async with open_for(self._place) as bus:
            offering = asyncio.create_task(offer(bus, load, rate=rate, seconds=self._seconds))
            took = await self.ask()
            left = {service: await behind(self._place, service) for service in SERVICES}
            return Loaded(took, await offering, left)
