"""`make rotate-keys`: add a master key to the keyring. The running worker notices and wraps the customers' keys anew under it."""

from __future__ import annotations

import asyncio
import getpass
import sys

from services.customer.use_cases import audit
from shared import pii, settings
from shared.database import Database
from shared.pii import Keyring, UnreadableKeys
from shared.settings import Settings


def main() -> int:
    given = settings.load()
    try:
        Keyring.load(given.keyring_path)
    except UnreadableKeys as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return asyncio.run(run(given))


async def run(given: Settings) -> int:
    """The exit code."""
    master_id = pii.rotate(given.keyring_path)
    database = Database(given.database_url("customer"))
    try:
        async with database.transaction() as tx:
            await audit.note(tx, Keyring.load(given.keyring_path), actor=getpass.getuser(), action="rotate_keys", details={"master_id": master_id})
    finally:
        await database.close()
    sys.stdout.write(
        f"master key {master_id} is the newest; copy {given.keyring_path} to wherever its copies are, then watch GET /keys: `to_rewrap` falls to 0\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
