"""R12 S14: the simulated year counts what the calls changed, by hand-made fates; and it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deploy.demo.population import Responder
from deploy.evaluate.metrics import Window
from deploy.evaluate.run import Operator, Plan
from deploy.year import pictures
from deploy.year.fates import Exposed, Fate, fates_of, left_by_day, saved_minor, uplifts
from deploy.year.run import CAMPAIGN_ID, live
from deploy.year.targeting import Compared, Spent, compare, warned
from shared import clock
from shared.settings import Settings

FIRST = date(2025, 8, 1)
WINDOW = Window(FIRST, FIRST + timedelta(days=90))


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    """Whatever a test sets the clock to."""
    before = list(clock._scales)
    yield
    clock._scales[:] = before


def day(nth: int) -> date:
    return FIRST + timedelta(days=nth)


FATES = {
    "kept": Fate(Responder.PERSUADABLE, day(20), None),
    "put off": Fate(Responder.PERSUADABLE, day(20), day(80)),
    "driven": Fate(Responder.DO_NOT_DISTURB, None, day(12)),
    "lost": Fate(Responder.LOST, day(30), day(30)),
    "held out": Fate(Responder.PERSUADABLE, day(25), day(25)),
}
EXPOSED = [Exposed(name, "hold_out" if name == "held out" else "treatment", day(5), 1_000) for name in FATES]


def test_only_what_calls_changed_is_saved() -> None:
    """R12: who is put off is saved in the month they would have left, and lost in the month they did."""
    assert saved_minor(EXPOSED, FATES) == {"2025-08": 2_000 - 1_000, "2025-10": -1_000}
    off, on = (left_by_day(column, WINDOW) for column in zip(*((fate.left_off, fate.left_on) for fate in FATES.values()), strict=True))
    assert (off[-1], on[-1]) == ((day(89), 4.0), (day(89), 4.0))
    assert (off[20][1], on[20][1]) == (2.0, 1.0)


def test_truth_is_of_the_treated_by_both_years_and_types_are_told_apart() -> None:
    """R12: of four treated two would not have left within 60 days but for the campaign... and one did because of it."""
    found = {one.who: one for one in uplifts(EXPOSED, FATES, days=60, before=WINDOW.end)}
    assert (found["everybody"].treated, found["everybody"].held_out, found["everybody"].truth) == (4, 1, (2 - 1) / 4)
    assert (found["persuadable"].truth, found["do_not_disturb"].truth, found["lost"].truth, found["sure"].truth) == (1.0, -1.0, 0.0, None)
    assert found["everybody"].found.verdict == "under_powered"
    assert [one.treated for one in uplifts(EXPOSED, FATES, days=60, before=day(64))] == [0] * 5


def test_one_budget_is_spent_twice_on_the_same_customers() -> None:
    """R5 S14: with too little to learn from both ways are the same; with more, sensitivity keeps more where the cause tells who is moved."""
    few, many = compare(warned(2_000, seed=1, shows=True), warned(800, seed=2, shows=True), (200, 2_000))
    assert not few.serves and "too little was seen" in few.learned and few.by_sensitivity == few.by_risk
    assert many.serves and many.by_sensitivity.kept > many.by_risk.kept
    assert many.by_sensitivity.contacts <= many.by_risk.contacts
    assert many.by_sensitivity.profit_minor > many.by_risk.profit_minor


def test_pictures_hold_what_they_show() -> None:
    """R12: also of nothing yet."""
    spent = Spent(contacts=10, cost_minor=20_000, kept=3, driven_away=1, saved_minor=90_000)
    drawn = [
        pictures.uplift(list(uplifts(EXPOSED, FATES, days=60, before=WINDOW.end))),
        pictures.uplift([]),
        pictures.targeting([Compared(500, {"treatment": 1, "hold_out": 2}, "", False, spent, spent)], title="Whom"),
        pictures.money({"2025-08": 20_000}, {"2025-08": 90_000}),
    ]
    said = [" ".join(ElementTree.fromstring(one).itertext()) for one in drawn]
    assert "persuadable: 2 + 1" in said[0] and "Nothing to show yet" in said[1] and "500 warned" in said[2] and "900 on 2025-08-01" in said[3]


@pytest.mark.timeout(300)
async def test_a_few_days_through_all_services(tmp_path: Path) -> None:
    """R12: the campaign is approved by a second person on the first day, and nothing is claimed after three."""
    plan = Plan(customers=12, days=3, history_months=1, steps_a_day=1, seed=1, fault_rate=0.0)
    operator = Operator.of(plan)
    settings = Settings(data_dir=tmp_path / "year", bus="embedded", database="sqlite", log_level="error")
    lived = await live(plan, operator, settings, lambda _: None)
    assert [step["step"] for step in lived.told["campaign"]["steps"]] == ["draft", "approve"]
    assert lived.told["effect"]["campaign_id"] == CAMPAIGN_ID
    assert {one["effect"]["verdict"] for one in lived.told["effect"]["horizons"]} == {"too_early"}
    assert "too little was seen" in lived.sensitivity or "no " in lived.sensitivity
    assert lived.dead_letters == 0
    assert all(fate.left_on == fate.left_off for fate in fates_of(operator.stream, operator.stream, plan.window.end).values())
