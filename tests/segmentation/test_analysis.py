"""S15, S16: business analysis over HTTP and both databases: the cubes kept, asked, recorded and counted again."""

from __future__ import annotations

import asyncio
import csv
import io
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from services.segmentation.analysis import snapshot_of
from services.segmentation.analysis.cells import COUNTING, CUBES
from services.segmentation.analysis.counting import Counted, Deltas
from services.segmentation.features import Features
from services.segmentation.repository import customers, standings
from services.segmentation.routes.analysis import ROUTER
from services.segmentation.tables import METADATA, RFM
from services.segmentation.tables.analysis import CELLS, STOCK_DAYS, STOCK_MONTHS
from services.segmentation.use_cases import analysis
from shared import clock
from shared.contracts.customer import Activity
from shared.database import Database, Transaction
from shared.settings import Settings
from shared.web import create_app
from tests.databases import empty
from tests.documented import documented
from tests.segmentation.standings import standing

Document = dict[str, Any]

NOW = datetime.now(UTC)
THIS = clock.month_of(NOW)
LAST, BEFORE_LAST = clock.months_before(THIS, 1), clock.months_before(THIS, 2)
LONG_AGO = clock.months_before(THIS, 30)


@dataclass
class Person:
    """One customer's rows."""

    features: Features
    stands: Document | None = None
    segment: str | None = None

    def counted(self) -> Counted | None:
        return snapshot_of(self.features, self.stands, self.segment)


@dataclass
class Desk:
    """The analysis of customers whose rows are written here, as the stream does it."""

    database: Database
    http: httpx.AsyncClient
    people: dict[str, Person] = field(default_factory=dict)

    async def change(self, *names: str, tx: Transaction | None = None, **changes: Any) -> None:
        """Activity for each of them, and whatever else is said of their standing."""
        if tx is None:
            async with self.database.transaction() as opened:
                return await self.change(*names, tx=opened, **changes)
        told = {name: changes.pop(name) for name in ("months", "profile", "resets", "merged_into", "erased") if name in changes}
        segment = changes.pop("segment", None)
        pairs = []
        for name in names:
            person = self.people.setdefault(name, Person(Features(name)))
            before = person.counted()
            person.features.take_in(Activity.model_validate_json(orjson.dumps(told)), person.features.last_sequence + 1)
            if not person.features.is_gone:
                person.stands = (person.stands or standing(customer_id=name)) | changes
                person.segment = segment or person.segment
            pairs.append((before, person.counted()))
        await self.write(tx, names)
        await analysis.apply(tx, pairs)
        return None

    async def write(self, tx: Transaction, names: Sequence[str]) -> None:
        await customers.save_features(tx, [self.people[name].features for name in names], NOW)
        await standings.drop(tx, names)
        await standings.save(tx, [stands for name in names if (stands := self.people[name].stands) and not self.people[name].features.is_gone])
        await tx.execute(RFM.delete().where(RFM.c.customer_id.in_(names)))
        scored = [name for name in names if self.people[name].segment and not self.people[name].features.is_gone]
        if scored:
            await tx.execute(RFM.insert(), [rfm(name, self.people[name].segment) for name in scored])

    async def step(self, *, page: int = analysis.PAGE) -> bool:
        async with self.database.transaction() as tx:
            return await analysis.carry_on_recount(tx, page=page)

    async def ask_recount(self, purpose: str) -> None:
        answer = await self.http.post(f"/analysis/{purpose}", headers={"Idempotency-Key": f"{purpose}-{random.random()}"})
        assert answer.status_code == 202, answer.text

    async def verdict(self) -> Document:
        while await self.step():
            pass
        found: Document = (await self.http.get("/analysis/verify")).json()
        assert found["state"] == "finished"
        return found

    async def get(self, path: str, **query: Any) -> Document:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found: Document = answer.json()
        return found

    async def rows(self, statement: Any) -> Sequence[sa.Row[Any]]:
        async with self.database.reading() as connection:
            return (await connection.execute(statement)).all()


