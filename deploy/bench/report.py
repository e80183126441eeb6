"""What was measured: as a table for people and as JSON for the next run."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from deploy.bench.delays import Delays
from deploy.bench.importing import Imported
from deploy.bench.ingest import Run, median_rate
from deploy.bench.loop import Loaded, Took
from deploy.stack.kafka import VERSION as KAFKA
from deploy.stack.postgres import programs
from shared import clock

PROFILE_LINES = 25
FLOOR = "floor, contract"
_HEAD = f"\n{'milliseconds':26}{'p50':>9}{'p99':>9}{'worst':>9}{'count':>8}{'failed':>8}"
NAMES = {"stack": "Kafka and PostgreSQL", "embedded": "Embedded"}


@dataclass
class Results:
    """Of one place."""

    runs: list[Run] = field(default_factory=list)
    profile: Sequence[Mapping[str, Any]] = ()
    delays: Delays | None = None
    imported: Imported | None = None
    screens: Mapping[str, Took] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return median_rate(self.runs, "worker")

    @property
    def floor(self) -> float:
        return median_rate(self.runs, FLOOR)

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.runs:
            kinds = dict.fromkeys(run.what for run in self.runs)
            found["ingest"] = {kind: _medians([run for run in self.runs if run.what == kind]) for kind in kinds}
            found["of_the_floor"] = {kind: median_rate(self.runs, kind) / self.floor for kind in kinds}
            found["runs"] = [asdict(run) | {"rate": run.rate} for run in self.runs]
        if self.profile:
            found["profile"] = self.profile
        if self.delays:
            found["delays"] = asdict(self.delays)
        if self.imported:
            found["import"] = asdict(self.imported) | {"rows_per_second": self.imported.rate, "of_copy": self.imported.of_copy}
        if self.screens:
            found["screens"] = {name: asdict(took) for name, took in self.screens.items()}
        return found


def _medians(runs: Sequence[Run]) -> dict[str, Any]:
    cpu = {name: median(run.cpu_us_per_event[name] for run in runs) for name in runs[0].cpu_us_per_event}
    return {"events_per_second": median(run.rate for run in runs), "start_seconds": median(run.start_seconds for run in runs), "cpu_us_per_event": cpu}


def machine() -> dict[str, Any]:
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "measured_at": clock.wall().isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "cpu": models[0] if models else platform.machine(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "kafka": KAFKA,
        "postgresql": getattr(programs(), "parts", ("",) * 5)[-2],
    }


def save(path: Path, found: Mapping[str, Results], about: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps({"machine": about} | {place: results.document() for place, results in found.items()}, option=orjson.OPT_INDENT_2))


def text(found: Mapping[str, Results], about: Mapping[str, Any]) -> str:
    head = ", ".join(f"{name} {value}" for name, value in about.items())
    return "\n".join([head, *(line for place, results in found.items() for line in _of_place(NAMES[place], results))])


def _of_place(name: str, results: Results) -> Iterator[str]:
    yield f"\n{name}\n{'-' * len(name)}"
    if results.runs:
        yield from _ingest(results)
    if results.profile:
        yield from _profile(results.profile)
    if results.delays:
        yield from _delays(results.delays)
    if results.imported:
        yield from _imported(results.imported)
    if results.screens:
        yield _HEAD
        yield from (_line(name, took, "") for name, took in results.screens.items())


def _ingest(results: Results) -> Iterator[str]:
    yield f"{'ingest (medians)':26}{'events/s':>10}  {'of the floor':>12}   CPU microseconds per event"
    for kind in dict.fromkeys(run.what for run in results.runs):
        of_kind = _medians([run for run in results.runs if run.what == kind])
        cpu = "  ".join(f"{process} {used:.0f}" for process, used in of_kind["cpu_us_per_event"].items())
        yield f"  {kind:24}{of_kind['events_per_second']:>10,.0f}  {of_kind['events_per_second'] / results.floor:>12.2f}   {cpu}"


def _profile(profile: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"\n{'worker, its CPU':26}{'itself':>10}  {'with callees':>12}"
    for line in sorted(profile, key=lambda line: -line["own"])[:PROFILE_LINES]:
        yield f"  {line['function'][-60:]:60}{line['own']:>7.1%}{line['within']:>8.1%}"


def _delays(delays: Delays) -> Iterator[str]:
    yield f"{_HEAD}   load"
    yield _line("event to warning", delays.alert.took, _load(delays.alert))
    yield _line("360 view, idle", delays.view_idle, "")
    yield _line("360 view, at the rate", delays.view_loaded.took, _load(delays.view_loaded))
    yield _line("360 view, catching up", delays.view_catching_up.took, _load(delays.view_catching_up))


def _imported(imported: Imported) -> Iterator[str]:
    cpu = "  ".join(f"{process} {used:.0f}" for process, used in imported.cpu_us_per_row.items())
    yield f"\n{'import':26}{'rows/s':>10}  {'of COPY':>9}   peak memory   CPU microseconds per row"
    yield f"  {f'{imported.rows:,} customers':24}{imported.rate:>10,.0f}  {imported.of_copy:>9.3f}   {imported.peak_bytes / 2**20:>8.0f} MB   {cpu}"


def _line(what: str, took: Took, load: str) -> str:
    return f"  {what:24}{took.p50:>9.1f}{took.p99:>9.1f}{took.worst:>9.1f}{took.count:>8}{took.failed:>8}   {load}"


def _load(loaded: Loaded) -> str:
    left = ", ".join(f"{service} {records:,}" for service, records in loaded.behind.items())
    return f"{loaded.rate:,.0f} events/s; behind at the end: {left}"
