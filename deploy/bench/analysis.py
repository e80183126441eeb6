"""python -m deploy.bench.analysis [--customers N]: business analysis asked of cubes as large as that many customers leave them.

The cubes are filled from one flat row per customer: skewed dimensions, five years of months, ten of activations and endings. Each
subject is then asked through the HTTP application, as people ask it and at its widest, beside what one such question costs when it
is counted from the customers' rows; then what it takes to keep the cubes while customers change, and to count them again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import perf_counter, process_time
from typing import Any

import asyncpg
import httpx

from deploy.bench import place, report
from deploy.bench.loop import Took
from deploy.bench.place import Place
from deploy.bench.processes import Processes, cpu_seconds, processes
from services.segmentation import api
from services.segmentation.analysis import Counted, snapshot_of
from services.segmentation.analysis.cells import ASPECTS, DIMENSIONS, FLOWS, MEASURED, STOCK
from services.segmentation.analysis.subjects import SUBJECT_NAMES
from services.segmentation.features import Features
from services.segmentation.features.months import MEASURES_KEPT, Month
from services.segmentation.repository import customers, standings
from services.segmentation.use_cases import analysis
from services.segmentation.words import CATEGORIES, GRADES, SEGMENTS, STAGES, STATUS_GROUPS
from shared import clock, telemetry
from shared.database import Database

SERVICE = "segmentation"
CUSTOMERS = 1_000_000
MONTHS_OF_MEASURES, MONTHS_OF_FLOWS = 60, 120
TIMES = 20
CHANGED, BATCH = 2_000, 500
CAUSES = ("silent", "usage_fall", "complaint_overdue", "contract_ending", "arrears", "port_out_inquiry")
LONGEST_STATEMENT_SECONDS = 600

say = partial(print, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Analysed:
    customers: int
    cells: Mapping[str, int]
    asked: Mapping[str, Took]
    cpu_ms: Mapping[str, float]
    """Of one answer, by the application and the database: what it takes where nothing else runs, or less."""
    rows: Mapping[str, int]
    scratch_seconds: float
    """The same sums of one month, by the same two dimensions, from one row per customer."""
    apply_us: float
    """Per changed customer, with the commit."""
    recount_rate: float
    """Customers per second."""
    compare_seconds: float
    """The recount's last step."""


async def measure(where: Place, started: Processes, count: int) -> Analysed:
    telemetry.configure(where.settings, service=SERVICE, role="bench")
    started.run("services", "migrate", SERVICE)
    connection = await asyncpg.connect(where.settings.database.replace("{service}", SERVICE), command_timeout=LONGEST_STATEMENT_SECONDS)
    try:
        say(f"Filling the cubes of {count:,} customers")
        cells = await _fill(connection, count)
        scratch = await _from_scratch(connection)
        await connection.execute("DROP TABLE everybody")
    finally:
        await connection.close()
    asked, cpu_ms, rows = await _ask(where)
    database = Database(where.settings.database_url(SERVICE))
    try:
        apply_us = await _keep(database)
        recount_rate, compare_seconds = await _count_again(database)
    finally:
        await database.close()
    return Analysed(count, cells, asked, cpu_ms, rows, scratch, apply_us, recount_rate, compare_seconds)


