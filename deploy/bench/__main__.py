"""python -m deploy.bench [all|ingest|alert|embedded|import|import-embedded]: what Holdfast does in a second, and how long it takes.

ingest     events per second from Kafka into PostgreSQL and on to `activity`, beside a bare consumer as the floor
alert      from an event to its warning, and the 360 view, at half of that rate
embedded   both on SQLite and the embedded bus
import     customers per second from a CSV file, beside a plain COPY of the same rows; then the screen pop among them
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

import orjson

from deploy.bench import delays, importing, ingest, load, place, report, screen
from deploy.bench.processes import PartEnded, processes
from deploy.bench.report import Results
from deploy.stack import StackError

PARTS = {
    "all": (("stack", "ingest"), ("stack", "delays"), ("embedded", "ingest"), ("embedded", "delays")),
    "ingest": (("stack", "ingest"),),
    "alert": (("stack", "delays"),),
    "embedded": (("embedded", "ingest"), ("embedded", "delays")),
    "import": (("stack", "import"),),
    "import-embedded": (("embedded", "import"),),
}

say = partial(print, file=sys.stderr, flush=True)


def main() -> int:
    arguments = _arguments()
    try:
        asyncio.run(run(arguments))
    except (PartEnded, StackError) as error:
        say(error)
        return 1
    return 0


async def run(arguments: argparse.Namespace) -> None:
    about, found = report.machine(), dict[str, Results]()
    for where, what in PARTS[arguments.part]:
        results = found.setdefault(where, Results())
        if what == "ingest":
            await _ingest(arguments, where, results)
        elif what == "import":
            await _import(arguments, where, results)
        else:
            await _delays(arguments, where, results)
    report.save(arguments.out, found, about)
    print(report.text(found, about))


async def _ingest(arguments: argparse.Namespace, where: str, results: Results) -> None:
    say(f"Ingest on {report.NAMES[where]}: preparing {arguments.events:,} events of {arguments.customers:,} customers")
    made = load.make(customers=arguments.customers, events=arguments.events)
    async with place.fresh(where) as fresh:
        with processes(fresh.environment, fresh.log) as started:
            await ingest.prepare(fresh, started, made)
            results.runs = await ingest.compare(fresh, started, arguments.events, rounds=arguments.rounds, say=say)
            results.profile = await ingest.profile(fresh, started, arguments.events)


async def _delays(arguments: argparse.Namespace, where: str, results: Results) -> None:
    rate = arguments.rate or (results.rate if results.runs else _measured_before(arguments.out, where)) / 2
    say(f"Delays on {report.NAMES[where]}: {rate:,.0f} events/s")
    made = load.make(customers=arguments.customers, events=int(rate * delays.LOADED_PHASES * arguments.seconds) + 1)
    async with place.fresh(where) as fresh:
        with processes(fresh.environment, fresh.log) as started:
            results.delays = await delays.measure(fresh, started, made, rate=rate, seconds=arguments.seconds, say=say)


async def _import(arguments: argparse.Namespace, where: str, results: Results) -> None:
    say(f"Import into {report.NAMES[where]}: {arguments.rows:,} customers")
    async with place.fresh(where) as fresh:
        with processes(fresh.environment, fresh.log) as started:
            results.imported = await importing.measure(fresh, started, arguments.rows)
            results.screens = await screen.measure(fresh, started, arguments.rows)


def _measured_before(file: Path, where: str) -> float:
    try:
        return float(orjson.loads(file.read_bytes())[where]["ingest"]["worker"]["events_per_second"])
    except (OSError, KeyError):
        raise SystemExit(f"The rate is half of what `ingest` measured, and {file} does not say that: run `all`, or give --rate") from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=PARTS, default="all")
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--events", type=int, default=40_000, help="of an ingest run, 2,500 at least (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="worker and floors in turns, so many times (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measured phase of the delays (%(default)s)")
    parser.add_argument("--rate", type=float, help="events/s while delays are measured (half of the measured ingest rate)")
    parser.add_argument("--rows", type=int, default=50_000, help="of the imported file (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="the figures as JSON (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