def rfm(name: str, segment: str | None) -> Document:
    scores = {"population": "postpaid", "last_day": "2026-01-01", "frequency": 1, "monetary_minor": 1, "as_of": "2026-01-01", "r": 1, "f": 1, "m": 1}
    return {"customer_id": name, **scores, "segment": segment, "cut_version": 0, "published": 1, "scored_at": NOW}


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Desk]:
    app = create_app(service="segmentation", settings=settings, routers=(ROUTER,), description="Business analysis alone")
    async with app.router.lifespan_context(app):
        database: Database = app.state.database
        async with database.transaction() as tx:
            await tx.run_sync(METADATA.create_all)
        transport, checks = httpx.ASGITransport(app=app, raise_app_exceptions=False), {"response": [documented("segmentation", app)]}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", event_hooks=checks) as http:
            yield Desk(database, http)


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """Embedded, and on PostgreSQL."""
    await empty(settings, "segmentation")
    async with opened(settings) as found:
        yield found


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Desk]:
    """Embedded, for what no database can do differently."""
    async with opened(Settings(data_dir=tmp_path, log_level="error")) as found:
        yield found


def holds(since: str, until: str | None = None, *, brand: str = "gotone", reason: str = "port_out", **profile: Any) -> Document:
    one = {"subscription_id": "S-1", "brand": brand, "payment_type": "postpaid", "activated_at": f"{since}-05T09:00:00Z"}
    if until:
        one |= {"terminated_at": f"{until}-20T09:00:00Z", "termination_reason": reason}
    return {"region": "east", "acquisition_channel": "shop"} | profile | {"subscriptions": [one]}


async def random_change(desk: Desk, dice: random.Random, names: Sequence[str], tx: Transaction | None = None) -> None:
    """Of a kind that one of them would know: money, places, standings, and the ends of customers."""
    kinds: list[Document] = [
        {"months": {dice.choice([THIS, LAST, LONG_AGO]): {"paid_minor": dice.randint(1, 99), "payments": 1}}},
        {"profile": holds(LONG_AGO, dice.choice([None, THIS]), brand=dice.choice(["gotone", "m-zone"]), region=dice.choice(["east", "west"]))},
        {"tier": dice.choice(["gold", "lead"]), "value_minor": dice.randint(-9, 9), "revenue_at_risk_minor": dice.randint(0, 9), "segment": "loyal"},
        {"churn_cause": dice.choice(["none", "silent"]), "status_group": dice.choice(["stable", "warning"])},
        {"resets": True, "merged_into": "c-00"},
        {"resets": True, "erased": True},
        {"resets": True, "profile": holds(LAST)},
    ]
    await desk.change(*names, tx=tx, **dice.choices(kinds, [6, 6, 4, 3, 1, 1, 1])[0])


def from_nothing(desk: Desk) -> dict[str, list[Document]]:
    deltas = Deltas()
    for person in desk.people.values():
        deltas.change(None, person.counted())
    return {cube.name: deltas.rows(cube) for cube in CUBES}


async def stored(desk: Desk) -> dict[str, list[Document]]:
    found = {}
    for cube in CUBES:
        table = CELLS[cube.name]
        rows = await desk.rows(sa.select(table).where(sa.or_(*(table.c[name] != 0 for name in cube.measures)), table.c.part != "settled"))
        found[cube.name] = sorted((dict(row._mapping) for row in rows), key=lambda row: [row[name] for name in cube.keys])
    return found


async def test_the_stored_cubes_follow_any_changes(desk: Desk) -> None:
    """S16: a hundred batches of random changes leave what counting everybody from nothing gives, and a verification says so."""
    dice = random.Random(7)
    names = [f"c-{number:02d}" for number in range(20)]
    for _ in range(100):
        await random_change(desk, dice, dice.sample(names, dice.randint(1, 6)))
    assert await stored(desk) == from_nothing(desk)
    await desk.ask_recount("verify")
    found = await desk.verdict()
    assert (found["agrees"], found["differing"], found["differences"], found["customers"]) == (True, 0, [], len(desk.people))
    assert await stored(desk) == from_nothing(desk)