async def _fill(connection: asyncpg.Connection, count: int) -> dict[str, int]:
    this_month = clock.month_of(clock.now())
    await connection.execute("SELECT setseed(0.5)")
    await connection.execute(_EVERYBODY.format(count=count, this=f"{this_month}-01", months=MONTHS_OF_FLOWS))
    place_of, of_sums = ", ".join(DIMENSIONS), ", ".join(f"(n * {1 + 7 * index} * amount)::bigint" for index in range(len(MEASURED)))
    stock = ", ".join(f"sum({name})::bigint AS {name}" for name in STOCK)
    await connection.execute(f"CREATE TEMP TABLE places AS SELECT {place_of}, count(*) AS n, avg(amount) AS amount FROM everybody GROUP BY {place_of}")
    await connection.execute(f"CREATE TEMP TABLE stocks AS SELECT {place_of}, cause, {stock} FROM everybody GROUP BY {place_of}, cause")
    for back in range(MONTHS_OF_MEASURES):
        month, part = clock.months_before(this_month, back), "held" if back < 13 else "settled"
        await connection.execute(f"INSERT INTO month_cells SELECT '{month}', {place_of}, '{part}', {of_sums} FROM places")
        await connection.execute(f"INSERT INTO stock_months SELECT '{month}', {place_of}, {stock} FROM stocks GROUP BY {place_of}")
    gained = ", ".join("n" if name in {"activations", "customers_gained"} else "0" for name in FLOWS)
    lost = ", ".join("n" if name in {"terminations", "port_outs", "customers_lost", "customers_ported_out"} else "0" for name in FLOWS)
    added = ", ".join(f"{name} = flow_cells.{name} + excluded.{name}" for name in FLOWS)
    for month, sums, there in (("joined", gained, ""), ("ended", lost, "WHERE ended IS NOT NULL")):
        await connection.execute(
            f"INSERT INTO flow_cells SELECT {month}, {place_of}, 'held', {sums} FROM "
            f"(SELECT {month}, {place_of}, count(*) AS n FROM everybody {there} GROUP BY {month}, {place_of}) AS counted "
            f"ON CONFLICT (month, {place_of}, part) DO UPDATE SET {added}"
        )
    await connection.execute(f"INSERT INTO stock_cells SELECT {place_of}, cause, 'held', {', '.join(STOCK)} FROM stocks")
    for aspect, values in zip(ASPECTS, (STATUS_GROUPS, STAGES, CATEGORIES, SEGMENTS, ("none", *GRADES)), strict=True):
        for value in values:
            await connection.execute(f"INSERT INTO aspect_cells SELECT '{aspect}', '{value}', {place_of}, 'held', 1 + n / {len(values)} FROM places")
    for day in _recorded_days():
        await connection.execute(f"INSERT INTO stock_days SELECT '{day}', brand, region, tier, cause, {stock} FROM stocks GROUP BY brand, region, tier, cause")
    await connection.execute("VACUUM ANALYZE")
    tables = ("month_cells", "flow_cells", "stock_cells", "aspect_cells", "stock_days", "stock_months")
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


_EVERYBODY = """
CREATE TABLE everybody AS
SELECT
    brand, region, tier, channel, payment_type, key_account, joined, ended, cause, amount,
    here AS customers, here AS live_subscriptions, here * at_risk AS at_risk, here * amount AS value_minor, here * 2 * amount AS future_value_minor,
    here * amount / 10 AS revenue_at_risk_minor, amount / 20 AS owed_minor
FROM (
    SELECT
        brand, region, tier, channel, key_account, amount, at_risk, (ended IS NULL)::int AS here,
        to_char('{this}'::date - make_interval(months => joined), 'YYYY-MM') AS joined,
        to_char('{this}'::date - make_interval(months => ended), 'YYYY-MM') AS ended,
        CASE WHEN brand = 'gotone' THEN 'postpaid' WHEN prepaid < 0.9 THEN 'prepaid' ELSE 'postpaid' END AS payment_type,
        CASE WHEN at_risk = 1 THEN cause ELSE 'none' END AS cause
    FROM (
        SELECT
            (ARRAY['gotone', 'easyown', 'm-zone'])[1 + floor(3 * power(random(), 1.4))::int] AS brand,
            'region-' || floor(30 * power(random(), 1.6))::int AS region,
            (ARRAY['lead', 'iron', 'gold', 'platinum'])[1 + floor(4 * power(random(), 2))::int] AS tier,
            (ARRAY['shop', 'online', 'agent', 'partner', 'none'])[1 + floor(5 * power(random(), 1.5))::int] AS channel,
            CASE WHEN random() < 0.03 THEN 'yes' ELSE 'no' END AS key_account,
            (1000 + 20000 * random())::bigint AS amount,
            (random() < 0.12)::int AS at_risk,
            (ARRAY['silent', 'usage_fall', 'complaint_overdue', 'contract_ending', 'arrears', 'port_out_inquiry'])[1 + floor(6 * random())::int] AS cause,
            random() AS prepaid,
            floor({months} * power(random(), 1.3))::int AS joined,
            CASE WHEN random() < 0.15 THEN floor({months} * random() * random())::int END AS ended
        FROM generate_series(1, {count})
    ) AS drawn
) AS placed
"""


