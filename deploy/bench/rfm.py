"""The full pass of RFM over all transactions, beside the libraries that people do it with. Alone: python -m deploy.bench.rfm.

All read the same Parquet files in a process of their own, in turns, and write everybody's last day, purchase days, sum and scores
from 1 to 5 as Parquet. Seconds are from reading to written, without the start of Python. Results have to be equal to the row.
pymc-marketing has no sums, reversals or percent ranks: it makes its summary of the payments, of which the purchase days are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import duckdb

from deploy.bench.processes import PartEnded, cpu_seconds, peak_bytes

OURS, SUMMARY_ONLY = "holdfast", "pymc-marketing"
AS_OF = date(2026, 1, 1)
DAYS = 730
LIMIT_SECONDS = 600
MEMORY_LIMIT, LITTLE_MEMORY = "2GB", "512MB"
COLUMNS = "customer_id, population, last_day, frequency, monetary_minor, r, f, m"

# Few pay often, most now and then; one transaction in thirty is a reversal; a third have used their prepaid balance since.
TABLES = {
    "customers": f"""
        SELECT (13800000000 + range)::VARCHAR AS customer_id, CASE WHEN hash(range, 1) % 10 < 7 THEN 'prepaid' ELSE 'postpaid' END AS population,
            CASE WHEN hash(range, 2) % 3 = 0 THEN DATE '{AS_OF}' - (1 + hash(range, 3) % {DAYS})::INT END AS active_day
        FROM range({{customers}})""",
    "transactions": f"""
        SELECT (13800000000 + ((hash(range, 4) % 10000 / 1e4) * (hash(range, 5) / 18446744073709551616.0) * {{customers}})::BIGINT)::VARCHAR AS customer_id,
            DATE '{AS_OF}' - (1 + hash(range, 6) % {DAYS})::INT AS day,
            CASE WHEN hash(range, 7) % 30 = 0 THEN -1 ELSE 1 END * 100 * (1 + hash(range, 8) % 500)::BIGINT AS amount_minor
        FROM range({{transactions}})""",
}


@dataclass(frozen=True)
class Pass:
    """Of one contender, its runs: none where it did not end within LIMIT_SECONDS. `equal`: to ours, in all that it has."""

    name: str
    seconds: Sequence[float]
    cpu_seconds: Sequence[float]
    peak_bytes: int
    equal: bool


def measure(*, customers: int = 1_000_000, transactions: int = 20_000_000, rounds: int = 3, say: Callable[[str], Any]) -> list[Pass]:
    """Ours first. Raises PartEnded."""
    with TemporaryDirectory(prefix="holdfast-rfm-") as name:
        folder = Path(name)
        _make(folder, customers, transactions)
        runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in CONTENDERS}
        for number in range(rounds):
            for contender in CONTENDERS:
                if contender != SUMMARY_ONLY or number == 0:
                    say(f"Round {number + 1}: {contender}")
                    runs[contender] += _run(contender, folder)
        return [_result(contender, found, folder) for contender, found in runs.items()]


def text(passes: Sequence[Pass]) -> str:
    fastest = min(median(one.seconds) for one in passes if one.seconds and not one.name.startswith(OURS))
    return "\n".join(
        [f"{'full pass of RFM':28}{'seconds':>9}{'of the fastest other':>22}{'CPU seconds':>13}{'peak memory':>13}   equal", *_lines(passes, fastest)]
    )


def _lines(passes: Sequence[Pass], fastest: float) -> Iterator[str]:
    for one in passes:
        if one.seconds:
            seconds = median(one.seconds)
            figures = f"{seconds:>9.2f}{seconds / fastest:>22.2f}{median(one.cpu_seconds):>13.2f}{one.peak_bytes / 2**20:>10,.0f} MB"
            yield f"  {one.name:26}{figures}   {'yes' if one.equal else 'NO'}"
        else:
            yield f"  {one.name:26} not done in {LIMIT_SECONDS} s"


def _make(folder: Path, customers: int, transactions: int) -> None:
    with duckdb.connect() as connection:
        for name, query in TABLES.items():
            connection.sql(query.format(customers=customers, transactions=transactions)).write_parquet(str(folder / f"{name}.parquet"))


def _run(contender: str, folder: Path) -> list[dict[str, Any]]:
    (folder / contender).mkdir(exist_ok=True)
    command = [sys.executable, "-m", "deploy.bench.rfm", "--contender", contender, "--folder", str(folder)]
    try:
        ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return []
    except subprocess.CalledProcessError as error:
        raise PartEnded(f"{contender} failed:\n{error.stderr}") from None
    return [json.loads(ended.stdout.splitlines()[-1])]


def _result(contender: str, runs: Sequence[dict[str, Any]], folder: Path) -> Pass:
    equal = bool(runs) and _is_equal(folder, contender, "customer_id, frequency" if contender == SUMMARY_ONLY else COLUMNS)
    return Pass(contender, [run["seconds"] for run in runs], [run["cpu"] for run in runs], max((run["peak"] for run in runs), default=0), equal)


def _is_equal(folder: Path, contender: str, columns: str) -> bool:
    ours, theirs = (f"SELECT {columns} FROM '{folder / name / 'scores.parquet'}'" for name in (OURS, contender))
    different = f"SELECT count(*) FROM (({ours} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {ours}))"
    with duckdb.connect() as connection:
        return connection.sql(different).fetchall() == [(0,)]


def _contend(contender: str, folder: Path) -> dict[str, Any]:
    compute = CONTENDERS[contender]()
    started, cpu_before = monotonic(), cpu_seconds(os.getpid())
    compute(folder, folder / contender / "scores.parquet")
    return {"seconds": monotonic() - started, "cpu": cpu_seconds(os.getpid()) - cpu_before, "peak": peak_bytes(os.getpid())}


Compute = Callable[[Path, Path], None]


def _holdfast(memory_limit: str) -> Compute:
    from services.segmentation.full_pass import engines, expression

    import_module("ibis.backends.duckdb")  # or the first statement would

    def compute(folder: Path, target: Path) -> None:
        with engines.duckdb_engine(memory_limit=memory_limit, threads=None, temp_folder=folder / "spill") as engine:
            customers = engine.read(str(folder / "customers.parquet"), "customers", expression.CUSTOMERS)
            transactions = engine.read(str(folder / "transactions.parquet"), "transactions", expression.TRANSACTIONS)
            engines.score(engine, expression.purchases_of_transactions(customers, transactions), target=str(target.parent), as_of=AS_OF)

    return compute


def _polars() -> Compute:
    import polars as pl

    def compute(folder: Path, target: Path) -> None:
        paid, size = pl.col("amount_minor") >= 0, pl.len().over("population")
        bought = (
            pl.scan_parquet(folder / "transactions.parquet")
            .group_by("customer_id")
            .agg(
                paid_day=pl.col("day").filter(paid).max(), frequency=pl.col("day").filter(paid).n_unique().cast(pl.Int64), monetary_minor=pl.sum("amount_minor")
            )
            .filter(pl.col("frequency") > 0)
            .join(pl.scan_parquet(folder / "customers.parquet"), on="customer_id")
            .with_columns(last_day=pl.max_horizontal("paid_day", "active_day"))
        )
        measures = {"r": "last_day", "f": "frequency", "m": "monetary_minor"}
        ranks = {name: 1 + 5 * (pl.col(column).rank("min").over("population").cast(pl.Int64) - 1) // size for name, column in measures.items()}
        bought.with_columns(**ranks).drop("paid_day", "active_day").collect(engine="in-memory").write_parquet(target)  # streaming takes longer here

    return compute


def _pandas() -> Compute:
    import pandas as pd
    import pyarrow as pa

    def compute(folder: Path, target: Path) -> None:
        transactions, customers = (_read(folder / name, pa.timestamp("s")) for name in ("transactions.parquet", "customers.parquet"))
        number, ids = pd.factorize(transactions["customer_id"])
        transactions["number"] = number
        days = transactions.loc[transactions["amount_minor"] >= 0, ["number", "day"]].drop_duplicates().groupby("number")["day"].agg(["max", "count"])
        sums = transactions.groupby("number")["amount_minor"].sum().rename("monetary_minor")
        bought = days.join(sums).assign(customer_id=lambda frame: ids[frame.index]).merge(customers, on="customer_id")
        bought["last_day"], bought["frequency"] = bought[["max", "active_day"]].max(axis=1), bought["count"]
        populations = bought.groupby("population")
        for name, column in (("r", "last_day"), ("f", "frequency"), ("m", "monetary_minor")):
            bought[name] = 1 + 5 * (populations[column].rank(method="min").astype("int64") - 1) // populations[column].transform("size")
        bought[COLUMNS.split(", ")].to_parquet(target)

    return compute


def _pymc_marketing() -> Compute:
    import pyarrow as pa
    from pymc_marketing.clv import rfm_summary

    def compute(folder: Path, target: Path) -> None:
        transactions = _read(folder / "transactions.parquet", pa.timestamp("s"))
        paid = transactions[transactions["amount_minor"] >= 0]
        end = AS_OF.isoformat()
        summary = rfm_summary(paid, "customer_id", "day", "amount_minor", observation_period_end=end, include_first_transaction=True)
        summary.astype({"frequency": "int64"}).to_parquet(target)

    return compute


def _read(path: Path, day_type: Any) -> Any:
    """A frame whose days are numbers inside, where pandas alone makes an object of each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return table.cast(pa.schema([(field.name, day_type if pa.types.is_date(field.type) else field.type) for field in table.schema])).to_pandas()


CONTENDERS: dict[str, Callable[[], Compute]] = {
    OURS: partial(_holdfast, MEMORY_LIMIT),
    f"{OURS}, {LITTLE_MEMORY}": partial(_holdfast, LITTLE_MEMORY),
    "polars": _polars,
    "pandas": _pandas,
    SUMMARY_ONLY: _pymc_marketing,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.rfm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--transactions", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="all in turns, so many times (%(default)s)")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        print(json.dumps(_contend(given.contender, given.folder)))
    else:
        say = partial(print, file=sys.stderr, flush=True)
        print(text(measure(customers=given.customers, transactions=given.transactions, rounds=given.rounds, say=say)))


if __name__ == "__main__":
    main()