async def test_a_recount_that_changes_come_between_agrees(desk: Desk) -> None:
    """S16: who is changed behind it, ahead of it, or new on either side, is counted once."""
    dice = random.Random(3)
    await desk.change(*(f"c-{number:02d}" for number in range(1, 20, 2)), profile=holds(LONG_AGO), months={THIS: {"paid_minor": 5}})
    await desk.ask_recount("verify")
    pages, asked = 0, [("/analysis/revenue", {}), ("/analysis/user", {}), ("/analysis/revenue-at-risk", {}), ("/analysis/standing", {"of": "lifecycle"})]
    before = [await desk.get(path, **query) for path, query in asked]
    while await desk.step(page=2):
        if not pages:
            assert [await desk.get(path, **query) for path, query in asked] == before
        pages += 1
        async with desk.database.transaction() as tx:
            for name in {f"c-{dice.randint(0, 20):02d}" for _ in range(6)}:
                await random_change(desk, dice, [name], tx)
    assert pages > 5
    found = await desk.verdict()
    assert (found["agrees"], found["differences"]) == (True, [])
    assert await stored(desk) == from_nothing(desk)


async def test_changes_that_cancel_each_other_out_are_not_none(small: Desk) -> None:
    """S16: two customers change places in one batch while the recount has met one of them: the sums stay, what was counted does not."""
    await small.change("c-1", profile=holds(LONG_AGO), tier="gold")
    await small.change("c-2", profile=holds(LONG_AGO), tier="lead")
    await small.ask_recount("verify")
    assert await small.step(page=1)
    first, second = small.people["c-1"], small.people["c-2"]
    before = first.counted(), second.counted()
    first.stands, second.stands = standing(customer_id="c-1", tier="lead"), standing(customer_id="c-2", tier="gold")
    async with small.database.transaction() as tx:
        await small.write(tx, ["c-1", "c-2"])
        await analysis.apply(tx, [(before[0], first.counted()), (before[1], second.counted())])
    assert (await small.verdict())["agrees"]


async def test_a_step_waits_for_a_change_that_is_not_committed(desk: Desk) -> None:
    """S16: it could not see the customer's rows yet, and the change could not see that the step passed them."""
    await desk.change("c-1", profile=holds(LONG_AGO))
    await desk.ask_recount("verify")
    async with desk.database.transaction() as tx:
        await desk.change("c-0", tx=tx, profile=holds(LAST), months={THIS: {"paid_minor": 5}})
        step = asyncio.create_task(desk.step())
        assert not (await asyncio.wait({step}, timeout=0.3))[0]
    assert await step
    assert (await desk.verdict())["agrees"]


async def test_a_difference_is_found_shown_and_mended(desk: Desk) -> None:
    """S16: planted in three cubes; the verification tells which cells by how much and changes nothing, the recount puts it right."""
    await desk.change("c-1", "c-2", profile=holds(LONG_AGO), months={THIS: {"paid_minor": 5}}, tier="gold", owed_minor=7)
    right = await stored(desk)
    async with desk.database.transaction() as tx:
        await tx.execute(sa.update(CELLS["month_cells"]).values(paid_minor=11))
        await tx.execute(CELLS["flow_cells"].delete())
        await tx.execute(CELLS["aspect_cells"].insert(), [dict(right["aspect_cells"][0], value="new")])
    await desk.ask_recount("verify")
    assert (await desk.http.post("/analysis/recount", headers={"Idempotency-Key": "too-soon"})).json()["code"] == "conflict"
    found = await desk.verdict()
    place = {"brand": "gotone", "region": "east", "tier": "gold", "channel": "shop", "payment_type": "postpaid", "key_account": "no"}
    assert (found["agrees"], found["differing"]) == (False, 3)
    assert found["differences"][0] == {"cube": "month_cells", "cell": {"month": THIS} | place, "sums": {"paid_minor": {"held": 11, "counted": 10}}}
    assert found["differences"][1]["sums"] == {name: {"held": 0, "counted": 2} for name in ("activations", "customers_gained")}
    assert found["differences"][2]["cell"]["value"] == "new"
    assert await stored(desk) != right
    await desk.ask_recount("recount")
    assert (await desk.verdict())["differing"] == 3
    assert await stored(desk) == right
    assert not [row for rows in (await stored(desk)).values() for row in rows if row["part"] == COUNTING]


