from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from shared.settings import Settings
from tests.harness import ServiceUnderTest
from tests.settings_fixture import settings as settings

# Nothing listens there: all other services are down.
NOWHERE = "http://127.0.0.1:1"
AWAY = {"customer_url": NOWHERE, "segmentation_url": NOWHERE, "retention_url": NOWHERE}


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path) -> None:
    """Those of tests/gateway/published.py: all zero."""
    zeros = "A" * 43
    (tmp_path / "keyring.json").write_bytes(orjson.dumps({"index": zeros, "masters": [{"id": "m1", "key": zeros}]}))


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[ServiceUnderTest]:
    async with ServiceUnderTest("gateway", settings.model_copy(update=AWAY)) as running:
        yield running


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ServiceUnderTest]:
    """The embedded gateway alone, for what does not depend on bus and database."""
    async with ServiceUnderTest("gateway", Settings(data_dir=tmp_path, log_level="error").model_copy(update=AWAY)) as running:
        yield running
