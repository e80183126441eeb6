"""Servers that tests share: started once in a run, by the first test that needs them, on free ports, in the run's folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import structlog

from deploy.stack import Stack, free_port, missing, temporary_stack
from shared import database
from tests import run_folder
from tests.statements import create_engine

# Kafka and Spark run for seconds or minutes here: compiling for a long run costs more than it brings.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# By default Rich draws each exception that is logged, with the source and the variables of every frame: a second of CPU.
structlog.configure(processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])

database.create_async_engine = create_engine


def pytest_configure(config: pytest.Config) -> None:
    if _begins_and_ends_the_run(config):
        run_folder.make()
        for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C does: what was started is stopped
            signal.signal(ending, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _begins_and_ends_the_run(config):
        if _started_stack.cache_info().currsize:
            _started_stack().stop()  # by who started it, so that it is waited for
        run_folder.end()


def _begins_and_ends_the_run(config: pytest.Config) -> bool:
    """The others are its processes that run tests (`-n`)."""
    return not hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def shared_stack() -> Stack:
    _needs_stack()
    return _started_stack()


@cache
def _started_stack() -> Stack:
    with run_folder.alone("shared-stack") as directory:
        ports = {f"{daemon.name}_port": daemon.running_port or free_port() for daemon in Stack(directory).daemons}
        stack = Stack(directory, **ports, fsync=False)
        stack.start()
    return stack


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """For tests that stop or kill servers: their module says that this is its `stack`."""
    _needs_stack()
    with temporary_stack() as running:
        yield running


def _needs_stack() -> None:
    lacks = missing()
    if lacks and os.environ.get("CI"):
        pytest.fail(f"CI has to run this, and lacks {'; '.join(lacks)}")
    if lacks:
        pytest.skip(f"this machine lacks {'; '.join(lacks)}")


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    return shared_stack


@pytest.fixture
def kafka_servers(stack: Stack) -> str:
    """`host:port`. Topics of other tests are there too: take a topic prefix of your own."""
    return stack.environment["HOLDFAST_BUS"].removeprefix("kafka://")


@pytest.fixture
def postgres_template(stack: Stack) -> str:
    """As HOLDFAST_DATABASE. Tables of other tests may be there."""
    return stack.environment["HOLDFAST_DATABASE"]


@pytest.fixture(scope="session")
def typed_client() -> Path:
    """The folder that the generated client is in, as `make client` makes it. Write nothing into it."""
    with run_folder.alone("typed-client") as folder:
        if not folder.exists():
            subprocess.run([sys.executable, "-m", "deploy.client", "--to", str(folder)], check=True)
    return folder
