"""`settings`: a test that takes it runs twice, embedded and on PostgreSQL, each time with nothing in it.

With `pytestmark = pytest.mark.kafka` the second run is on Kafka too. That is for what depends on the bus: a broker takes a
second for the topics of each test, and both buses pass one suite of their own.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import asyncpg
import pytest

from shared.settings import PORT_OFFSETS, Settings


@pytest.fixture(params=["embedded", "stack"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "embedded":
        return Settings(data_dir=tmp_path, log_level="error")
    template: str = request.getfixturevalue("postgres_template")
    for service in PORT_OFFSETS:
        await _empty(template.replace("{service}", service))
    if request.node.get_closest_marker("kafka") is None:
        return Settings(data_dir=tmp_path, database=template, log_level="error")
    servers: str = request.getfixturevalue("kafka_servers")
    return Settings(data_dir=tmp_path, bus=f"kafka://{servers}", database=template, topic_prefix=f"{uuid.uuid4().hex[:8]}.", log_level="error")


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    finally:
        await connection.close()