@pytest.fixture
async def five(desk: Desk) -> Desk:
    """Two in the east and two in the west, one of whom left last month; one more without a region."""
    await desk.change(
        "e-1", "e-2", profile=holds(LONG_AGO), months={LAST: {"billed_minor": 300, "usage_days": 9}, THIS: {"billed_minor": 50}}, tier="gold", **risk(40)
    )
    await desk.change(
        "w-1", profile=holds(LAST, region="west"), months={LAST: {"topped_up_minor": 90, "top_ups": 1}}, tier="lead", grade="2A", **risk(4, "silent")
    )
    await desk.change(
        "w-2", profile=holds(LONG_AGO, LAST, region="west", brand="m-zone"), months={BEFORE_LAST: {"billed_minor": 20}}, tier="lead", status_group="off_net"
    )
    await desk.change("n-1", profile=holds(BEFORE_LAST, region=None), tier="iron", segment="new", **risk(6))
    return desk


def risk(minor: int, cause: str = "none") -> Document:
    return {"revenue_at_risk_minor": minor, "future_value_minor": 100, "churn_cause": cause, "status_group": "stable" if cause == "none" else "warning"}


async def test_a_subject_by_a_dimension_over_months(five: Desk) -> None:
    """S16: revenue by region, worked out by hand from the five customers; months without anything are there too."""
    found = await five.get("/analysis/revenue", **{"from": BEFORE_LAST, "to": LAST, "by": "region"})
    shown = [(row["region"], row["period"], row["billed_minor"], row["revenue_minor"], row["arpu_minor"]) for row in found["rows"]]
    assert shown == [
        ("east", BEFORE_LAST, 0, 0, 0.0), ("east", LAST, 600, 600, 300.0), ("none", BEFORE_LAST, 0, 0, 0.0), ("none", LAST, 0, 0, 0.0),
        ("west", BEFORE_LAST, 20, 20, 20.0), ("west", LAST, 0, 90, 90.0),
    ]  # fmt: skip
    assert (found["since"], found["until"], found["by"], found["grain"]) == (BEFORE_LAST, LAST, ["region"], "month")


async def test_who_was_there_is_counted_back_from_now(five: Desk) -> None:
    """S16: also in months that end before customers came or left, and with a filter on what they are now."""
    found = await five.get("/analysis/user", **{"from": BEFORE_LAST, "to": THIS})
    assert [(row["customers"], row["customers_gained"], row["customers_lost"], row["churn_rate"]) for row in found["rows"]] == [
        (4, 1, 0, 0.0), (4, 1, 1, 0.25), (4, 0, 0, 0.0)
    ]  # fmt: skip
    west = await five.get("/analysis/user", **{"from": LAST, "to": LAST, "region": ["west", "none"], "by": "brand,tier"})
    assert [(row["brand"], row["tier"], row["customers"], row["customers_lost"]) for row in west["rows"]] == [
        ("gotone", "iron", 1, 0), ("gotone", "lead", 1, 0), ("m-zone", "lead", 0, 1)
    ]  # fmt: skip


