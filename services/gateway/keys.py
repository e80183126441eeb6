"""API keys by hand, for who has the gateway's database: the first key, and any other.

python -m services.gateway.keys create CLIENT SCOPE... [--days 90]     SCOPE `all`: every scope there is
python -m services.gateway.keys list
python -m services.gateway.keys revoke KEY_ID
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import re
import sys

from services.gateway.access import managing, repository
from services.gateway.access.principal import NAME
from services.gateway.access.schemas import LONGEST_DAYS
from services.gateway.access.scopes import ALL
from shared import settings
from shared.database import Database
from shared.errors import HoldfastError

MOST_LISTED = 1_000


def main() -> int:
    return asyncio.run(run(settings.load().database_url("gateway"), parsed()))


async def run(database_url: str, arguments: argparse.Namespace) -> int:
    """The exit code."""
    database = Database(database_url)
    try:
        for line in await {"create": _create, "list": _list, "revoke": _revoke}[arguments.command](database, arguments):
            sys.stdout.write(f"{line}\n")
    except HoldfastError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    finally:
        await database.close()
    return 0


async def _create(database: Database, arguments: argparse.Namespace) -> list[str]:
    """The key alone: what reads it needs nothing cut off."""
    scopes = ALL if arguments.scopes == ["all"] else arguments.scopes
    async with database.transaction() as tx:
        made = await managing.make(tx, managing.NewKey(arguments.client, scopes, arguments.days), by=getpass.getuser(), granted=None)
    return [str(made.key)]


async def _list(database: Database, _: argparse.Namespace) -> list[str]:
    async with database.reading() as connection:
        rows = await repository.list_keys(connection, client=None, after="", limit=MOST_LISTED)
    return [f"{row.key_id}  {row.client}  {'revoked' if row.revoked_at else f'until {row.expires_at:%Y-%m-%d}'}  {' '.join(row.scopes)}" for row in rows]


async def _revoke(database: Database, arguments: argparse.Namespace) -> list[str]:
    async with database.transaction() as tx:
        row = await managing.revoke(tx, arguments.key_id, by=getpass.getuser())
    return [f"{row.key_id} of {row.client} was revoked at {row.revoked_at:%Y-%m-%d %H:%M} UTC by {row.revoked_by}"]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.gateway.keys", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    creating = commands.add_parser("create", help="make a key and print it, this once")
    creating.add_argument("client", type=_name)
    creating.add_argument("scopes", nargs="+", metavar="SCOPE")
    creating.add_argument("--days", type=int, default=90, choices=range(1, LONGEST_DAYS + 1), metavar="DAYS")
    commands.add_parser("list", help="all keys, without their secrets")
    commands.add_parser("revoke", help="believe a key no more").add_argument("key_id")
    return parser.parse_args()


def _name(text: str) -> str:
    if re.fullmatch(NAME, text) is None:
        raise argparse.ArgumentTypeError("1 to 100 printable ASCII characters")
    return text


if __name__ == "__main__":
    raise SystemExit(main())
