"""`python -m deploy.year`: what the campaign changed in a simulated year, and what is gained by knowing who is moved by a contact."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from deploy.demo.events import midnight
from deploy.demo.state import write
from deploy.demo.stream import Stream
from deploy.evaluate.lockstep import Stalled
from deploy.evaluate.run import FIRST_DAY, Operator, Plan
from deploy.year import pictures
from deploy.year.fates import Fate, Uplift, fates_of, left_by_day, saved_minor, uplifts
from deploy.year.run import Lived, live
from deploy.year.targeting import Compared, Spent, compare, warned
from shared import clock, telemetry
from shared.settings import Settings

HISTORY_MONTHS = 7
HORIZON_DAYS = 60
SIZES = (500, 1_000, 2_000, 4_000, 8_000)
SPENDING = 4_000
WORLDS = {"apart": "Nothing to be seen tells who is moved", "by_cause": "The cause of a drift tells who is moved"}
"""Of the two operators of deploy/year/trial.py."""

say = partial(print, file=sys.stderr, flush=True)


def main() -> int:
    options = _options()
    try:
        if options.part != "targeting":
            asyncio.run(_year(options))
        if options.part != "campaign":
            _targeting(options.seed, options.out)
    except Stalled as error:
        say(error)
        return 1
    return 0


async def _year(options: argparse.Namespace) -> None:
    plan, started = Plan(options.customers, options.days, HISTORY_MONTHS, 1, options.seed, options.faults), clock.monotonic()
    operator = Operator.of(plan)
    with tempfile.TemporaryDirectory(prefix="holdfast-year-") as folder:
        settings = Settings(data_dir=Path(folder), bus="embedded", database="sqlite", log_level="error")
        telemetry.configure(settings, service="all", role="year")
        lived = await live(plan, operator, settings, say)
    say(f"{clock.monotonic() - started:.0f} s; {operator.sent:,} events, {operator.refused:,} refused at the door, {lived.dead_letters} dead letters")
    fates = fates_of(_without(plan), operator.stream, plan.window.end)
    _show(plan, lived, fates, options.out)


def _without(plan: Plan) -> Stream:
    """The same operator in a year in which nobody is called: nothing else that Holdfast does reaches a customer."""
    return Stream(seed=plan.seed, size=plan.customers, first_day=FIRST_DAY, fault_rate=plan.fault_rate, sent_until=midnight(plan.window.end))


def _show(plan: Plan, lived: Lived, fates: dict[str, Fate], out: Path) -> None:
    off, on = (left_by_day(column, plan.window) for column in zip(*((fate.left_off, fate.left_on) for fate in fates.values()), strict=True))
    spent = {one["month"]: one["spent_minor"] for one in reversed(lived.told["budget"]["months"])}
    saved = dict.fromkeys(spent, 0) | saved_minor(lived.exposed, fates)
    found = list(uplifts(lived.exposed, fates, days=HORIZON_DAYS, before=plan.window.end))
    _draw(out, "churn-saved", pictures.churn(off, on))
    _draw(out, "cost-and-value", pictures.money(spent, dict(sorted(saved.items()))))
    _draw(out, "uplift-by-type", pictures.uplift(found))
    figures = {
        "seed": plan.seed, "customers": plan.customers, "first_day": plan.window.first, "end": plan.window.end, "left_off": off[-1][1], "left_on": on[-1][1],
        "kept": sum(fate.left_on is None and fate.left_off is not None for fate in fates.values()),
        "driven_away": sum(fate.left_off is None and fate.left_on is not None for fate in fates.values()),
        "spent_minor": spent, "saved_minor": saved, "value_unknown": sum(one.value_minor == 0 for one in lived.exposed),
        "uplifts": [_uplift(one) for one in found], "sensitivity": lived.sensitivity, **lived.told,
    }  # fmt: skip
    write(out / "year.json", [figures])
    print(f"Left without the campaign {off[-1][1]:.0f}, with it {on[-1][1]:.0f}: {figures['kept']} kept, {figures['driven_away']} driven away")
    print(f"Spent {sum(spent.values()) / 100:,.0f}, saved {sum(saved.values()) / 100:,.0f}. Sensitivity: {lived.sensitivity}")
    for one in found:
        print(
            f"{one.who:15} {one.treated:4} treated {one.held_out:4} held out, truth {one.truth}, found {one.found.lift} {one.found.at_end}: {one.found.verdict}"
        )


def _uplift(one: Uplift) -> dict[str, Any]:
    """Intervals as [low, high]."""
    return {**one._asdict(), "found": {name: list(value) if isinstance(value, tuple) else value for name, value in one.found._asdict().items()}}


def _targeting(seed: int, out: Path) -> None:
    """The customers of the first half, and others for the second."""
    for world, title in WORLDS.items():
        shows = world == "by_cause"
        found = list(compare(warned(SIZES[-1], seed=seed, shows=shows), warned(SPENDING, seed=seed + 1, shows=shows), SIZES))
        _draw(out, f"targeting-{world.replace('_', '-')}", pictures.targeting(found, title=title))
        write(out / f"targeting-{world.replace('_', '-')}.json", [_compared(one) for one in found])
        print(_table(title, found))


def _compared(one: Compared) -> dict[str, Any]:
    return {**one._asdict(), "by_risk": _spent(one.by_risk), "by_sensitivity": _spent(one.by_sensitivity)}


def _spent(one: Spent) -> dict[str, int]:
    return {**one._asdict(), "profit_minor": one.profit_minor}


def _table(title: str, found: Sequence[Compared]) -> str:
    head = (
        "warned",
        "left, treatment and hold-out",
        "learned",
        "profit by risk",
        "profit by sensitivity",
        "gained",
        "kept and driven away, by risk",
        "by sensitivity",
    )
    lines = [f"{title}\n", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(one))} |" for one in found), ""])


def _cells(one: Compared) -> tuple[str, ...]:
    risk, moved = one.by_risk, one.by_sensitivity
    gained = f"{moved.profit_minor / risk.profit_minor - 1:+.0%}" if one.serves else "-"
    counts = (f"{spent.kept} and {spent.driven_away}" for spent in (risk, moved))
    left = f"{one.left['treatment']:,} and {one.left['hold_out']:,}"
    return (f"{one.warned:,}", left, one.learned, f"{risk.profit_minor / 100:,.0f}", f"{moved.profit_minor / 100:,.0f}", gained, *counts)


def _draw(out: Path, name: str, drawn: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.svg").write_text(drawn, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.year", description="A simulated year of retention: with the campaign against without it, and by whom it picks."
    )
    parser.add_argument(
        "part", nargs="?", choices=("all", "campaign", "targeting"), default="all", help="the year through all services, the choice of customers, or both (all)"
    )
    parser.add_argument("--customers", type=int, default=600, help="of the year through all services, when its history begins (600)")
    parser.add_argument("--days", type=int, default=365, help="of that year (365)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same operator (1)")
    parser.add_argument("--faults", type=float, default=0.01, help="share of events that are late, out of order, sent twice or malformed (0.01)")
    parser.add_argument("--out", type=Path, default=Path("build/year"), help="pictures, and figures as JSON (build/year)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
