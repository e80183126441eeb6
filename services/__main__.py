"""Run Holdfast: `python -m services` runs everything, supervised; `python -m services customer worker` runs one part.

python -m services                       migrate, then every API and worker, restarted when one ends
python -m services SERVICE api|worker    one part
python -m services SERVICE health        exit code 0 when the service's worker gave a sign of life
python -m services migrate [SERVICE]     bring the databases to the newest version
python -m services revision SERVICE MESSAGE   write the next migration (development)
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial
from importlib import import_module

import uvicorn

from services.supervisor import supervise
from shared import pii, telemetry
from shared.bus.opening import open_bus
from shared.contracts.topics import TOPICS, dead_letter_topic
from shared.database import Database, is_transient
from shared.errors import BusUnavailable
from shared.serving import serve
from shared.settings import PORT_OFFSETS, Settings, load
from shared.worker import WorkerSpec, run_worker, tune_collector

SERVICES = tuple(PORT_OFFSETS)
PATIENCE_ATTEMPTS = 30
PATIENCE_SECONDS = 2.0

log = telemetry.logger()


def main() -> int:
    arguments = _parse()
    settings = load()
    if arguments.command in {"all", "migrate"}:
        telemetry.configure(settings, service="all", role="migrate")
        if arguments.command == "all":
            settings.require_access()
        asyncio.run(_prepare(settings, [arguments.service] if arguments.service else SERVICES))
        return supervise(settings) if arguments.command == "all" else 0
    if arguments.command == "revision":
        asyncio.run(_revision(settings, arguments.service, arguments.message))
        return 0
    return _run_part(settings, arguments.command, arguments.part)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("all", help="everything, supervised (the default)")
    migrating = commands.add_parser("migrate", help="bring the databases to the newest version")
    migrating.add_argument("service", nargs="?", choices=SERVICES)
    writing = commands.add_parser("revision", help="write the next migration")
    writing.add_argument("service", choices=SERVICES)
    writing.add_argument("message")
    for service in SERVICES:
        commands.add_parser(service, help="one part of it").add_argument("part", choices=("api", "worker"))
    parser.set_defaults(command="all", service=None)
    return parser.parse_args()


def _run_part(settings: Settings, service: str, part: str) -> int:
    telemetry.configure(settings, service=service, role=part)
    if part == "api":
        settings.require_access()
        _serve(settings, service)
        return 0
    asyncio.run(_work(settings, service))
    return 0


def _serve(settings: Settings, service: str) -> None:
    app = import_module(f"services.{service}.api").app(settings)
    tune_collector()
    config = uvicorn.Config(app, settings.host, settings.port_of(service), log_level="warning", access_log=False, http="httptools", timeout_graceful_shutdown=5)
    serve(config, app.state)


async def _work(settings: Settings, service: str) -> None:
    database = Database(settings.database_url(service))
    await run_worker(_spec(service), settings=settings, database=database, bus=open_bus(settings), name=f"{socket.gethostname()}-{os.getpid()}")


def _spec(service: str) -> WorkerSpec:
    spec: WorkerSpec = import_module(f"services.{service}.worker").SPEC
    return spec


async def _prepare(settings: Settings, services: Collection[str]) -> None:
    """Databases at their newest version, every topic there, and the keyring of who keeps personal data."""
    # Not at the top: Alembic takes a tenth of a second to import, in each process, and no API and no worker needs it.
    from shared.migrating import migrate

    if any(_spec(service).sealed for service in services):
        pii.create(settings.keyring_path)
    for service in services:
        database = Database(settings.database_url(service))
        try:
            await _patiently(partial(migrate, service, database))
        finally:
            await database.close()
    bus = open_bus(settings)
    try:
        await _patiently(bus.start)
        await _patiently(partial(bus.create_topics, topics_of(services)))
    finally:
        await bus.close()


def topics_of(services: Iterable[str]) -> list[str]:
    dead = [dead_letter_topic(topic, service) for service in services for topic in _spec(service).topics]
    return [topic.name for topic in TOPICS] + dead


async def _patiently(step: Callable[[], Awaitable[None]]) -> None:
    """A database or broker that is still starting is waited for, not for ever."""
    for attempt in range(1, PATIENCE_ATTEMPTS + 1):
        try:
            await step()
            return
        except Exception as error:
            if not (is_transient(error) or isinstance(error, BusUnavailable)) or attempt == PATIENCE_ATTEMPTS:
                raise
            log.warning("waiting", error_class=type(error).__name__, attempt=attempt)
            await asyncio.sleep(PATIENCE_SECONDS)


async def _revision(settings: Settings, service: str, message: str) -> None:
    from shared.migrating import migrate, revision

    database = Database(settings.database_url(service))
    try:
        await migrate(service, database)
        async with database.transaction() as tx:
            await tx.run_sync(lambda connection: revision(service, message, connection))
    finally:
        await database.close()


if __name__ == "__main__":
    raise SystemExit(main())
