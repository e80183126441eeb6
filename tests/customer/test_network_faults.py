"""C3: outages reach the customers who were in their cells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.customer.use_cases import outages
from shared import clock
from shared.contracts import network
from shared.pii import Keyring
from tests.builders import activated, cloud_event, registered
from tests.harness import ServiceUnderTest

NUMBER = "8613800138000"
CELL, OTHER_CELL = "460-00-17", "460-00-18"
NOW = clock.now().replace(microsecond=0)
DOWN = NOW - timedelta(days=10)


def served(cell: str = CELL, *, at: datetime = NOW - timedelta(days=7)) -> dict[str, Any]:
    start, end = at - timedelta(days=7), at
    cells = [{"cell_id": cell, "dropped_calls": 3}]
    return cloud_event(network.QualitySummarised, f"msisdn:{NUMBER}", at=end, period_start=start.isoformat(), period_end=end.isoformat(), cells=cells)


def outage(cell: str = CELL, *, started_at: datetime = DOWN, hours: int = 3) -> dict[str, Any]:
    ended_at = started_at + timedelta(hours=hours)
    return cloud_event(network.OutageReported, f"cell:{cell}", at=ended_at, started_at=started_at.isoformat(), ended_at=ended_at.isoformat())


async def faults(customer: ServiceUnderTest) -> int:
    view = (await customer.http.get("/customers/C-1")).json()
    return sum(month.get("network_faults", 0) for month in view["months"].values())


async def tell(customer: ServiceUnderTest) -> None:
    """What the sweep does, until there is nothing left."""
    while await outages.tell(customer.database, Keyring.load(customer.settings.keyring_path)):
        pass


@pytest.mark.parametrize("outage_first", [True, False])
async def test_an_outage_is_met_whichever_is_reported_first(customer: ServiceUnderTest, outage_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """C3 R7: counted once, in its month, told on with the cell and its end; another report of its end later is the same fault."""
    monkeypatch.setattr(outages, "SETTLED", timedelta(0))
    await customer.send(registered(), activated(msisdn=NUMBER, at=NOW - timedelta(days=300)))
    for event in [outage(), served()] if outage_first else [served(), outage()]:
        await customer.send(event)
    await customer.send(outage(hours=5))
    await tell(customer)
    assert await faults(customer) == 1
    facts = (await customer.http.get("/customers/C-1", params={"fields": "facts"})).json()["facts"]
    assert [fact["data"]["cell_id"] for fact in facts if fact["type"] == "customer.network_fault_met.v1"] == [CELL]
    ends = [fact["data"]["ended_at"] for fact in facts if fact["type"] == "customer.network_fault_ended.v1"]
    assert list(map(datetime.fromisoformat, ends)) == [DOWN + timedelta(hours=3)]


async def test_who_was_elsewhere_or_then_not_there_met_nothing(customer: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """C3: another cell, and another week."""
    monkeypatch.setattr(outages, "SETTLED", timedelta(0))
    await customer.send(registered(), activated(msisdn=NUMBER, at=NOW - timedelta(days=300)), served(), outage(OTHER_CELL))
    await customer.send(outage(started_at=NOW - timedelta(days=2)), outage(started_at=NOW - timedelta(days=20)))
    await tell(customer)
    assert await faults(customer) == 0