async def test_key_accounts_are_the_graded_ones_and_the_upper_tiers(five: Desk) -> None:
    """S16: and what is recorded is, for the month running, as it is now."""
    (row,) = (await five.get("/analysis/key_account", **{"from": THIS, "to": THIS}))["rows"]
    assert (row["customers"], row["revenue_minor"], row["at_risk"], row["revenue_at_risk_minor"]) == (3, 100, 1, 84)
    headline = (await five.get("/analysis/decision", **{"from": LAST, "to": THIS}))["rows"]
    assert [headline[1][f"customers_{tier}"] for tier in ("platinum", "gold", "iron", "lead")] == [0, 2, 1, 1]
    assert [row["revenue_at_risk_minor"] for row in headline] == [None, 90]
    assert headline[1]["revenue_at_risk_share"] == 0.225


async def test_periods_are_put_together(five: Desk) -> None:
    """S16: three months as quarters or years add up to the same, and every subject answers at every grain."""
    for subject in (await five.get("/analysis"))["subjects"]:
        for grain in ("month", "quarter", "year"):
            found = await five.get(f"/analysis/{subject['name']}", grain=grain, by="channel")
            assert sum(row["months"] for row in found["rows"]) == 13
            assert all(set(row) == {"period", "months", "channel", *(one["name"] for one in subject["measures"])} for row in found["rows"])
    year = await five.get("/analysis/revenue", **{"from": BEFORE_LAST, "grain": "year"})
    assert sum(row["billed_minor"] for row in year["rows"]) == 720


async def test_standing_counts_everybody_once(five: Desk) -> None:
    """S16: customers and prospects, also who left."""
    found = await five.get("/analysis/standing", of="status_group", by="region")
    assert [tuple(row.values()) for row in found["rows"]] == [("off_net", "west", 1), ("stable", "east", 2), ("stable", "none", 1), ("warning", "west", 1)]
    segments = await five.get("/analysis/standing", of="segment")
    assert {row["value"]: row["customers"] for row in segments["rows"]} == {"new": 1, "none": 4}


async def test_revenue_at_risk_has_its_trend(five: Desk) -> None:
    """S15: by cause and region, today as it is now behind the days that were recorded; recording a day twice is once."""
    yesterday = NOW.date() - timedelta(days=1)
    for _ in range(2):
        async with five.database.transaction() as tx:
            await analysis.snapshot(tx, yesterday)
    await five.change("e-1", **risk(70, "silent"))
    found = await five.get("/analysis/revenue-at-risk", by="cause")
    shown = [(row["day"], row["cause"], row["customers"], row["at_risk"], row["revenue_at_risk_minor"], row["share"]) for row in found["rows"]]
    today = NOW.date().isoformat()
    assert shown == [
        (yesterday.isoformat(), "none", 3, 0, 86, 0.286667), (yesterday.isoformat(), "silent", 1, 1, 4, 0.04),
        (today, "none", 2, 0, 46, 0.23), (today, "silent", 2, 2, 74, 0.37),
    ]  # fmt: skip
    east = await five.get("/analysis/revenue-at-risk", region="east", **{"from": yesterday.isoformat(), "to": yesterday.isoformat()})
    assert [(row["day"], row["revenue_at_risk_minor"]) for row in east["rows"]] == [(yesterday.isoformat(), 80)]


async def test_of_days_long_past_the_last_of_each_month_stays(desk: Desk) -> None:
    """S15: so that the trend reaches over years, and the table does not."""
    await desk.change("c-1", profile=holds("2024-01"), **risk(5))
    days = [date(2025, 1, 30) + timedelta(days=number) for number in range(0, 160)]
    async with desk.database.transaction() as tx:
        for day in days:
            await analysis.snapshot(tx, day)
    kept = [row.day for row in await desk.rows(sa.select(STOCK_DAYS.c.day).order_by(STOCK_DAYS.c.day))]
    first = days[-1] - timedelta(days=analysis.DAYS_KEPT)
    assert kept == ["2025-01-31", "2025-02-28", "2025-03-31", *(day.isoformat() for day in days if day >= first)]
    months = await desk.rows(sa.select(STOCK_MONTHS.c.month, STOCK_MONTHS.c.revenue_at_risk_minor).order_by(STOCK_MONTHS.c.month))
    assert [tuple(row) for row in months] == [(f"2025-{number:02d}", 5) for number in range(1, 8)]


