"""S1, P3: the full re-cut as one expression: DuckDB, Spark, the service's own rule and counting by hand agree to the row."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from services.segmentation.full_pass import __main__ as command
from services.segmentation.full_pass import engines, expression
from services.segmentation.rfm import Cut, CutPoints, Purchases, score
from services.segmentation.tables import RFM
from services.segmentation.use_cases import recut
from shared.settings import Settings
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import activity, days_ago, paid, profile, reversed_

AS_OF = date(2026, 11, 2)
NAMES = ("customer_id", "population", "last_day", "frequency", "monetary_minor", "r", "f", "m")
CUT_NAMES = ("population", "measure", "score", "point", "customers", "as_of")
QUICK_SPARK = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}

MANY = {
    engines.CUSTOMERS: "SELECT (13800000000 + range)::VARCHAR AS customer_id, 'prepaid' AS population, NULL::DATE AS active_day FROM range(400_000)",
    "transactions.parquet": """
        SELECT (13800000000 + hash(range) % 400_000)::VARCHAR AS customer_id, DATE '2025-01-01' + (hash(range + 7) % 600)::INT AS day,
            (hash(range + 9) % 50_000)::BIGINT AS amount_minor FROM range(2_000_000)""",
}


class Customer(NamedTuple):
    population: str
    active_day: date | None
    moved: list[tuple[date, int]]
    """Day and amount; below zero it was reversed."""


# Few days and amounts for many customers: heavy ties. Some have reversals only, or nothing.
DAYS = st.one_of(st.integers(0, 4), st.integers(0, 900)).map(lambda days: AS_OF - timedelta(days=days))
MOVED = st.lists(st.tuples(DAYS, st.sampled_from([-3000, -1, 0, 1000, 5000, 10**12])), max_size=8)
CUSTOMERS = st.lists(st.builds(Customer, st.sampled_from(["prepaid", "postpaid", "unknown"]), st.none() | DAYS, MOVED), min_size=1, max_size=40)


def some_customers(count: int) -> list[Customer]:
    dice = random.Random(count)
    return [
        Customer(
            dice.choice(["prepaid", "postpaid", "unknown"]),
            dice.choice([None, AS_OF - timedelta(days=dice.randint(0, 60))]),
            [
                (AS_OF - timedelta(days=dice.choice([1, 90, dice.randint(0, 4000)])), dice.choice([-500, 1000, dice.randint(1, 10**6)]))
                for _ in range(dice.randint(0, 9))
            ],
        )
        for _ in range(count)
    ]


def by_hand(customers: Sequence[Customer]) -> dict[str, tuple[Any, ...]]:
    """Everybody's percent ranks, by counting who is worse."""
    bought = {f"c-{number}": (one.population, purchases_of(one)) for number, one in enumerate(customers) if any(minor >= 0 for _, minor in one.moved)}
    found = {}
    for name, (population, mine) in bought.items():
        others = [theirs for among, theirs in bought.values() if among == population]
        worse = [sum(other[measure] < mine[measure] for other in others) for measure in range(3)]
        found[name] = (population, *mine[:3], *(1 + 5 * count // len(others) for count in worse))
    return found


def purchases_of(customer: Customer) -> Purchases:
    days = {day for day, minor in customer.moved if minor >= 0}
    return Purchases(max(days | {customer.active_day or date.min}), len(days), sum(minor for _, minor in customer.moved))


def store(folder: Path, customers: Sequence[Customer]) -> None:
    names = [f"c-{number}" for number in range(len(customers))]
    moved = [(name, day, minor) for name, one in zip(names, customers, strict=True) for day, minor in one.moved]
    by_day: dict[tuple[str, date], list[int]] = defaultdict(list)
    for name, day, minor in moved:
        by_day[name, day].append(minor)
    days = [(name, day, sum(minor >= 0 for minor in amounts), sum(amounts)) for (name, day), amounts in by_day.items()]
    write(folder / engines.CUSTOMERS, expression.CUSTOMERS, ((name, one.population, one.active_day) for name, one in zip(names, customers, strict=True)))
    write(folder / engines.PURCHASE_DAYS, expression.PURCHASE_DAYS, days)
    write(folder / "transactions.parquet", expression.TRANSACTIONS, moved)


def write(path: Path, schema: Any, rows: Iterable[tuple[Any, ...]]) -> None:
    dictionaries = [dict(zip(schema.names, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(dictionaries, schema=schema.to_pyarrow()), path)


def run_on_both_inputs(engine: engines.Engine, folder: Path) -> None:
    """Results of days in `folder`/days, of transactions in `folder`/transactions."""
    for name in ("days", "transactions"):
        (folder / name).mkdir(exist_ok=True)
    engines.run(engine, source=str(folder), target=str(folder / "days"), as_of=AS_OF)
    customers = engine.read(str(folder / engines.CUSTOMERS), "payers", expression.CUSTOMERS)
    transactions = engine.read(str(folder / "transactions.parquet"), "transactions", expression.TRANSACTIONS)
    engine.write(expression.purchases_of_transactions(customers, transactions), str(folder / "transactions" / "purchases.parquet"))


def small_duckdb(folder: Path) -> AbstractContextManager[engines.Engine]:
    return engines.duckdb_engine(memory_limit="512MB", threads=1, temp_folder=folder)


def rows(path: Path, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """In order, with the types of their columns first."""
    table = pq.read_table(path).select(names)
    return [tuple(map(str, table.schema.types)), *sorted(tuple(row.values()) for row in table.to_pylist())]


def assert_right(folder: Path, customers: Sequence[Customer]) -> None:
    """Purchases and scores are those counted by hand, the points those of the service's own rule."""
    expected = by_hand(customers)
    found = {row[0]: row[1:] for row in rows(folder / "days" / engines.SCORES, NAMES)[1:]}
    assert found == expected
    assert rows(folder / "transactions" / "purchases.parquet", NAMES[:5]) == rows(folder / "days" / engines.SCORES, NAMES[:5])
    if not expected:
        return
    points = command.found(folder / "days").points
    assert points == {population: points_by_rule(population, expected.values()) for population in {row[0] for row in expected.values()}}
    for population, last_day, frequency, minor, *scores in expected.values():
        assert list(score(Purchases(last_day, frequency, minor), CutPoints.of(points[population]), as_of=AS_OF)) == scores


def points_by_rule(population: str, customers: Iterable[tuple[Any, ...]]) -> dict[str, list[int]]:
    among = [row for row in customers if row[0] == population]
    found = {}
    for measure, values in zip("rfm", list(zip(*among, strict=True))[1:4], strict=True):
        cut = Cut(len(among))
        for value in sorted(set(values)):
            cut.add((AS_OF - value).days if measure == "r" else value, values.count(value))
        found[measure] = list(cut.points)
    return found


@how(max_examples=20, deadline=None)
@given(CUSTOMERS)
@example([Customer("prepaid", None, [(AS_OF - timedelta(days=number), 1000 * number)] * number) for number in range(1, 6)])
@example(some_customers(60))
def test_duckdb_agrees_with_counting_by_hand_and_with_the_stream(customers: list[Customer]) -> None:
    """S1: heavy ties, several populations, reversals, use after the last payment; from days and from transactions alike."""
    with TemporaryDirectory() as folder, small_duckdb(Path(folder)) as engine:
        store(Path(folder), customers)
        run_on_both_inputs(engine, Path(folder))
        assert_right(Path(folder), customers)


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_spark_agrees_with_duckdb_to_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: the same expression, the same purchases, scores and points, in the same types."""
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    customers = some_customers(800)
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
        store(tmp_path / name, customers)
    with small_duckdb(tmp_path) as engine:
        run_on_both_inputs(engine, tmp_path / "one")
    with engines.spark_engine("local[2]", QUICK_SPARK | {"spark.local.dir": str(tmp_path)}) as engine:
        run_on_both_inputs(engine, tmp_path / "many")
    assert_right(tmp_path / "one", customers)
    for file, names in ((f"days/{engines.SCORES}", NAMES), (f"days/{engines.CUTS}", CUT_NAMES), ("transactions/purchases.parquet", NAMES[:5])):
        assert rows(tmp_path / "many" / file, names) == rows(tmp_path / "one" / file, names)


def test_what_memory_does_not_hold_goes_to_disk(tmp_path: Path) -> None:
    """P3: two million transactions in 64 MB: with nowhere to put the rest it can not be done, with a folder it is, and rightly."""
    with duckdb.connect() as connection:
        for file, query in MANY.items():
            connection.sql(query).write_parquet(str(tmp_path / file))
    with pytest.raises(duckdb.Error):
        score_transactions(tmp_path, memory_limit="64MB", temp_folder=tmp_path / engines.CUSTOMERS / "no-folder")
    score_transactions(tmp_path, memory_limit="64MB", temp_folder=tmp_path)
    with duckdb.connect() as connection:
        transactions, found = (connection.read_parquet(str(tmp_path / file)) for file in ("transactions.parquet", engines.SCORES))
        expected = transactions.aggregate("count(DISTINCT customer_id), count(DISTINCT (customer_id, day)), sum(amount_minor)").fetchall()
        assert found.aggregate("count(*), sum(frequency), sum(monetary_minor)").fetchall() == expected
        assert found.aggregate("list(DISTINCT r ORDER BY r), list(DISTINCT m ORDER BY m)").fetchall() == [([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])]


def score_transactions(folder: Path, *, memory_limit: str, temp_folder: Path) -> None:
    with engines.duckdb_engine(memory_limit=memory_limit, threads=2, temp_folder=temp_folder) as engine:
        customers = engine.read(str(folder / engines.CUSTOMERS), "customers", expression.CUSTOMERS)
        transactions = engine.read(str(folder / "transactions.parquet"), "transactions", expression.TRANSACTIONS)
        engines.score(engine, expression.purchases_of_transactions(customers, transactions), target=str(folder), as_of=AS_OF)


def test_without_pyspark_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: Spark is not installed with the service."""
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with pytest.raises(engines.NoSpark, match="pip install pyspark"), engines.spark_engine("local[1]"):
        pass


async def test_its_points_become_a_re_cut_that_scores_everybody_alike(segmentation: ServiceUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S1, P3: out of the database, through the engine and back, by the commands; then the worker's own steps."""
    dice = random.Random(7)
    told = [activity(f"c-{number:03d}", *some_money(dice), profile=profile(dice.choice(["prepaid", "postpaid"]))) for number in range(150)]
    await segmentation.send(*told)
    set_environment(monkeypatch, segmentation.settings)
    as_of = days_ago(0).date()
    for arguments in (["export", "--to", str(tmp_path)], ["run", "--from", str(tmp_path), "--as-of", as_of.isoformat()], ["apply", "--from", str(tmp_path)]):
        await asyncio.to_thread(call, arguments, monkeypatch)
    assert await step(segmentation), "everybody is still to be scored"
    while await step(segmentation):
        pass
    stored = await segmentation.rows(sa.select(*(RFM.c[name] for name in NAMES)).order_by(RFM.c.customer_id))
    found = rows(tmp_path / engines.SCORES, NAMES)[1:]
    assert [tuple(row) for row in stored] == [(*row[:2], row[2].isoformat(), *row[3:]) for row in found]
    assert {row.cut_version for row in await segmentation.rows(sa.select(RFM.c.cut_version))} == {1}


def some_money(dice: random.Random) -> list[Any]:
    return [
        dice.choice([paid, paid, reversed_])(dice.choice([1000, dice.randint(1, 10**6)]), at=days_ago(dice.randint(0, 300))) for _ in range(dice.randint(1, 6))
    ]


def set_environment(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("HOLDFAST_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("HOLDFAST_DATABASE", settings.database)


def call(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["full_pass", *arguments])
    command.main()


async def step(segmentation: ServiceUnderTest) -> bool:
    async with segmentation.database.transaction() as tx:
        return await recut.carry_on(tx)
