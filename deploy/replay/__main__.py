"""Run a real data set through the whole system, and say what became of it. docs/replay.md has the whole story."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.replay import cell2cell, online_retail
from deploy.replay.run import Result, run_through
from deploy.replay.system import LOG, ReplayFailed, System, environment_at, running
from deploy.replay.table import NotThisDataSet, Source, Table
from shared.errors import BusUnavailable
from shared.settings import load

SOURCES: dict[str, Source] = {"cell2cell": cell2cell, "online-retail": online_retail}

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    table = Table(options.data, limit=options.limit, every=options.every, until=options.until)
    data_dir = options.data_dir or Path(f"data/replay-{options.source}")
    try:
        table.require(SOURCES[options.source].COLUMNS)
        if not options.go_on:
            _begin_anew(data_dir)
        return asyncio.run(_replay(options.source, table, data_dir, verify=options.verify))
    except (NotThisDataSet, ReplayFailed, OSError) as error:
        console.print(f"[red]{error}")
    except BusUnavailable as error:
        console.print(f"[red]{error.detail}[/]\nRun it again: what arrived will count as duplicate.")
    except KeyboardInterrupt:
        console.print("Stopped.")
    return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.replay", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set's file, packed or not")
    parser.add_argument("--source", choices=sorted(SOURCES), required=True, help="which data set it is")
    parser.add_argument("--limit", type=int, help="only the first so many rows")
    parser.add_argument("--every", type=int, default=1, help="only one customer in so many, with all their rows; not with --verify")
    parser.add_argument("--until", type=date.fromisoformat, help="only rows up to this day, of a data set with dates; not with --verify")
    parser.add_argument("--go-on", action="store_true", help="with what an earlier replay left: what it sent already counts as duplicate")
    parser.add_argument("--data-dir", type=Path, help="begun anew (data/replay-SOURCE)")
    parser.add_argument("--verify", action="store_true", help="prove every stored row against the file; needs the development packages")
    options = parser.parse_args()
    if options.verify and (options.every != 1 or options.until or options.go_on):
        parser.error("--verify holds all rows against the file: not with --every, --until or --go-on")
    return options


def _begin_anew(data_dir: Path) -> None:
    """Removes what an earlier replay left, and nothing else."""
    if (data_dir / LOG).exists():
        shutil.rmtree(data_dir)
    elif data_dir.exists() and any(data_dir.iterdir()):
        raise ReplayFailed(f"{data_dir} is not empty and is not what a replay left there: name another --data-dir")


async def _replay(name: str, table: Table, data_dir: Path, *, verify: bool) -> int:
    source = SOURCES[name]
    as_of = source.as_of(table)
    settings, environment = load().model_copy(update={"data_dir": data_dir}), environment_at(as_of, data_dir)
    console.print(f"Starting the services on {settings.bus} and {settings.database.partition(':')[0]}, in {data_dir}. To them it is {as_of}.")
    async with running(settings, environment) as system:
        with Progress(*_COLUMNS, console=console) as progress:
            result = await run_through(source, table, as_of, settings=settings, system=system, progress=progress)
        _tell(result)
        proved = not verify or await _prove(name, table, as_of, system)
    variables = " ".join(f"{name}={value}" for name, value in environment.items())
    console.print(f"To look around: {variables} python -m services")
    return 0 if proved and result.agrees and not result.books["dead"] else 1


def _tell(result: Result) -> None:
    _tell_counts("Rows without the event", dict(sorted(result.skipped.items())))
    _tell_counts("Events", {"sent": result.sent, **{name: result.books[name] for name in ("accepted", "applied", "duplicate", "parked", "dead")}})
    console.print("accepted = applied + duplicate + parked + dead, and so it is stored" if result.agrees else "[red]The books are not what is stored")
    console.print("[bold]Time")
    for seconds, until in ((result.customer_seconds, "customer had applied all"), (result.seconds, "every service had")):
        console.print(f"{seconds:>12,.1f} s until {until}: {result.sent / seconds:,.0f} events/s")
    console.print(f"{result.recut_seconds:>12,.1f} s for the RFM re-cut of all customers")
    for population, segments in result.segments.items():
        _tell_counts(f"Segments of population {population}", segments)
    _tell_counts("Warnings", result.warnings)
    _tell_counts("Decisions of the campaign", result.decisions)


def _tell_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        console.print(f"[bold]{title}")
    for name, count in counts.items():
        console.print(f"{count:>12,} {name}")


async def _prove(name: str, table: Table, as_of: date, system: System) -> bool:
    try:
        from deploy.replay.proof import prove
    except ImportError as error:
        raise ReplayFailed(f"--verify needs the development packages (requirements-dev.lock): {error}") from None
    checks = await prove(name, table, as_of, system.databases)
    console.print("[bold]Proof: rows held against the file")
    for check in checks:
        console.print(f"{check.rows:>12,} {'[green]equal[/]' if not check.differing else f'[red]{check.differing:,} DIFFER[/]'}  {check.what}")
        for example in check.examples:
            console.print(f"{'':>13}{example}", markup=False)
    return not any(check.differing for check in checks)


_COLUMNS = (TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


if __name__ == "__main__":
    raise SystemExit(main())
