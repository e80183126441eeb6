"""S1: the full re-cut: everybody's scores are their percent ranks, whatever comes between its steps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import pytest
import sqlalchemy as sa

from services.segmentation.rfm import CutPoints, Purchases, score
from services.segmentation.tables import CUTS, RFM
from services.segmentation.use_cases import recut
from shared.contracts import topics
from tests.harness import ServiceUnderTest, until
from tests.segmentation.activity import RFM_EVENTS, Document, activity, days_ago, paid, profile, reversed_, topped_up

PERCENT_RANKS = """
WITH bought AS (
    SELECT
        customer_id, any_value(population) AS population,
        max(day) FILTER (kind <> 'reversed') AS last_day,
        count(DISTINCT day) FILTER (kind <> 'reversed') AS frequency,
        sum(CASE kind WHEN 'reversed' THEN -minor ELSE minor END) AS monetary
    FROM moved GROUP BY customer_id HAVING frequency > 0
)
SELECT
    customer_id, population, last_day, frequency, monetary,
    1 + 5 * round(percent_rank() OVER recent * (count(*) OVER everybody - 1))::BIGINT // count(*) OVER everybody,
    1 + 5 * round(percent_rank() OVER often * (count(*) OVER everybody - 1))::BIGINT // count(*) OVER everybody,
    1 + 5 * round(percent_rank() OVER much * (count(*) OVER everybody - 1))::BIGINT // count(*) OVER everybody
FROM bought
WINDOW
    everybody AS (PARTITION BY population),
    recent AS (PARTITION BY population ORDER BY last_day),
    often AS (PARTITION BY population ORDER BY frequency),
    much AS (PARTITION BY population ORDER BY monetary)
