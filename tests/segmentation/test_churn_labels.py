"""S12 S13 C10: what is observed, what became of it, and whether the models still say what comes true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from services.segmentation.churn.health import Observed, health_of
from services.segmentation.churn.labels import arpu_declined, brand_downgraded
from services.segmentation.churn.model import Model
from services.segmentation.churn.row import FEATURES
from services.segmentation.churn.scoring import Models, Served
from services.segmentation.parameters import ChurnScore
from services.segmentation.repository import customers
from services.segmentation.tables import EXPOSURES, OBSERVATIONS
from services.segmentation.use_cases import observing
from shared import clock
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import activity, days_ago
from tests.segmentation.churn_models import CALLS, model_of, promoted
from tests.segmentation.customers import TODAY, customer, months, subscription
from tests.segmentation.test_assessing import ask, recut_all, spends, subscribed
from tests.segmentation.test_churn_scores import decided

RANK = FEATURES.index("brand_rank")


@pytest.fixture
def _time_that_can_be_put_on() -> Iterator[None]:
    before = list(clock._scales)
    yield
    clock._scales[:] = before


async def put_on(segmentation: ServiceUnderTest, moment: datetime) -> None:
    """It is that moment, and the feeds have come to it."""
    clock.stand_at(moment)
    async with segmentation.database.transaction() as tx:
        await customers.note_heard(tx, dict.fromkeys(("usage", "payments"), moment.date()))


@pytest.mark.usefixtures("_time_that_can_be_put_on")
async def test_what_became_of_customers_is_written_down_when_it_is_final(segmentation: ServiceUnderTest) -> None:
    """S12 S13 S14: left, holds a lower brand, spends less, each on the day it can be known and not before; of exposures likewise."""
    await promoted(segmentation, model_of())
    start = days_ago(0)
    clock.stand_at(start)
    await segmentation.send(*(activity(one, profile=subscribed(), months=spends(10_000, months=13)) for one in ("stays", "leaves", "steps_down")))
    await segmentation.send(decided("leaves", "hold_out", at=start), decided("stays", "treatment", at=start))
    await recut_all(segmentation)
    await put_on(segmentation, start + timedelta(days=30))
    after, before = (clock.months_before(f"{start:%Y-%m}", count) for count in (-1, 0))
    poor = {before: spends(10_000)[before], after: {"paid_minor": 1_000}}
    await segmentation.send(
        activity("stays", months={after: {"paid_minor": 9_000}}),
        activity("leaves", profile=subscribed(until=-10, reason="port_out")),
        activity("steps_down", profile=subscribed(brand="easyown", brand_rank=1), months=poor),
    )
    await recut_all(segmentation)
    await label_all(segmentation)
    assert await labels(segmentation, start.date()) == dict.fromkeys(("stays", "leaves", "steps_down"), (None, None, None))
    await put_on(segmentation, start + timedelta(days=76))
    await label_all(segmentation)
    assert await labels(segmentation, start.date()) == {"stays": (0, 0, 0), "leaves": (1, -1, -1), "steps_down": (0, 1, 1)}
    exposed = await segmentation.rows(sa.select(EXPOSURES.c.customer_id, EXPOSURES.c.leave))
    assert {row.customer_id: row.leave for row in exposed} == {"stays": 0, "leaves": 1}
    health = await ask(segmentation, "/churn/health")
    assert (health["as_of"], health["document"]["drift"][0]["rows"]) == ((start + timedelta(days=30)).date().isoformat(), 0)
    (calibration,) = health["document"]["calibration"]
    assert (calibration["customers"], calibration["observed"]) == (3, 1)


async def label_all(segmentation: ServiceUnderTest) -> None:
    while await observing.carry_on(segmentation.database):
        pass


async def labels(segmentation: ServiceUnderTest, day: date) -> dict[str, tuple[int | None, ...]]:
    rows = await segmentation.rows(sa.select(OBSERVATIONS).where(OBSERVATIONS.c.observed_on == day.isoformat()))
    return {row.customer_id: (row.leave, row.brand_downgrade, row.arpu_decline) for row in rows}


async def test_a_day_is_observed_every_so_often(segmentation: ServiceUnderTest) -> None:
    """S12: not again within a week, however many re-cuts there are; who is not scored is not observed."""
    await segmentation.send(activity("c", profile=subscribed()), activity("v", profile=subscribed() | {"visitor": True}))
    await recut_all(segmentation)
    await segmentation.send(activity("late", profile=subscribed()))
    before = list(clock._scales)
    try:
        await put_on(segmentation, days_ago(-3))
        await recut_all(segmentation)
        assert [row.customer_id for row in await segmentation.rows(sa.select(OBSERVATIONS.c.customer_id))] == ["c"]
        await put_on(segmentation, days_ago(-7))
        await recut_all(segmentation)
    finally:
        clock._scales[:] = before
    rows = await segmentation.rows(sa.select(OBSERVATIONS.c.customer_id).order_by(OBSERVATIONS.c.observed_on, OBSERVATIONS.c.customer_id))
    assert [row.customer_id for row in rows] == ["c", "c", "late"]


@pytest.mark.parametrize(
    ("spent", "expected"),
    [((0, 6_001), 0), ((0, 6_000), 1), ((0, 0), 1), ((5_000, 20_000), 0)],
    ids=["just above", "just below", "nothing", "the running month does not count"],
)
def test_arpu_declined_where_the_next_whole_month_is_far_below_the_three_before(spent: tuple[int, int], expected: int) -> None:
    """S6: 40 % below the mean of three, of the month after that of the observation; the months around it do not count."""
    observed_on = date(2026, 9, 14)
    running, after = spent
    told = months(TODAY, paid_minor=(99, after, running, 9_000, 10_000, 11_000))
    assert arpu_declined(customer(subscription(), months=told), observed_on, parameters=ChurnScore()) == expected


def test_of_who_left_or_spent_next_to_nothing_no_decline_is_said() -> None:
    """S6: -1, excluded; as of whom nothing is known that far back."""
    observed_on, parameters = date(2026, 9, 14), ChurnScore()
    told = months(TODAY, paid_minor=(99, 0, 0, 900, 900, 900))
    assert arpu_declined(customer(subscription(), months=told), observed_on, parameters=parameters) == -1
    rich = months(TODAY, paid_minor=(99, 0, 0, 9_000, 9_000, 9_000))
    left = customer(subscription(until=20, reason="port_out"), months=rich)
    assert arpu_declined(left, observed_on, parameters=parameters) == -1
    assert arpu_declined(customer(subscription(), months=months(TODAY, paid_minor=(9, 9, 9, 9_000))), observed_on, parameters=parameters) == -1
    assert arpu_declined(None, observed_on, parameters=parameters) == -1


@pytest.mark.parametrize(("then", "expected"), [(3, 0), (4, 0), (2, 1), (np.nan, -1), (None, -1)])
def test_a_lower_brand_a_horizon_later_is_a_downgrade(then: float | None, expected: int) -> None:
    row, later = np.full(len(FEATURES), np.nan, np.float32), np.full(len(FEATURES), np.nan, np.float32)
    row[RANK], later[RANK] = 3, np.nan if then is None else then
    assert brand_downgraded(row, None if then is None else later) == expected


async def test_drift_is_judged_by_a_month(segmentation: ServiceUnderTest) -> None:
    """S12: not by one day of it, on which nobody or everybody has just paid."""
    await promoted(segmentation, model_of())
    await segmentation.send(activity("c", profile=subscribed(), months=spends(10_000, months=13)))
    before, judged = list(clock._scales), []
    try:
        for week in range(4):
            await put_on(segmentation, days_ago(-7 * week))
            await recut_all(segmentation)
            await label_all(segmentation)
            judged.append((await ask(segmentation, "/churn/health"))["document"]["drift"][0]["rows"])
    finally:
        clock._scales[:] = before
    assert judged == [0, 0, 0, 4]


def observed(dice: np.random.Generator, *, calls: float, leaves: float, said: float, shadow: float | None = None) -> Observed:
    row = np.full(len(FEATURES), np.nan, np.float32)
    row[CALLS] = calls
    return Observed("established", row, {"leave": said}, {"leave": 1}, {} if shadow is None else {"2": shadow}, int(dice.random() < leaves))


@pytest.mark.parametrize(("calls", "found"), [((10, 150), []), ((10, 40), ["out_seconds_percent"])], ids=["as in training", "drifted"])
def test_drift_of_a_feature_is_an_alarm(calls: tuple[float, float], found: list[str]) -> None:
    """S12: PSI of each feature against the reference in the model's card."""
    dice = np.random.default_rng(0)
    model = Model.load(model_of(), features=FEATURES)
    models = Models({("leave", "established"): Served(1, model)})
    rows = np.full((800, len(FEATURES)), np.nan, np.float32)
    rows[:, CALLS] = dice.uniform(*calls, 800)
    rows[:, FEATURES.index("port_out_inquiries_3m")] = dice.integers(0, 2, 800)
    said = model.score(rows).probability
    ones = [Observed("established", row, {"leave": float(one)}, {"leave": 1}, {}, None) for row, one in zip(rows, said, strict=True)]
    health = health_of(ones, [], models=models, parameters=ChurnScore())
    alarmed = [one["name"] for one in health["drift"][0]["alarms"] if one["name"] != "score"]
    assert alarmed == found
    assert any("out_seconds_percent" in one for one in health["alarms"]) == bool(found)


