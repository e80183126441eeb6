"""`make audit-verify`: walk the audit log and say whether anything in it was touched. Exit code 1 and the first bad entry if so, 2 without the keyring.

What it saw last is left in a signed file beside the embedded databases, and the next run holds the log against it. Copy that
file to where the databases' administrators can not write: it is what shows that the log was set back as a whole.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson

from services.customer.audit import CHECKPOINT_FORGED, Fault
from services.customer.use_cases.audit import Checkpoint, verify
from shared import settings
from shared.database import Database
from shared.pii import Keyring, UnreadableKeys
from shared.settings import Settings


def main() -> int:
    return asyncio.run(run(settings.load()))


async def run(given: Settings) -> int:
    """The exit code."""
    path = given.data_dir / "audit.checkpoint.json"
    database = Database(given.database_url("customer"))
    try:
        count, found = await verify(database, Keyring.load(given.keyring_path), _read(path))
    except UnreadableKeys as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ValueError:
        count, found = 0, Fault(0, CHECKPOINT_FORGED)
    finally:
        await database.close()
    if isinstance(found, Fault):
        sys.stderr.write(f"entry {found.entry_id} is {found.reason} ({count} entries before it are as they were)\n")
        return 1
    path.write_bytes(orjson.dumps(found._asdict()))
    sys.stdout.write(f"{count} entries, the last {found.entry_id}: nothing was altered, removed, added or moved\n")
    return 0


def _read(path: Path) -> Checkpoint | None:
    """Raises ValueError when there is one that can not be read."""
    try:
        return Checkpoint(**orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except TypeError:
        raise ValueError from None


if __name__ == "__main__":
    raise SystemExit(main())