async def test_a_day_recorded_late_is_not_the_end_of_its_month(small: Desk) -> None:
    """S15: a re-cut as of the day before comes after that of the day."""
    for day, minor in ((date(2025, 3, 20), 5), (date(2025, 3, 19), 7)):
        await small.change("c-1", profile=holds("2024-01"), **risk(minor))
        async with small.database.transaction() as tx:
            await analysis.snapshot(tx, day)
    (month,) = await small.rows(sa.select(STOCK_MONTHS.c.revenue_at_risk_minor))
    assert month.revenue_at_risk_minor == 5
    assert [tuple(row) for row in await small.rows(sa.select(STOCK_DAYS.c.day, STOCK_DAYS.c.revenue_at_risk_minor).order_by(STOCK_DAYS.c.day))] == [
        ("2025-03-19", 7), ("2025-03-20", 5)
    ]  # fmt: skip


async def test_downloads_say_what_the_answer_says(small: Desk) -> None:
    """S15, S16: CSV and Parquet, with a name of their own."""
    await small.change("e-1", profile=holds(LONG_AGO), months={LAST: {"billed_minor": 300}}, **risk(40))
    query = {"from": LAST, "to": LAST, "by": "brand"}
    (row,) = (await small.get("/analysis/revenue", **query))["rows"]
    text = await small.http.get("/analysis/revenue", params=query | {"format": "csv"})
    assert text.headers["content-disposition"] == f'attachment; filename="revenue_{LAST}_{LAST}.csv"'
    (read,) = csv.DictReader(io.StringIO(text.text, newline=""))
    assert read == {name: "" if value is None else str(value) for name, value in row.items()}
    table = await small.http.get("/analysis/revenue", params=query | {"format": "parquet"})
    assert table.headers["content-type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(table.content)).to_pylist() == [row]
    at_risk = await small.http.get("/analysis/revenue-at-risk", params={"by": "tier", "format": "csv"})
    assert [one["revenue_at_risk_minor"] for one in csv.DictReader(io.StringIO(at_risk.text, newline=""))] == ["40"]


BAD = (
    "weather", "user?by=brand,region,tier", "user?by=brand,brand", "user?by=name", "user?from=2026-13", "user?from=2025-05&to=2025-04", "user?from=1980-01",
    "user?to=2099-01", "user?grain=week", "user?format=xlsx", "user?brand=%00", "standing", "standing?of=height", "revenue-at-risk?by=channel",
    "revenue-at-risk?from=2026-05-02&to=2026-05-01",
)  # fmt: skip


async def test_bad_questions_are_problems(small: Desk) -> None:
    """S16: each says what is wrong, in a problem document."""
    answers = {path: await small.http.get(f"/analysis/{path}") for path in BAD}
    found = {path: (answer.status_code, answer.headers["content-type"], answer.json()["code"]) for path, answer in answers.items()}
    assert found == dict.fromkeys(BAD, (422, "application/problem+json", "invalid_request"))
    assert "brand, region, tier, channel, payment_type, key_account" in answers["user?by=name"].json()["detail"]
    assert (await small.http.get("/analysis/verify")).json()["code"] == "not_found"
    subjects = {one["name"] for one in (await small.http.get("/analysis")).json()["subjects"]}
    assert {"user", "revenue"} <= subjects and not {"weather", "standing"} & subjects


async def test_an_answer_is_bounded(small: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """S16: more rows than that are refused with how many they are, and what to do."""
    monkeypatch.setattr(analysis, "ROWS_ANSWERED", 12)
    await small.change("e-1", profile=holds(LONG_AGO))
    answer = await small.http.get("/analysis/user")
    assert answer.status_code == 422
    assert "13 rows" in answer.json()["detail"]
    assert len((await small.get("/analysis/user", grain="year"))["rows"]) <= 3