def _recorded_days() -> list[str]:
    today = clock.now().date()
    kept = [today - timedelta(days=back) for back in range(1, analysis.DAYS_KEPT)]
    return [day.isoformat() for day in (*kept, *(kept[-1] - timedelta(days=31 * back) for back in range(1, 12)))]


async def _from_scratch(connection: asyncpg.Connection) -> float:
    """The second time: the first reads from the disk."""
    sums = ", ".join(f"sum({name})" for name in (*STOCK, "amount"))
    for _ in range(2):
        began = perf_counter()
        await connection.fetch(f"SELECT region, channel, {sums} FROM everybody GROUP BY region, channel")
    return perf_counter() - began


def _questions() -> dict[str, tuple[str, dict[str, str]]]:
    this_month = clock.month_of(clock.now())
    first = clock.months_before(this_month, MONTHS_OF_MEASURES - 1)
    found = {f"{name}, 13 months by region": (f"/analysis/{name}", {"by": "region"}) for name in SUBJECT_NAMES}
    found |= {f"{name}, 13 months by region, channel": (f"/analysis/{name}", {"by": "region,channel"}) for name in ("user", "revenue", "decision")}
    found |= {f"{name}, widest": (f"/analysis/{name}", {"by": "region,channel", "from": first}) for name in SUBJECT_NAMES}
    days = {"from": (clock.now().date() - timedelta(days=analysis.DAYS_KEPT)).isoformat()}
    found |= {f"revenue at risk by {by}, {analysis.DAYS_KEPT} days": ("/analysis/revenue-at-risk", {"by": by} | days) for by in ("cause", "region")}
    found["standing by segment and region"] = ("/analysis/standing", {"of": "segment", "by": "region"})
    found |= {f"revenue, widest, {kind}": ("/analysis/revenue", {"by": "region,channel", "from": first, "format": kind}) for kind in ("csv", "parquet")}
    return found


async def _ask(where: Place) -> tuple[dict[str, Took], dict[str, float], dict[str, int]]:
    asked, cpu_ms, rows = dict[str, Took](), dict[str, float](), dict[str, int]()
    app = api.app(where.settings)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bench") as client:
        for name, (path, query) in _questions().items():
            say(f"Asking for {name}")
            rows[name] = len((await client.get(path, params=query | {"format": "json"})).json()["rows"])
            before = _cpu(where)
            asked[name] = Took.of([await _once(client, path, query) for _ in range(TIMES)], failed=0)
            cpu_ms[name] = (_cpu(where) - before) / TIMES * 1e3
    return asked, cpu_ms, rows


def _cpu(where: Place) -> float:
    return process_time() + sum(map(cpu_seconds, where.servers["postgres"]))


async def _once(client: httpx.AsyncClient, path: str, query: Mapping[str, str]) -> float:
    began = perf_counter()
    (await client.get(path, params=query)).raise_for_status()
    return perf_counter() - began


async def _keep(database: Database) -> float:
    """Microseconds per customer whose newest month and value change."""
    dice, now = random.Random(1), clock.now()
    everybody = [_customer(dice, number) for number in range(CHANGED)]
    async with database.transaction() as tx:
        await customers.save_features(tx, [features for features, _ in everybody], now)
        await standings.save(tx, [stands for _, stands in everybody])
        await analysis.apply(tx, [(None, snapshot_of(features, stands, "loyal")) for features, stands in everybody])
    batches = [[_changed(*one) for one in everybody[first : first + BATCH]] for first in range(0, CHANGED, BATCH)]
    began = perf_counter()
    for batch in batches:
        async with database.transaction() as tx:
            await analysis.apply(tx, batch)
    return (perf_counter() - began) / CHANGED * 1e6


