"""The full re-cut: new cut points over everybody, then everybody assessed by them, in steps that a crash can come between.

1. A row in `recuts` asks for it: once a business day, over HTTP, or because another parameter set came into force.
2. The next step finds the cut points of RFM and of the value tiers, and what came of earlier warnings. From its commit on, the
   stream judges by them too.
3. Each further step assesses a page of customers and notes how far it came: that is also how time passing changes somebody of
   whom nothing is heard. The newest re-cut is the one that is carried on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from services.segmentation import risk
from services.segmentation.parameters import ChurnScore, Parameters
from services.segmentation.previewing import moves_populations, moves_values, points_of_shares
from services.segmentation.repository import churn, customers, learning, standings
from services.segmentation.repository import rfm as repository
from services.segmentation.rfm import Cut
from services.segmentation.use_cases import analysis, parameters, previewing
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases.holding import hold, settle
from services.segmentation.use_cases.rules import Rules
from shared import clock, telemetry
from shared.database import Transaction
from shared.errors import InvalidRequest

PAGE = 500  # some 0.1 s of computing: heartbeats share the loop
MEASURES: Mapping[str, str] = {"r": "last_day", "f": "frequency", "m": "monetary_minor"}
EARLY = timedelta(days=1)  # how far a source's clock may run ahead

MadeBy = Literal["schedule", "request", "parameters", "engine"]

log = telemetry.logger()


async def request(tx: Transaction, *, as_of: date | None, made_by: MadeBy = "request") -> dict[str, Any]:
    """Ask for a re-cut, with recency counted to `as_of` or else to today. Raises InvalidRequest."""
    today = clock.now().date()
    if as_of and as_of > today + EARLY:
        raise InvalidRequest(f"as_of {as_of} lies in the future")
    newest_day = await repository.newest_purchase_day(tx)
    if as_of and newest_day and as_of < newest_day - EARLY:
        raise InvalidRequest(f"as_of {as_of} is before the newest purchase, of {newest_day}: it can not be left out")
    await repository.lock_recuts(tx)
    newest = await repository.newest_recut(tx)
    version = await _ask(tx, newest, as_of=as_of or today, made_by=made_by)
    return {"version": version, "as_of": (as_of or today).isoformat(), "state": "waiting"}


async def request_with_points(
    tx: Transaction, *, as_of: date, points: Mapping[str, Mapping[str, Sequence[int]]], customers: Mapping[str, int]
) -> dict[str, Any]:
    """A re-cut whose RFM cut points another engine found, by population and measure; `customers` were in it. Raises InvalidRequest."""
    asked = await request(tx, as_of=as_of, made_by="engine")
    rows = [{"population": one, "version": asked["version"], "points": points[one], "customers": customers[one]} for one in sorted(points)]
    await _learn(tx, asked["version"], as_of, clock.now())
    await repository.insert_cuts(tx, rows)
    return asked


async def carry_on(tx: Transaction, *, page: int = PAGE) -> bool:
    """One step of the newest re-cut; whether there is another one to take."""
    await repository.lock_recuts(tx)
    newest = await repository.newest_recut(tx)
    if newest is None or newest.finished_at:
        return await _ask_if_due(tx, newest)
    if newest.cut_at is None:
        return await _cut(tx, newest)
    return await _assess_page(tx, newest, page)


async def _ask_if_due(tx: Transaction, newest: sa.Row[Any] | None) -> bool:
    now = clock.now()
    rules = await ruling.read(tx, now)
    as_of = rules.behaviour_until(now.date())
    if newest and newest.parameter_version != rules.in_force.version:
        await _ask(tx, newest, as_of=as_of, made_by="parameters")
        return True
    if (newest and newest.requested_at.date() >= now.date()) or not await customers.anyone(tx):
        return False
    await _ask(tx, newest, as_of=as_of, made_by="schedule")
    return True


async def _ask(tx: Transaction, newest: sa.Row[Any] | None, *, as_of: date, made_by: MadeBy) -> int:
    version = newest.version + 1 if newest else 1
    await repository.insert_recut(tx, version=version, as_of=as_of.isoformat(), made_by=made_by, requested_at=clock.now())
    return version


async def _cut(tx: Transaction, recut: sa.Row[Any]) -> bool:
    as_of = await _as_of_now(tx, recut)
    points: dict[str, dict[str, tuple[int, ...]]] = {}
    counted: dict[str, int] = {}
    wanted = (await ruling.in_force(tx, clock.now())).parameters
    by = wanted.rfm.populations if moves_populations(await _cut_by(tx), wanted) else "population"
    for measure, column in MEASURES.items():
        cuts: dict[str, Cut] = {}
        async for population, count, value, holders in repository.histogram(tx, column, by=by):
            counted[population] = count
            worth = (as_of - date.fromisoformat(value)).days if measure == "r" else value
            cuts.setdefault(population, Cut(count)).add(worth, holders)
        for population, cut in cuts.items():
            points.setdefault(population, {})[measure] = cut.points
    rows = [{"population": one, "version": recut.version, "points": points[one], "customers": counted[one]} for one in sorted(points)]
    await repository.insert_cuts(tx, rows)
    await _learn(tx, recut.version, as_of, clock.now())
    return True


async def _as_of_now(tx: Transaction, recut: sa.Row[Any]) -> date:
    """One that nobody gave a day counts to where the feeds have come by now: they went on since it was asked for."""
    asked = date.fromisoformat(recut.as_of)
    if recut.made_by in {"request", "engine"}:
        return asked
    now = clock.now()
    heard = max(asked, (await ruling.read(tx, now)).behaviour_until(now.date()))
    await repository.update_recut(tx, recut.version, as_of=heard.isoformat())
    return heard


async def _learn(tx: Transaction, version: int, as_of: date, now: datetime) -> None:
    """What a re-cut finds out beside the cut points of RFM."""
    rules = await ruling.read(tx, now)
    await _cut_value(tx, rules, as_of, now)
    await _learn_risk(tx, rules, as_of, now)
    await repository.update_recut(tx, version, cut_at=now, parameter_version=rules.in_force.version)


async def _cut_by(tx: Transaction) -> Parameters:
    """The parameters of the cut before: what is stored of customers may still be by them."""
    version = await repository.last_cut_by(tx)
    return (await parameters.find(tx, version or 0)).parameters


async def _cut_value(tx: Transaction, rules: Rules, as_of: date, now: datetime) -> None:
    """The least value of iron, gold and platinum, so that no more than their shares of the customers reach it; ties never split.

    Where another set moves the values themselves, those that are stored say nothing yet: a sample is valued by it, as in a preview.
    """
    if moves_values(await _cut_by(tx), rules.parameters):
        found = await previewing.cut_pyramid(tx, rules, as_of)
    else:
        values = {row.value_minor: row.customers for row in await standings.value_counts(tx)}
        points = points_of_shares(values, rules.parameters.tiers.shares_percent)
        found = previewing.Pyramid(points, sum(values.values())) if points else None
    if found:
        await learning.insert(tx, "value", {"points": found.points}, customers=found.customers, as_of=as_of.isoformat(), made_at=now)


async def _learn_risk(tx: Transaction, rules: Rules, as_of: date, now: datetime) -> None:
    """What came of the warnings that are old enough to tell, of a year."""
    horizon = rules.parameters.churn.horizon_days
    until = datetime.combine(as_of, time(), UTC) - timedelta(days=horizon)
    rows = await standings.warned_and_left(tx, since=until - timedelta(days=365), until=until, horizon_days=horizon)
    observed = {row.kind: risk.Observed(row.customers, row.left) for row in rows}
    observed[risk.NONE] = risk.Observed(*await standings.unwarned_and_left(tx, since=until, until=until + timedelta(days=horizon)))
    rates = risk.rates(observed, rules.parameters.risk)
    seen = sum(one.customers for one in observed.values())
    await learning.insert(tx, "risk", {"rates": rates}, customers=seen, as_of=as_of.isoformat(), made_at=now)


async def _met_too_late(tx: Transaction, recut: sa.Row[Any], page: int) -> Sequence[str]:
    """Newcomers whom the stream scored by the points before, and who became visible behind the page they belong to."""
    scoring = (await ruling.in_force(tx, clock.now())).parameters.rfm
    return await repository.scored_by_older(tx, recut.version, lambda population: scoring.of(population).method == "quantile", limit=page)


async def _observed_step(tx: Transaction, recut: sa.Row[Any], parameters: ChurnScore, today: date) -> int | None:
    """Every so many days; of as many customers as the parameter set says, by how many there were in the re-cut before."""
    newest = await churn.newest_observed(tx)
    if newest and 0 < (today - date.fromisoformat(newest)).days < parameters.observe_every_days:
        return None
    return -(-await repository.customers_before(tx, recut.version) // parameters.observed_customers) or 1


async def _assess_page(tx: Transaction, recut: sa.Row[Any], page: int) -> bool:
    now, as_of = clock.now(), date.fromisoformat(recut.as_of)
    following = await customers.ids_after(tx, recut.scored_to, limit=page)
    customer_ids = following or await _met_too_late(tx, recut, page)
    if not customer_ids:
        await repository.update_recut(tx, recut.version, finished_at=now)
        await analysis.snapshot(tx, as_of)
        log.info("recut_finished", version=recut.version, customers=recut.customers)
        return False
    held = await hold(tx, customer_ids, now)
    held.to_score |= held.features.keys()
    today = as_of if recut.made_by in {"request", "engine"} else now.date()
    rules = await ruling.read(tx, now)
    step = await _observed_step(tx, recut, rules.parameters.churn_score, today) if today == now.date() else None
    changed = await settle(tx, held, rules=rules, today=today, now=now, scored_to=as_of, observed_step=step)
    done = {"scored_to": max(recut.scored_to, customer_ids[-1]), "customers": recut.customers + len(customer_ids), "changed": recut.changed + changed}
    await repository.update_recut(tx, recut.version, **done)
    return True
