"""Databases of services, as hundreds of tests want one: migrated once by each process that runs tests, and copied from there.

That costs a tenth of the migrations. Whoever tests migrations runs shared.migrating on what was copied.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import sqlalchemy as sa

from shared.database import Database
from shared.migrating import migrate
from shared.settings import PORT_OFFSETS, Settings

_files: dict[str, bytes] = {}
_templates: set[tuple[int | None, str]] = set()


async def migrated(service: str, database: Database) -> None:
    """As `migrate` leaves it: with all tables, and the rows that the service comes with. One that is there already is kept."""
    if not (await _copied_file(service, database.file) if database.file else await _copied(service, database.engine.url)):
        await migrate(service, database)


async def _copied_file(service: str, file: Path) -> bool:
    image = await _migrated_file(service)
    return _written(file, image)


def _written(file: Path, image: bytes) -> bool:
    if file.exists():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image)
    return True


async def _migrated_file(service: str) -> bytes:
    if service not in _files:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "template.db"
            await _migrate(service, f"sqlite+aiosqlite:///{file}")
            _files[service] = file.read_bytes()
    return _files[service]


async def _migrate(service: str, url: str) -> None:
    database = Database(url)
    try:
        await migrate(service, database)
    finally:
        await database.close()


async def empty(settings: Settings, *services: str) -> None:
    """On a server they have to be made; SQLite makes its files by itself."""
    if settings.database != "sqlite":
        for service in services:
            url = sa.make_url(settings.database_url(service))
            await _run(url, f"CREATE DATABASE {url.database} OWNER {service} STRATEGY file_copy")


@asynccontextmanager
async def on_server(url: str) -> AsyncIterator[str]:
    """HOLDFAST_DATABASE for one test, beside the databases of others: who uses one makes it. All are gone when it ends."""
    names = f"{url}_{uuid.uuid4().hex[:8]}"
    yield names
    for service in PORT_OFFSETS:
        at = sa.make_url(names.replace("{service}", service))
        await _run(at, f"DROP DATABASE IF EXISTS {at.database} WITH (FORCE)")


async def _copied(service: str, url: sa.URL) -> bool:
    template = f"template_{service}_{os.getpid()}"
    if (url.port, service) not in _templates:
        await _run(url, f"CREATE DATABASE {template} OWNER {service}")
        await _migrate(service, url.set(database=template).render_as_string())
        _templates.add((url.port, service))
    # The other way to copy writes each page to the log first: five times the work, for servers that have to survive a power cut.
    try:
        await _run(url, f"CREATE DATABASE {url.database} OWNER {service} TEMPLATE {template} STRATEGY file_copy")
    except asyncpg.DuplicateDatabaseError:
        return False
    return True


async def _run(url: sa.URL, statement: str) -> None:
    """As the server's owner: services may not make databases."""
    connection = await asyncpg.connect(host=url.host, port=url.port, user="postgres", database="postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