def _customer(dice: random.Random, number: int) -> tuple[Features, dict[str, Any]]:
    """Thirteen months of forty measures, at a place that the cubes have."""
    this_month, measures = clock.month_of(clock.now()), sorted(MEASURES_KEPT)[:40]
    months: dict[str, Month] = {clock.months_before(this_month, back): {name: dice.randint(1, 10**6) for name in measures} for back in range(13)}
    subscription = {
        "subscription_id": f"S-{number}",
        "brand": "gotone",
        "payment_type": "postpaid",
        "activated_on": "2024-05-05",
        "terminated_on": None,
        "reason": None,
    }
    holding = {"region": f"region-{dice.randrange(30)}", "acquisition_channel": dice.choice(["shop", "online", "agent"]), "subscriptions": [subscription]}
    features = Features(f"C-{number:05d}", brand="gotone", payment_type="postpaid", months=months, holding=holding)
    return features, _standing(features.customer_id, dice.choice(["lead", "iron", "gold"]), dice.randint(1, 10**6))


def _standing(customer_id: str, tier: str, value_minor: int) -> dict[str, Any]:
    return {
        "customer_id": customer_id, "as_of": "2026-01-01", "value_minor": value_minor, "value_terms": [], "future_value_minor": value_minor, "tier": tier,
        "tier_reason": "", "grade": None, "star": 1, "category": "other", "lifecycle": "mature", "lifecycle_since": "", "lifecycle_reason": "",
        "status_group": "stable", "churn_probability": 0.1, "churn_cause": "none", "revenue_at_risk_minor": value_minor // 10, "cluster": None, "owed_minor": 0,
        "overdue_days": 0, "dunning_level": 0, "bad_debt_risk": 0.0, "bad_debt_points": {}, "left_on": None, "parameter_version": 0, "stale_feeds": [],
        "published": 1, "assessed_at": clock.now(),
    }  # fmt: skip


def _changed(features: Features, stands: Mapping[str, Any]) -> tuple[Counted | None, Counted | None]:
    before = snapshot_of(features, stands, "loyal")
    month = max(features.months)
    features.months = features.months | {month: {**features.months[month], "paid_minor": 7}}
    return before, snapshot_of(features, {**stands, "value_minor": 7}, "loyal")


async def _count_again(database: Database) -> tuple[float, float]:
    """Customers per second of the pages, and seconds of the last step."""
    async with database.transaction() as tx:
        await analysis.ask_recount(tx, "verify")
    began, steps = perf_counter(), list[float]()
    more = True
    while more:
        before = perf_counter()
        async with database.transaction() as tx:
            more = await analysis.carry_on_recount(tx)
        steps.append(perf_counter() - before)
    return CHANGED / (perf_counter() - began - steps[-1]), steps[-1]


def text(found: Analysed, about: Mapping[str, Any]) -> str:
    minutes = found.customers / found.recount_rate / 60
    lines = [", ".join(f"{name} {value}" for name, value in about.items()), "", f"Business analysis over {found.customers:,} customers"]
    lines += ["  cells: " + ", ".join(f"{name} {count:,}" for name, count in found.cells.items())]
    lines += [f"\n  {'milliseconds':44}{'p50':>8}{'p99':>8}{'CPU':>8}{'rows':>8}{'of counting one month anew':>29}"]
    for name, took in found.asked.items():
        lines.append(
            f"  {name:44}{took.p50:>8.0f}{took.p99:>8.0f}{found.cpu_ms[name]:>8.0f}{found.rows[name]:>8,}{took.p50 / 1e3 / found.scratch_seconds:>28.2f}x"
        )
    return "\n".join([
        *lines,
        f"\n  one month from one row per customer, GROUP BY region, channel: {found.scratch_seconds * 1e3:,.0f} ms",
        f"  keeping the cubes: {found.apply_us:,.0f} us per changed customer, in batches of {BATCH}, with the commit",
        f"  counting again: {found.recount_rate:,.0f} customers/s, {minutes:,.0f} min for all; its last step {found.compare_seconds:.1f} s",
    ])  # fmt: skip


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    return parser.parse_args(given)


async def run(arguments: argparse.Namespace) -> None:
    about = report.machine()
    async with place.fresh("stack") as fresh:
        with processes(fresh.environment, fresh.log) as started:
            print(text(await measure(fresh, started, arguments.customers), about))


if __name__ == "__main__":
    asyncio.run(run(_arguments(None)))
