"""G1: with the services behind it really there, what the gateway passes on is their answer, whole or in part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jsonschema
import pytest

from services.gateway.owners import SERVICES
from shared.settings import Settings
from tests.builders import paid, registered
from tests.harness import ServiceUnderTest, listening, until


class Whole(NamedTuple):
    gateway: ServiceUnderTest
    behind: dict[str, ServiceUnderTest]


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    """All services, embedded, with one customer; another one's payment can not be applied."""
    settings = Settings(data_dir=tmp_path, log_level="error")
    async with AsyncExitStack() as stack:
        behind = {service: await stack.enter_async_context(ServiceUnderTest(service, settings)) for service in SERVICES}
        urls = {f"{service}_url": await stack.enter_async_context(listening(one.app)) for service, one in behind.items()}
        gateway = await stack.enter_async_context(ServiceUnderTest("gateway", settings.model_copy(update=urls)))
        broken = paid()
        await behind["customer"].send(registered(accounts=("A-1",)), broken | {"data": broken["data"] | {"amount_minor": -5}})
        for service in behind.values():
            await service.stop_worker()  # only what they answer is asked for
        yield Whole(gateway, behind)


async def test_the_services_behind_it_answer(whole: Whole) -> None:
    """Workers, dead letters, and of lists what `fields` asks for."""
    http, document = whole.gateway.http, whole.gateway.app.openapi()
    assert await answer(whole, "/health/live") == {"status": "live"}
    for service in SERVICES:
        itself = (await whole.behind[service].http.get("/health/ready")).json()
        assert (await answer(whole, f"/v1/workers/{service}")).keys() == itself.keys() and itself["status"] == "ready"

    (dead,) = (await answer(whole, "/v1/dead-letters/customer"))["items"]
    assert await answer(whole, f"/v1/dead-letters/customer/{dead['id']}") == dead
    for path, names in {"/v1/campaigns": ["campaign_id", "name"], "/v1/retention-periods": ["days"], "/v1/dead-letters/customer": ["code", "id"]}.items():
        everything, part = await answer(whole, path), await answer(whole, path, fields=",".join(names))
        assert everything["items"] and part == everything | {"items": [{name: one[name] for name in names} for one in everything["items"]]}, path
        schema = document["paths"][path.replace("/customer", "/{service}")]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(part, schema | {"components": document["components"]})
    missing = await http.get("/v1/customers/C-9/legal-holds", params={"fields": "reason"})
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")

    replayed = await http.post(f"/v1/dead-letters/customer/{dead['id']}/replay", json={"event": paid() | {"id": "fixed"}})
    assert (replayed.status_code, replayed.json()["status"]) == (202, "replayed")


async def answer(whole: Whole, path: str, **asked: str) -> Any:
    """Once the service behind is heard in time: a busy machine is late."""

    async def ask() -> httpx.Response | None:
        given = await whole.gateway.http.get(path, params=asked)
        return None if given.status_code == 503 else given

    found: httpx.Response = await until(ask)
    assert found.status_code == 200, found.text
    return found.json()