ORDER BY customer_id
"""


class Moved(NamedTuple):
    customer_id: str
    population: str
    day: date
    kind: str
    minor: int


async def ask(segmentation: ServiceUnderTest, *, key: str, **body: Any) -> dict[str, Any]:
    answer = await segmentation.http.post("/rfm/recut", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def cuts(segmentation: ServiceUnderTest) -> dict[int, dict[str, Any]]:
    return {one["version"]: one for one in (await segmentation.http.get("/rfm/cuts")).json()["items"]}


async def finished(segmentation: ServiceUnderTest, version: int) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found = (await cuts(segmentation)).get(version)
        return found if found and found["state"] == "finished" else None

    answer: dict[str, Any] = await until(look)
    await segmentation.settle()
    return answer


async def step(segmentation: ServiceUnderTest, *, page: int = recut.PAGE) -> bool:
    async with segmentation.database.transaction() as tx:
        return await recut.carry_on(tx, page=page)


async def scores(segmentation: ServiceUnderTest) -> Sequence[sa.Row[Any]]:
    columns = ("customer_id", "population", "last_day", "frequency", "monetary_minor", "r", "f", "m")
    return await segmentation.rows(sa.select(*(RFM.c[name] for name in columns)).order_by(RFM.c.customer_id))


def random_money(dice: random.Random, customers: int) -> list[Moved]:
    """Half of the customers bought once, on few days, for few amounts."""
    moved = []
    for number in range(customers):
        name, population = f"r-{number:04d}", dice.choice(["prepaid", "postpaid"])
        for _ in range(1 if number % 2 else dice.randint(1, 12)):
            day = days_ago(dice.choice([1, 2, 30, 90, 200]) if number % 2 else dice.randint(0, 400)).date()
            kind = dice.choices(["paid", "topped_up", "reversed"], [6, 3, 1])[0]
            moved.append(Moved(name, population, day, kind, dice.choice([1000, 3000, 5000, dice.randint(1, 10**6)])))
    return moved


def told(moved: Sequence[Moved]) -> list[Any]:
    tell = {"paid": paid, "topped_up": topped_up, "reversed": reversed_}
    by_customer: dict[tuple[str, str], list[Document]] = {}
    for one in moved:
        at = datetime.combine(one.day, days_ago(0).timetz())
        by_customer.setdefault((one.customer_id, one.population), []).append(tell[one.kind](one.minor, at=at))
    return [activity(name, *facts, profile=profile(population)) for (name, population), facts in by_customer.items()]


def percent_ranks(moved: Sequence[Moved]) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE moved (customer_id TEXT, population TEXT, day DATE, kind TEXT, minor BIGINT)")
        connection.executemany("INSERT INTO moved VALUES (?, ?, ?, ?, ?)", [list(one) for one in moved])
        rows = connection.execute(PERCENT_RANKS).fetchall()
    return [(name, population, day.isoformat(), frequency, int(minor), *ranks) for name, population, day, frequency, minor, *ranks in rows]


async def test_scores_agree_with_an_independent_percent_rank(sweeping: ServiceUnderTest) -> None:
    """S1: every customer, per population, against DuckDB over the same money; recency counted from an `as_of` of its own."""
    moved = random_money(random.Random(1), 600)
    await sweeping.send(*told(moved))
    as_of = days_ago(-1).date()
    found = await finished(sweeping, (await ask(sweeping, key="k", as_of=as_of.isoformat()))["version"])
    assert list(map(tuple, await scores(sweeping))) == percent_ranks(moved)
    rows = await sweeping.rows(sa.select(RFM.c.as_of, RFM.c.cut_version))
    assert {tuple(row) for row in rows} == {(as_of.isoformat(), found["version"])}
    assert found["customers"] == 600
    assert len(rows) == sum(one["customers"] for one in found["populations"].values())


async def test_the_stream_scores_by_the_newest_cut(segmentation: ServiceUnderTest) -> None:
    """S1: who buys something is scored by the points; nobody else moves."""
    await segmentation.send(*(activity(f"s-{number}", paid(100 * number, at=days_ago(number))) for number in range(1, 11)))
    await ask(segmentation, key="k")
    while await step(segmentation):
        pass
    before = {row.customer_id: row for row in await scores(segmentation)}
    await segmentation.send(activity("s-9", paid(10_000, at=days_ago(0.5))), activity("new", paid(450, at=days_ago(4))))
    after = {row.customer_id: row for row in await scores(segmentation)}
    assert (after["s-9"].r, after["s-9"].f, after["s-9"].m) == (5, 1, 5)
    assert (after["new"].r, after["new"].f, after["new"].m) == (after["s-4"].r, 1, after["s-4"].m)
    assert {name: row for name, row in after.items() if name not in {"s-9", "new"}} == {name: row for name, row in before.items() if name != "s-9"}


async def test_a_crash_in_the_middle_is_carried_on(segmentation: ServiceUnderTest) -> None:
    """S1: the pages done stay, one that failed is done again, and what the stream scores meanwhile is by the new points."""
    await segmentation.send(*(activity(f"c-{number}", paid(100 * number, at=days_ago(number))) for number in range(1, 10)))
    version = (await ask(segmentation, key="k"))["version"]
    assert await step(segmentation), "the cut"
    assert await step(segmentation, page=3)
    with pytest.raises(ZeroDivisionError):
        async with segmentation.database.transaction() as tx:
            await recut.carry_on(tx, page=3)
            raise ZeroDivisionError
    await segmentation.send(activity("c-2", paid(1, at=days_ago(0.5))), activity("c-9", paid(1, at=days_ago(0.5))))
    by_version = {row.customer_id: row.cut_version for row in await segmentation.rows(sa.select(RFM))}
    assert by_version == {f"c-{number}": version if number in {1, 2, 3, 9} else 0 for number in range(1, 10)}
    while await step(segmentation, page=3):
        pass
    (found,) = (await cuts(segmentation)).values()
    assert (found["state"], found["customers"]) == ("finished", 9)
    assert {row.cut_version for row in await segmentation.rows(sa.select(RFM))} == {version}


async def test_a_second_cut_of_the_same_customers_changes_nothing(segmentation: ServiceUnderTest) -> None:
    """S1: the same points, the same scores, no event; only the version moves on."""
    await segmentation.send(*(activity(f"i-{number}", paid(100 * number, at=days_ago(number))) for number in range(1, 20)))
    for key in ("first", "second"):
        await ask(segmentation, key=key)
        while await step(segmentation, page=7):
            pass
        await segmentation.settle()
    first, second = (await cuts(segmentation))[1], (await cuts(segmentation))[2]
    assert first["populations"] == second["populations"]
    assert (first["customers"], second["customers"], second["changed"]) == (19, 19, 0)
    assert first["changed"] > 0
    published = await segmentation.read(topics.SEGMENTS, count=19 + first["changed"], types=RFM_EVENTS)
    assert {event["data"]["cut_version"] for event in published} == {0, 1}
    assert sum((await segmentation.http.get("/segments")).json()["populations"][0]["segments"].values()) == 19


async def test_a_newer_request_takes_over(segmentation: ServiceUnderTest) -> None:
    """S1: from one that is not finished; everybody ends with the newest points."""
    await segmentation.send(*(activity(f"o-{number}", paid(100 * number, at=days_ago(number))) for number in range(1, 8)))
    await ask(segmentation, key="old")
    assert await step(segmentation)
    assert await step(segmentation, page=2)
    await ask(segmentation, key="new")
    while await step(segmentation, page=2):
        pass
    assert {version: one["state"] for version, one in (await cuts(segmentation)).items()} == {1: "superseded", 2: "finished"}
    assert {row.cut_version for row in await segmentation.rows(sa.select(RFM))} == {2}


async def test_stream_and_re_cuts_at_once_end_alike(sweeping: ServiceUnderTest) -> None:
    """S1: whichever comes last for a customer, their scores are by the newest points and from all they bought."""
    dice = random.Random(3)
    customers = [f"b-{number:03d}" for number in range(200)]
    for number in range(4):
        await sweeping.publish(*(activity(one, paid(dice.randint(1, 10**6), at=days_ago(dice.randint(1, 300)))) for one in dice.choices(customers, k=150)))
        await ask(sweeping, key=f"k-{number}")
        await until(lambda number=number: is_cut(sweeping, number + 1))  # type: ignore[misc]
    await sweeping.settle()
    newest = max(await cuts(sweeping))
    found = await finished(sweeping, newest)
    points = CutPoints.of(found["populations"]["unknown"])
    today = days_ago(0).date()
    rows = await sweeping.rows(sa.select(RFM))
    assert {row.cut_version for row in rows} == {newest}
    for row in rows:
        bought = Purchases(date.fromisoformat(row.last_day), row.frequency, row.monetary_minor)
        assert score(bought, points, as_of=today) == (row.r, row.f, row.m)
    events = await sweeping.read(topics.SEGMENTS, count=sum(row.published for row in rows), types=RFM_EVENTS)
    last = {event["subject"].removeprefix("customer:"): event for event in events}
    assert {row.customer_id: (row.published, row.segment, row.r) for row in rows} == {
        one: (event["sequence"], event["data"]["segment"], event["data"]["r"]) for one, event in last.items()
    }


async def is_cut(segmentation: ServiceUnderTest, version: int) -> bool:
    found = (await cuts(segmentation)).get(version)
    return found is not None and found["state"] != "waiting"


async def test_the_day_has_its_own_cut(sweeping: ServiceUnderTest) -> None:
    """S1: made by the worker once somebody is scored, and once a business day."""
    await sweeping.send(activity("d-1", paid(at=days_ago(3)), profile=profile("prepaid")))
    found = await finished(sweeping, 1)
    assert (found["made_by"], found["customers"], set(found["populations"])) == ("schedule", 1, {"prepaid"})
    await finished(sweeping, (await ask(sweeping, key="k"))["version"])
    assert not await step(sweeping), "nothing more today"
    assert set(await cuts(sweeping)) == {1, 2}


async def test_a_request_is_kept_by_its_key(segmentation: ServiceUnderTest) -> None:
    """S1: the same key again is the same re-cut."""
    first = await ask(segmentation, key="k", as_of=None)
    assert await ask(segmentation, key="k") == first
    assert (await ask(segmentation, key="other"))["version"] == first["version"] + 1
    reused = await segmentation.http.post("/rfm/recut", json={"as_of": "2026-01-01"}, headers={"Idempotency-Key": "k"})
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


REFUSED: tuple[tuple[dict[str, str], str | None, int, str], ...] = (
    ({}, None, 400, "idempotency_key_missing"),
    ({"as_of": "tomorrow"}, "k", 422, "invalid_request"),
    ({"as_of": days_ago(-3).date().isoformat()}, "k", 422, "invalid_request"),
    ({"as_of": days_ago(9).date().isoformat()}, "k", 422, "invalid_request"),
    ({"when": "2026-01-01"}, "k", 422, "invalid_request"),
)


async def test_requests_that_can_not_be_met(segmentation: ServiceUnderTest) -> None:
    """S1: a cut can not leave out purchases later than its day, nor know those to come."""
    await segmentation.send(activity("q-1", paid(at=days_ago(2))))
    for body, key, status, code in REFUSED:
        answer = await segmentation.http.post("/rfm/recut", json=body, headers={"Idempotency-Key": key} if key else {})
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    assert not await cuts(segmentation)
    assert not await segmentation.rows(sa.select(CUTS))


async def test_purchases_dated_ahead_count_as_today(segmentation: ServiceUnderTest) -> None:
    """S1: a source's clock may run early; recency is never negative."""
    await segmentation.send(activity("a-1", paid(at=days_ago(0) + timedelta(hours=23))))
    await ask(segmentation, key="k")
    while await step(segmentation):
        pass
    events = await segmentation.read(topics.SEGMENTS, count=1, types=RFM_EVENTS)
    assert {event["data"]["recency_days"] for event in events} == {0}
