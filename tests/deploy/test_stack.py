import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.stack import Postgres, Stack, StackError

SERVICES = ["customer", "segmentation", "retention", "gateway"]


@pytest.fixture
def stack(own_stack: Stack) -> Stack:
    return own_stack


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """Not tmp_path: as root, pytest's folders are closed to the user who runs PostgreSQL."""
    directory = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


async def test_a_record_survives_a_killed_broker(stack: Stack) -> None:
    broker = f"127.0.0.1:{stack.kafka.port}"
    await produce(broker, "greetings", b"hello")
    stack.kafka.kill()
    assert stack.kafka.pid is None
    stack.kafka.start()
    assert await first_value(broker, "greetings") == b"hello"


async def test_a_row_survives_a_killed_database_server(stack: Stack) -> None:
    await query(stack, "customer", "CREATE TABLE greetings AS SELECT 'hello' AS words")
    stack.postgres.kill()
    assert stack.postgres.pid is None
    stack.postgres.start()
    assert await query(stack, "customer", "SELECT words FROM greetings") == "hello"


@pytest.mark.parametrize("service", SERVICES)
async def test_each_role_opens_its_own_database_only(stack: Stack, service: str) -> None:
    assert await query(stack, service, "SELECT current_user || '@' || current_database()") == f"{service}@{service}"
    for other in set(SERVICES) - {service}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await query(stack, service, "SELECT 1", database=other)


def test_commands_report_a_running_stack_and_starting_it_again_is_harmless(stack: Stack) -> None:
    before = command("status", stack).stdout
    assert f"127.0.0.1:{stack.kafka.port}  pid {stack.kafka.pid}" in before
    up = command("up", stack)
    assert up.stdout == (stack.directory / "env").read_text() == "".join(f"{name}={value}\n" for name, value in stack.environment.items())
    assert command("status", stack).stdout == before


def test_another_port_is_refused_while_it_runs(stack: Stack) -> None:
    with pytest.raises(StackError, match=f"on port {stack.postgres.port}: stop it first"):
        Postgres(stack.directory, stack.postgres.port + 1).start()


def test_a_failed_start_shows_the_end_of_the_log(stack: Stack, open_directory: Path) -> None:
    with pytest.raises(StackError, match=r"stopped while starting(?s:.*)Address already in use"):
        Postgres(open_directory, stack.postgres.port, fsync=False).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_a_directory_closed_to_the_database_user_is_named(open_directory: Path) -> None:
    open_directory.chmod(0o700)
    with pytest.raises(StackError, match=f"cannot enter {open_directory}"):
        Postgres(open_directory, 1).start()


def test_stopping_what_does_not_run_is_harmless(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.stop()
    assert command("status", stack).returncode == 1


async def produce(broker: str, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def first_value(broker: str, topic: str) -> bytes | None:
    async with AIOKafkaConsumer(topic, bootstrap_servers=broker, group_id="tests", auto_offset_reset="earliest") as consumer:
        value: bytes | None = (await consumer.getone()).value
        return value


async def query(stack: Stack, service: str, statement: str, database: str | None = None) -> str | None:
    connection = await asyncpg.connect(host="127.0.0.1", port=stack.postgres.port, user=service, database=database or service)
    try:
        value: str | None = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()


def command(name: str, stack: Stack) -> subprocess.CompletedProcess[str]:
    ports = [f"--kafka-port={stack.kafka.port}", f"--postgres-port={stack.postgres.port}"]
    arguments = [sys.executable, "-m", "deploy.stack", name, f"--dir={stack.directory}", *ports]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)
