from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.settings import Settings
from tests.harness import ServiceUnderTest
from tests.settings_fixture import settings as settings


@pytest.fixture
async def retention(settings: Settings) -> AsyncIterator[ServiceUnderTest]:
    async with ServiceUnderTest("retention", settings) as running:
        yield running
