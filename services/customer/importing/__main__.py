"""Take a CSV, Parquet or JSON-lines file of customers or of their history in, in bounded memory.

Stopped and started again it goes on where it was; a row that was taken in before is a duplicate. Rows that can not be taken in
go to FILE.rejects.csv. docs/guides/import.md lists the columns.
"""

from __future__ import annotations

import argparse
import asyncio
import codecs
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError

from services.customer.importing.columns import UnreadableCell
from services.customer.importing.files import Rows
from services.customer.importing.rows import KINDS
from services.customer.importing.run import PIECE_ROWS, Job, Show, check_only, import_file
from shared.database import Database
from shared.errors import Conflict
from shared.pii import Keyring, UnreadableKeys
from shared.settings import load
from shared.worker import tune_collector

CONSOLE = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def main() -> int:
    arguments = _arguments()
    renamed = dict(arguments.map)
    source = f"import/{arguments.name or arguments.kind}"
    job = Job(arguments.file, arguments.kind, source, renamed, arguments.timezone, arguments.encoding, arguments.delimiter, arguments.rows)
    tune_collector()
    try:
        _say_what_is_not_read(job)
        with _progress() as show:
            found = check_only(job, show) if arguments.dry_run else asyncio.run(_import(job, show, again=arguments.again))
    except KeyboardInterrupt:
        CONSOLE.print("Stopped. The same command goes on where it was.")
        return 130
    except (Conflict, DBAPIError, OSError, UnreadableCell, UnreadableKeys) as error:
        CONSOLE.print(f"{job.path}: {_why(error)}", style="red")
        return 1
    CONSOLE.print(", ".join(f"{name} {count:,}" for name, count in found.items()))
    if found["rejected"]:
        CONSOLE.print(f"Why rows were rejected stands in {job.path}.rejects.csv")
    return 0


def _why(error: Exception) -> str:
    if not isinstance(error, DBAPIError):
        return str(error)
    # The first line only: drivers put values after it.
    first_line = str(error.orig).partition("\n")[0]
    return f"the database says {first_line!r}; `python -m services migrate customer` brings it to its newest version"


async def _import(job: Job, show: Show, *, again: bool) -> Counter[str]:
    settings = load()
    database = Database(settings.database_url("customer"))
    try:
        return await import_file(job, database, Keyring.load(settings.keyring_path), show, again=again)
    finally:
        await database.close()


def _say_what_is_not_read(job: Job) -> None:
    columns = KINDS[job.kind].columns
    with job.opened() as rows:
        unread = [name for name in rows.names if columns and job.our_name(name) not in columns]
    if unread:
        CONSOLE.print(f"Columns that nothing is read from: {', '.join(unread)}")


@contextmanager
def _progress() -> Iterator[Show]:
    parts = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rows]:,} rows, {task.fields[rejected]:,} rejected"), TimeRemainingColumn())
    with Progress(*parts, console=CONSOLE, transient=True) as progress:
        bar = progress.add_task("", rows=0, rejected=0)

        def show(rows: Rows, found: Counter[str]) -> None:
            progress.update(bar, total=rows.total, completed=rows.position, rows=found["rows"], rejected=found["rejected"])

        yield show


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.customer.importing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="`.parquet`: Parquet; of events: JSON lines; else CSV")
    parser.add_argument("--kind", required=True, choices=KINDS, help="what a row is")
    parser.add_argument("--name", help="of the system it comes from: events get the source import/NAME (the kind)")
    parser.add_argument("--map", action="append", default=[], type=_renaming, metavar="THEIRS=OURS", help="their column is our column; may be repeated")
    parser.add_argument("--timezone", type=_zone, default="UTC", help="of times that do not say theirs, e.g. Asia/Shanghai (%(default)s)")
    parser.add_argument("--encoding", type=_encoding, default="utf-8-sig", help="of CSV, e.g. gb18030 (UTF-8)")
    parser.add_argument("--delimiter", default=",", help="of CSV (%(default)s)")
    parser.add_argument("--rows", type=int, default=PIECE_ROWS, help="in one transaction (%(default)s)")
    parser.add_argument("--again", action="store_true", help="from the first row, although the file was imported before")
    parser.add_argument("--dry-run", action="store_true", help="check every row, take nothing in")
    return parser.parse_args()


def _renaming(text: str) -> tuple[str, str]:
    theirs, _, ours = text.partition("=")
    if not theirs or not ours:
        raise argparse.ArgumentTypeError(f"{text!r} is not THEIRS=OURS")
    return theirs, ours


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError):
        raise argparse.ArgumentTypeError(f"there is no time zone {name!r}") from None


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise argparse.ArgumentTypeError(f"there is no encoding {name!r}") from None


if __name__ == "__main__":
    raise SystemExit(main())
