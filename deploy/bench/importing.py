"""Customers per second from a CSV file, beside a plain COPY of the same rows into a bare table of the same database.

COPY checks nothing, seals nothing and tells nobody: it is what the disk and the driver allow.
"""

from __future__ import annotations

import asyncio
import csv
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic

import asyncpg

from deploy.bench.place import Place
from deploy.bench.processes import Processes, cpu_seconds, peak_bytes

SERVICE = "customer"
LOOK_SECONDS = 0.1
COPY_ROWS = 10_000
SURNAMES, GIVEN = ("Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Huang"), ("Wei", "Fang", "Na", "Min", "Jing", "Qiang", "Lei", "Yan")
BRANDS = (("gotone", 3, "gotone-128", "postpaid"), ("easyown", 1, "easyown-38", "prepaid"), ("m-zone", 2, "m-zone-58", "prepaid"))


@dataclass(frozen=True)
class Imported:
    rows: int
    file_bytes: int
    seconds: float
    copy_seconds: float
    peak_bytes: int
    cpu_us_per_row: dict[str, float]

    @property
    def rate(self) -> float:
        return self.rows / self.seconds

    @property
    def of_copy(self) -> float:
        return self.copy_seconds / self.seconds


async def measure(place: Place, processes: Processes, rows: int) -> Imported:
    """Into an empty database, and then the plain way beside it."""
    processes.run("services", "migrate", SERVICE)
    file = place.log.with_name("customers.csv")
    write(file, rows)
    seconds, peak, cpu = await _through_import(place, processes, file)
    copied = await (_copied(place, file) if place.servers else asyncio.to_thread(_inserted, place, file))
    return Imported(rows, file.stat().st_size, seconds, copied, peak, {name: used / rows * 1e6 for name, used in cpu.items()})


def write(path: Path, rows: int) -> None:
    """What a CRM exports: a person with a document, a contact point, consents and one subscription each."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, customer(0))
        writer.writeheader()
        writer.writerows(customer(number) for number in range(rows))


def customer(number: int) -> dict[str, str]:
    brand, rank, plan, payment_type = BRANDS[number % len(BRANDS)]
    birth = f"{1950 + number % 55}-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    msisdn = f"86138{number:08d}"
    return {
        "customer_id": f"C-{number:08d}", "registered_at": f"20{10 + number % 15}-{number % 12 + 1:02d}-{number % 28 + 1:02d}T09:30:00+08:00", "kind": "person",
        "name": f"{SURNAMES[number % 8]} {GIVEN[number // 8 % 8]}", "document_number": f"330106{birth.replace('-', '')}{number % 10_000:04d}",
        "birth_date": birth, "phone": msisdn, "phone_verified": "yes" if number % 3 else "no", "language": "zh", "region": f"region-{number % 11}",
        "service_star": str(number % 5 + 1), "acquisition_channel": "shop" if number % 4 else "online", "acquisition_agent": f"A-{number % 500}",
        "accounts": f"A-{number:08d}", "consent_call": "yes" if number % 5 else "no", "consent_sms": "yes", "subscription_id": f"S-{number:08d}",
        "msisdn": msisdn, "imsi": f"46000{number:010d}", "brand": brand, "brand_rank": str(rank), "plan": plan, "payment_type": payment_type,
        "contract_ends": f"20{27 + number % 3}-12-31",
    }  # fmt: skip


async def _through_import(place: Place, processes: Processes, file: Path) -> tuple[float, int, dict[str, float]]:
    """Seconds, from the start of the process to its end; its peak of memory; CPU seconds per process."""
    before = _cpu(place.servers)
    started = monotonic()
    importing = processes.start("services.customer.importing", str(file), "--kind", "customers")
    peak, own = 0, 0.0
    while processes.is_running(importing):
        peak, own = max(peak, peak_bytes(importing.pid)), max(own, cpu_seconds(importing.pid))
        await asyncio.sleep(LOOK_SECONDS)
    seconds = monotonic() - started
    after = _cpu(place.servers)
    return seconds, peak, {"import": own} | {name: after[name] - before[name] for name in before}


async def _copied(place: Place, file: Path) -> float:
    connection = await asyncpg.connect(place.settings.database.replace("{service}", SERVICE))
    try:
        columns = list(customer(0))
        await connection.execute(f"DROP TABLE IF EXISTS copied; CREATE TABLE copied ({', '.join(f'{name} text' for name in columns)})")
        started = monotonic()
        await connection.copy_to_table("copied", source=file, columns=columns, format="csv", header=True)
        return monotonic() - started
    finally:
        await connection.close()


def _inserted(place: Place, file: Path) -> float:
    """SQLite has no COPY: the same rows by executemany."""
    columns = list(customer(0))
    with closing(sqlite3.connect(place.settings.data_dir / "copied.db", isolation_level=None)) as database:
        database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE copied ({', '.join(columns)})")
        started = monotonic()
        for rows in _read(file):
            database.execute("BEGIN IMMEDIATE")
            database.executemany(f"INSERT INTO copied VALUES ({', '.join('?' * len(columns))})", rows)
            database.execute("COMMIT")
        return monotonic() - started


def _read(file: Path) -> Iterator[list[list[str]]]:
    with file.open(newline="") as opened:
        rows = islice(csv.reader(opened), 1, None)
        while piece := list(islice(rows, COPY_ROWS)):
            yield piece


def _cpu(servers: Mapping[str, list[int]]) -> dict[str, float]:
    return {name: sum(map(cpu_seconds, pids)) for name, pids in servers.items() if name == "postgres"}