@pytest.mark.parametrize(("leaves", "alarm"), [(0.1, False), (0.25, True), (0.02, True)], ids=["as said", "more leave", "fewer leave"])
def test_calibration_that_drifted_is_an_alarm(leaves: float, alarm: bool) -> None:
    """S12: a model that says 10 % of customers of whom a quarter, or hardly anybody, leaves."""
    dice = np.random.default_rng(1)
    ones = [observed(dice, calls=100, leaves=leaves, said=0.1) for _ in range(1_000)]
    health = health_of([], ones, models=Models(), parameters=ChurnScore())
    assert health["calibration"][0]["alarm"] is alarm
    assert bool(health["alarms"]) is alarm


def test_a_challenger_is_held_against_the_champion_on_the_same_customers() -> None:
    """S12: by log loss; the one that says what came true has the lower one. Whom it did not score does not count."""
    dice = np.random.default_rng(2)
    model = Model.load(model_of(), features=FEATURES)
    knows: Any = [observed(dice, calls=100, leaves=share, said=0.2, shadow=share) for share in (0.05, 0.35) for _ in range(400)]
    ones = [*knows, observed(dice, calls=100, leaves=1, said=0.0)]
    health = health_of([], ones, models=Models(challengers=(Served(2, model),)), parameters=ChurnScore())
    (beside,) = health["challengers"]
    assert (beside["version"], beside["customers"]) == (2, 800)
    assert beside["log_loss"] < beside["champion_log_loss"]
