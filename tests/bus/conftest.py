from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from shared.bus import Bus
from tests.bus.place import Place

OpenBus = Callable[[], Awaitable[Bus]]


def place_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if kind == "embedded":
        return Place("embedded", str(tmp_path / "bus.db"), "test.")
    return Place("kafka", request.getfixturevalue("kafka_servers"), f"{uuid.uuid4().hex[:8]}.")


@pytest.fixture(params=["embedded", "kafka"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A test that takes it runs on both implementations. Nothing is there yet."""
    return place_of(request.param, request, tmp_path)


@pytest.fixture
async def open_bus(place: Place) -> AsyncIterator[OpenBus]:
    """One more bus, as another process would have it, closed when the test is over."""
    async with AsyncExitStack() as opened:

        async def one_more() -> Bus:
            bus = place.bus()
            await bus.start()
            opened.push_async_callback(bus.close)
            return bus

        yield one_more


@pytest.fixture
async def bus(open_bus: OpenBus) -> Bus:
    """With the topics `billing` and `care`."""
    first = await open_bus()
    await first.create_topics(["billing", "care"])
    return first
