"""Alembic without its command line: each service's migrations, run over the engine the service uses."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import alembic.command
import sqlalchemy as sa
from alembic import context
from alembic.config import Config

from shared.database import Database

# A migration that can not get its lock fails at once instead of queueing every query behind it.
LOCK_TIMEOUT = "5s"
ADVISORY_LOCK = 7411


async def migrate(service: str, database: Database) -> None:
    """Bring the service's database to the newest version. Safe to run by several processes at once."""
    if database.file:
        database.file.parent.mkdir(parents=True, exist_ok=True)
    async with database.transaction() as tx:
        if tx.dialect.name == "postgresql":
            await tx.execute(sa.text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            await tx.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        await tx.run_sync(lambda connection: alembic.command.upgrade(_config(service, connection), "head"))


def revision(service: str, message: str, connection: sa.Connection) -> None:
    """Write the next migration from the difference between tables.py and the database."""
    alembic.command.revision(_config(service, connection), message=message, autogenerate=True)


def run_environment() -> None:
    """What every service's migrations/env.py does."""
    config = context.config
    tables = import_module(f"services.{config.attributes['service']}.tables")
    context.configure(connection=config.attributes["connection"], target_metadata=tables.METADATA, render_as_batch=True, compare_type=False)
    context.run_migrations()


def _config(service: str, connection: sa.Connection) -> Config:
    config = Config()
    location = Path(str(import_module(f"services.{service}").__file__)).parent / "migrations"
    config.set_main_option("script_location", str(location))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.attributes.update(connection=connection, service=service)
    return config
