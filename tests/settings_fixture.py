"""`settings`: a test that takes it runs twice, embedded and on PostgreSQL, each time with nothing in it: who uses a database
makes it (tests/databases.py), as ServiceUnderTest does.

With `pytestmark = pytest.mark.kafka` the second run is on Kafka too. That is for what depends on the bus: a broker takes a
second for the topics of each test, and both buses pass one suite of their own.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.databases import on_server


@pytest.fixture(params=["embedded", "stack"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Settings]:
    if request.param == "embedded":
        yield Settings(data_dir=tmp_path, log_level="error")
        return
    async with on_server(request.getfixturevalue("postgres_template")) as database:
        made = Settings(data_dir=tmp_path, database=database, log_level="error")
        if request.node.get_closest_marker("kafka"):
            made = made.model_copy(update={"bus": f"kafka://{request.getfixturevalue('kafka_servers')}", "topic_prefix": f"{uuid.uuid4().hex[:8]}."})
        yield made
