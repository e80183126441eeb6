from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.settings import Settings
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import SEQUENCES
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
        yield service


@pytest.fixture
async def sweeping(settings: Settings) -> AsyncIterator[ServiceUnderTest]:
    async with ServiceUnderTest("segmentation", settings) as service:
        yield service
