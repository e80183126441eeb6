"""The gateway's 360 view, asked for by clients in a process of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress

import httpx
import orjson

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
        self._file = place.settings.data_dir.parent / "customers"
        self._file.write_text("\n".join(f"/v1/customers/{customer_id}" for customer_id in customer_ids))

    async def ready(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, trust_env=False) as client:

            async def answers() -> bool:
                with suppress(httpx.TransportError):
                    return (await client.get("/health/live")).is_success
                return False

            await until(answers, READY_SECONDS, what="the gateway's API")

    async def ask(self, *, share: float = 1.0) -> Took:
        """For a phase, or a share of it."""
        asking = self._processes.start("deploy.bench.viewer", self._url, str(self._file), str(self._seconds * share), str(CLIENTS), talks=True)
        answer = orjson.loads(await asyncio.to_thread(self._processes.said_by, asking))
        self._processes.stop(asking)
        return Took.of(answer["took"], failed=answer["failed"])

    async def ask_at_rate(self, load: Iterator[Message], *, rate: float) -> Loaded:
        async with open_for(self._place) as bus:
            offering = asyncio.create_task(offer(bus, load, rate=rate, seconds=self._seconds))
            took = await self.ask()
            left = {service: await behind(self._place, service) for service in SERVICES}
            return Loaded(took, await offering, left)
