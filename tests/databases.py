"""Databases of services, as hundreds of tests want one: migrated once in a run, and copied from there.

That costs a tenth of the migrations. Whoever tests migrations runs shared.migrating on what was copied.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa

from shared.database import Database
from shared.migrating import migrate
from shared.settings import PORT_OFFSETS, Settings
from tests import run_folder

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
        with run_folder.alone(f"{service}.db") as file:
            if not file.exists():
                unfinished = file.with_suffix(".new")
                await _migrate(service, f"sqlite+aiosqlite:///{unfinished}")
                unfinished.rename(file)
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
            async with _as_owner(url) as server:
                await server.execute(f"CREATE DATABASE {url.database} OWNER {service} STRATEGY file_copy")


@asynccontextmanager
async def on_server(url: str) -> AsyncIterator[str]:
    """HOLDFAST_DATABASE for one test, beside the databases of others: who uses one makes it. All are gone when it ends."""
    names = f"{url}_{uuid.uuid4().hex[:8]}"
    yield names
    ours = [sa.make_url(names.replace("{service}", service)) for service in PORT_OFFSETS]
    async with _as_owner(ours[0]) as server:
        for made in await server.fetch("SELECT datname FROM pg_database WHERE datname = ANY($1)", [one.database for one in ours]):
            await server.execute(f"DROP DATABASE {made['datname']} WITH (FORCE)")


async def _copied(service: str, url: sa.URL) -> bool:
    template = f"template_{service}"
    if (url.port, service) not in _templates:
        with run_folder.alone(f"{template}_{url.port}"):
            await _make_template(service, url.set(database=template))
        _templates.add((url.port, service))
    async with _as_owner(url) as server:
        # The other way to copy writes each page to the log first: five times the work, for servers that have to survive a power cut.
        try:
            await server.execute(f"CREATE DATABASE {url.database} OWNER {service} TEMPLATE {template} STRATEGY file_copy")
        except asyncpg.DuplicateDatabaseError:
            return False
    return True


async def _make_template(service: str, url: sa.URL) -> None:
    """Unless another process has. It has its name when it is whole, as nobody may be connected to what is copied."""
    async with _as_owner(url) as server:
        if await server.fetch("SELECT FROM pg_database WHERE datname = $1", url.database):
            return
        unfinished = f"{url.database}_unfinished"
        await server.execute(f"CREATE DATABASE {unfinished} OWNER {service} STRATEGY file_copy")
        await _migrate(service, url.set(database=unfinished).render_as_string())
        await server.execute(f"ALTER DATABASE {unfinished} RENAME TO {url.database}")


@asynccontextmanager
async def _as_owner(url: sa.URL) -> AsyncIterator[Any]:
    """On the server of that database, as its owner: services may not make databases."""
    connection = await asyncpg.connect(host=url.host, port=url.port, user="postgres", database="postgres")
    try:
        yield connection
    finally:
        await connection.close()
