"""Servers that tests share: started once, by the first test that needs them, on free ports, in a folder of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog

from deploy.stack import Stack, missing, temporary_stack

# Kafka and Spark run for seconds or minutes here: compiling for a long run costs more than it brings.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# By default Rich draws each exception that is logged, with the source and the variables of every frame: a second of CPU.
structlog.configure(processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[Stack]:
    lacks = missing()
    if lacks and os.environ.get("CI"):
        pytest.fail(f"CI has to run this, and lacks {'; '.join(lacks)}")
    if lacks:
        pytest.skip(f"this machine lacks {'; '.join(lacks)}")
    with temporary_stack() as running:
        yield running


@pytest.fixture(scope="session")
def kafka_servers(shared_stack: Stack) -> str:
    """`host:port`. Topics of other tests are there too: take a topic prefix of your own."""
    return shared_stack.environment["HOLDFAST_BUS"].removeprefix("kafka://")


@pytest.fixture(scope="session")
def postgres_template(shared_stack: Stack) -> str:
    """As HOLDFAST_DATABASE. Tables of other tests may be there."""
    return shared_stack.environment["HOLDFAST_DATABASE"]
