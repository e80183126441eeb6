"""E6: what the worker loop promises when a step fails, over a real bus and a real database, with a handler that fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from services.customer.tables import FACTS
from shared.contracts.registry import INPUTS
from shared.contracts.retention import OutcomeRecorded
from shared.settings import Settings
from shared.worker import Batch, Delivery, TooManyFailures
from tests.builders import paid, registered
from tests.harness import ServiceUnderTest, until
from tests.settings_fixture import settings as settings

pytestmark = pytest.mark.kafka


class Fault:
    """Stands before the customer's handler and fails as told."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.poisoned: set[str] = set()
        self.error: Callable[[], Exception] = lambda: ValueError("a bug")
        self.calls = 0
        (self._handler,) = set(service.spec.handlers.values())
        service.spec = replace(service.spec, handlers=dict.fromkeys((*INPUTS, OutcomeRecorded), self))

    async def __call__(self, batch: Batch, deliveries: list[Delivery]) -> None:
        self.calls += 1
        await self._handler(batch, deliveries)
        if self.poisoned & {delivery.event.id for delivery in deliveries}:
            raise self.error()


@pytest.fixture
async def customer(settings: Settings) -> AsyncIterator[ServiceUnderTest]:
    async with ServiceUnderTest("customer", settings) as running:
        yield running


@pytest.fixture
async def fault(customer: ServiceUnderTest) -> Fault:
    await customer.stop_worker()
    fault = Fault(customer)
    await customer.start_worker()
    return fault


async def applied(customer: ServiceUnderTest) -> set[str]:
    return {row.id for row in await customer.rows(sa.select(FACTS.c.id))}


async def test_the_one_record_that_fails_is_found_and_buried(customer: ServiceUnderTest, fault: Fault) -> None:
    """A batch with poison in it is halved until the poison is alone; all others are applied, once."""
    good = [paid() for _ in range(40)]
    poison = paid(id="poison")
    fault.poisoned = {"poison"}
    await customer.send(registered(accounts=("A-1",)), *good[:20], poison, *good[20:])
    assert await applied(customer) >= {event["id"] for event in good}
    assert "poison" not in await applied(customer)
    (dead,) = (await customer.http.get("/dead-letters")).json()["items"]
    assert (dead["code"], dead["detail"]) == ("handler_failed", "ValueError")
    answer = (await customer.http.get("/reconciliation", params={"recount": True})).json()
    assert answer["balanced"] and answer["recount"]["agrees"] and answer["totals"]["dead"] == 1


async def test_poison_is_applied_after_the_fix(customer: ServiceUnderTest, fault: Fault) -> None:
    """A dead letter of a failed handler is replayed as it was, once the handler is mended."""
    fault.poisoned = {"poison"}
    await customer.send(registered(accounts=("A-1",)), paid(id="poison"))
    fault.poisoned = set()
    (dead,) = (await customer.http.get("/dead-letters")).json()["items"]
    assert (await customer.http.post(f"/dead-letters/{dead['id']}/replay", json={})).status_code == 202
    await customer.expect(dead["topic"], 1)
    assert "poison" in await applied(customer)


async def test_trouble_that_passes_holds_the_batch(customer: ServiceUnderTest, fault: Fault) -> None:
    """With the database away the batch is held and tried again; nothing is dropped and nothing dies."""
    fault.error = lambda: exc.OperationalError("select", {}, ConnectionRefusedError(), connection_invalidated=True)
    event = paid(id="held")
    fault.poisoned = {"held"}
    await customer.send(registered(accounts=("A-1",)))
    await customer.publish(event)
    calls = fault.calls
    await until(lambda: _true(fault.calls >= calls + 2))
    assert "held" not in await applied(customer)
    fault.poisoned = set()
    await customer.settle()
    assert "held" in await applied(customer)
    assert (await customer.http.get("/dead-letters")).json()["items"] == []


async def test_a_bad_release_stops_instead_of_draining_the_topic(customer: ServiceUnderTest, fault: Fault) -> None:
    """When handlers fail faster than the limit, the worker ends with an error, and what it has not applied stays on the bus."""
    await customer.send(registered(accounts=("A-1",)))
    events = [paid() for _ in range(150)]
    fault.poisoned = {event["id"] for event in events}
    await customer.publish(*events)
    with pytest.raises(TooManyFailures):
        await asyncio.wait_for(customer.worker, 120)
    fault.poisoned = set()
    await customer.start_worker()
    await customer.settle()
    answer = (await customer.http.get("/reconciliation", params={"recount": True})).json()
    limit = customer.settings.handler_failures_per_minute
    assert answer["balanced"] and answer["totals"]["dead"] == limit - 1
    assert answer["totals"]["applied"] == 1 + 150 - (limit - 1)


async def test_the_worker_says_how_it_is(customer: ServiceUnderTest) -> None:
    """Readiness shows the worker's state and lag."""

    async def beat() -> list[dict[str, object]]:
        workers: list[dict[str, object]] = (await customer.http.get("/health/ready")).json()["workers"]
        return workers

    (worker,) = await until(beat)
    assert worker["name"] == "test-customer" and worker["state"] in {"starting", "running"} and worker["lag_records"] == 0
    assert (customer.settings.data_dir / "customer-worker.alive").exists()
    await customer.stop_worker()
    assert await beat() == []
    await customer.start_worker()


async def _true(value: bool) -> bool:
    return value
