"""The full re-cut outside the database, for more customers than it should be asked to sort.

export  writes customers and purchase days out of the segmentation database as Parquet
run     finds everybody's scores and the cut points: scores.parquet and cuts.parquet
apply   makes the cut points a re-cut; the worker goes on to score everybody by them
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from services.segmentation.full_pass import engines
from services.segmentation.full_pass.export import export
from services.segmentation.full_pass.expression import MEASURES
from services.segmentation.use_cases import recut
from shared import clock, settings
from shared.database import Database
from shared.errors import InvalidRequest

T = TypeVar("T")


class Found(NamedTuple):
    """What a run found, by population: the points of each measure from score 2 up, and how many customers were in it."""

    as_of: date
    points: dict[str, dict[str, list[int]]]
    customers: dict[str, int]


def main() -> None:
    arguments = _arguments()
    try:
        arguments.what(arguments)
    except FileNotFoundError as error:
        raise SystemExit(f"{error.filename or error} is not there: `export` writes what `run` reads, and `run` what `apply` reads") from None
    except (duckdb.Error, engines.NoSpark, InvalidRequest, OSError, pa.ArrowInvalid) as error:
        raise SystemExit(str(error)) from None


def found(folder: Path) -> Found:
    rows = pq.read_table(folder / engines.CUTS).sort_by("score").to_pylist()
    if not rows:
        raise InvalidRequest("nobody has bought anything: there is nothing to cut")
    points: dict[str, dict[str, list[int]]] = {row["population"]: {measure: [] for measure in MEASURES} for row in rows}
    for row in rows:
        if row["point"] is not None:
            points[row["population"]][row["measure"]].append(row["point"])
    return Found(rows[0]["as_of"], points, {row["population"]: row["customers"] for row in rows})


def _export(arguments: argparse.Namespace) -> None:
    arguments.folder.mkdir(parents=True, exist_ok=True)
    written = asyncio.run(_with_database(partial(export, folder=arguments.folder)))
    _say(", ".join(f"{name} {rows:,}" for name, rows in written.items()))


def _run(arguments: argparse.Namespace) -> None:
    with TemporaryDirectory(dir=arguments.folder, prefix="spill-") as spill, _engine(arguments, Path(spill)) as engine:
        engines.run(engine, source=str(arguments.folder), target=str(arguments.folder), as_of=arguments.as_of)
    _say(f"{sum(found(arguments.folder).customers.values()):,} customers scored: {arguments.folder / engines.SCORES}")


def _engine(arguments: argparse.Namespace, spill: Path) -> AbstractContextManager[engines.Engine]:
    if arguments.engine == "spark":
        return engines.spark_engine(arguments.master)
    return engines.duckdb_engine(memory_limit=arguments.memory_limit, threads=arguments.threads, temp_folder=spill)


def _apply(arguments: argparse.Namespace) -> None:
    made = asyncio.run(_with_database(partial(_ask, found=found(arguments.folder))))
    _say(f"re-cut {made['version']} as of {made['as_of']}: GET /rfm/cuts says when everybody is scored by it")


async def _ask(database: Database, found: Found) -> dict[str, Any]:
    async with database.transaction() as tx:
        return await recut.request_with_points(tx, as_of=found.as_of, points=found.points, customers=found.customers)


async def _with_database(do: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(settings.load().database_url("segmentation"))
    try:
        return await do(database)
    finally:
        await database.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.segmentation.full_pass", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="export|run|apply")
    _command(commands, "export", _export, "--to")
    running = _command(commands, "run", _run, "--from")
    running.add_argument("--as-of", type=date.fromisoformat, default=clock.now().date(), metavar="DAY", help="recency is counted to it (today)")
    running.add_argument("--engine", choices=("duckdb", "spark"), default="duckdb", help="(%(default)s)")
    running.add_argument("--memory-limit", default="2GB", help="of DuckDB; what is more goes to disk (%(default)s)")
    running.add_argument("--threads", type=int, help="of DuckDB (one per core)")
    running.add_argument("--master", default="local[*]", help="of Spark (%(default)s)")
    _command(commands, "apply", _apply, "--from")
    return parser.parse_args()


def _command(commands: Any, name: str, what: Callable[[argparse.Namespace], None], folder: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name)
    command.add_argument(folder, dest="folder", type=Path, required=True, metavar="DIR", help="of the Parquet files")
    command.set_defaults(what=what)
    return command


if __name__ == "__main__":
    main()
