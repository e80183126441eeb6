from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.segmentation.repository import customers
from shared.settings import Settings
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import SEQUENCES, days_ago
from tests.settings_fixture import settings as settings


@pytest.fixture(autouse=True)
def _nobody_was_told_of_yet() -> None:
    SEQUENCES.clear()


@pytest.fixture
async def segmentation(settings: Settings) -> AsyncIterator[ServiceUnderTest]:
    """Without its sweeps: the day's re-cut would come at any moment."""
    service = ServiceUnderTest("segmentation", settings)
    service.spec = replace(service.spec, sweeps=())
    async with service:
        await _hear_today(service)
        yield service


@pytest.fixture
async def sweeping(settings: Settings) -> AsyncIterator[ServiceUnderTest]:
    async with ServiceUnderTest("segmentation", settings) as service:
        await _hear_today(service)
        yield service


async def _hear_today(service: ServiceUnderTest) -> None:
    """The feeds have come to this day: recency is counted to it, whatever the test tells of."""
    async with service.database.transaction() as tx:
        await customers.note_heard(tx, dict.fromkeys(("usage", "payments"), days_ago(0).date()))
