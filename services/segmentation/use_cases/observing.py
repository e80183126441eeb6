"""What became of who was observed: labels once they are final, and whether the models still say what comes true.

Once a day, a page at a time:
1. `leave` by the churn definition, `brand_downgrade` by what was observed a horizon later, `arpu_decline` by the next whole month.
2. Of exposures to campaigns, whether they left.
3. When all that is final has its label: the health of the models, by the newest observations and the newest labels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.segmentation.churn.health import Observed, health_of
from services.segmentation.churn.labels import arpu_declined, brand_downgraded, has_left, matures_within
from services.segmentation.churn.row import ROW_VERSION
from services.segmentation.churn.scoring import restored
from services.segmentation.repository import churn as repository
from services.segmentation.repository import customers, learning
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases.rules import Rules
from shared import clock, telemetry
from shared.contracts.retention import DecisionMade
from shared.database import Database, Transaction
from shared.worker import Delivery

PAGE = 500
KEPT_DAYS = 400
JUDGED_ROWS = 50_000
"""Of the newest days observed together, and of the newest labels."""
JUDGED_DAYS = 28
"""Bills and payments come once a month: on one day of it everybody looks as if they had drifted."""
HEALTH = "churn_health"
DONE = "observations"
"""The entry in `model_trials` that says on which day all labels were written down."""

log = telemetry.logger()


async def note_exposures(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    """Who was to be contacted and who was held out, with the row that they were scored by then."""
    decided = [(one.event.subject.removeprefix("customer:"), one.event.data) for one in deliveries]
    exposed = {(customer_id, decision.campaign_id): decision for customer_id, decision in decided if isinstance(decision, DecisionMade) and decision.arm}
    rows = await repository.rows_of(tx, {customer_id for customer_id, _ in exposed})
    await repository.expose(tx, [_exposure(key, exposed[key], rows.get(key[0])) for key in sorted(exposed)])


def _exposure(key: tuple[str, str], decision: DecisionMade, scored: sa.Row[Any] | None) -> dict[str, Any]:
    return {
        "customer_id": key[0],
        "campaign_id": key[1],
        "arm": decision.arm,
        "exposed_on": decision.decided_at.date().isoformat(),
        "row": scored.row if scored is not None else None,
        "row_version": scored.row_version if scored is not None else None,
    }


async def carry_on(database: Database) -> bool:
    """One page; whether there may be another."""
    now = clock.now()
    async with database.reading() as tx:
        trials = await learning.trials(tx)
        if DONE in trials and trials[DONE].tried_on >= now.date().isoformat():
            return False
    async with database.transaction() as tx:
        rules = await ruling.read(tx, now)
        known_on = rules.behaviour_until(now.date())
        for label in (*_LABELS, _label_exposures):
            if await label(tx, rules, known_on):
                return True
        await _judge_models(tx, rules, now)
        await repository.drop_observed_before(tx, (known_on - timedelta(days=KEPT_DAYS)).isoformat())
        await learning.note_trial(tx, DONE, tried_on=now.date().isoformat(), refused=None)
    return False


async def _label_leaving(tx: Transaction, rules: Rules, known_on: date) -> bool:
    parameters = rules.parameters.churn
    until = known_on - timedelta(days=matures_within(parameters))
    rows = await repository.unlabelled(tx, "leave", until=until.isoformat(), limit=PAGE)
    held = await customers.read_features(tx, {row.customer_id for row in rows})
    found = [_keyed(row, has_left(held.get(row.customer_id), _day(row), known_on=known_on, parameters=parameters)) for row in rows]
    await repository.label(tx, "leave", found)
    return bool(rows)


async def _label_downgrades(tx: Transaction, rules: Rules, known_on: date) -> bool:
    horizon = rules.parameters.churn.horizon_days
    late = horizon + rules.parameters.churn_score.observe_every_days
    rows = await repository.unlabelled(tx, "brand_downgrade", until=(known_on - timedelta(days=late + 1)).isoformat(), limit=PAGE)
    rows = [row for row in rows if row.observed_on == rows[0].observed_on]
    if not rows:
        return False
    first, last = (_day(rows[0]) + timedelta(days=days) for days in (horizon - 2, late))
    later = await repository.observed_of(tx, {row.customer_id for row in rows}, first=first.isoformat(), last=last.isoformat())
    then = {row.customer_id: restored(row.row) for row in reversed(later) if row.row_version == ROW_VERSION}
    await repository.label(tx, "brand_downgrade", [_keyed(row, brand_downgraded(restored(row.row), then.get(row.customer_id))) for row in rows])
    return True


async def _label_declines(tx: Transaction, rules: Rules, known_on: date) -> bool:
    """When the month after that of the observation is over, and its bills are told."""
    over = known_on - timedelta(days=rules.parameters.churn.maturation_days)
    until = date.fromisoformat(f"{clock.months_before(f'{over:%Y-%m}', 1)}-01") - timedelta(days=1)
    rows = await repository.unlabelled(tx, "arpu_decline", until=until.isoformat(), limit=PAGE)
    held = await customers.read_features(tx, {row.customer_id for row in rows})
    found = [_keyed(row, arpu_declined(held.get(row.customer_id), _day(row), parameters=rules.parameters.churn_score)) for row in rows]
    await repository.label(tx, "arpu_decline", found)
    return bool(rows)


async def _label_exposures(tx: Transaction, rules: Rules, known_on: date) -> bool:
    parameters = rules.parameters.churn
    until = known_on - timedelta(days=matures_within(parameters))
    rows = await repository.unlabelled_exposures(tx, until=until.isoformat(), limit=PAGE)
    held = await customers.read_features(tx, {row.customer_id for row in rows})
    found = [
        (row.customer_id, row.campaign_id, has_left(held.get(row.customer_id), date.fromisoformat(row.exposed_on), known_on=known_on, parameters=parameters))
        for row in rows
    ]
    await repository.label_exposures(tx, found)
    return bool(rows)


async def _judge_models(tx: Transaction, rules: Rules, now: datetime) -> None:
    newest = await repository.newest_observed(tx)
    if newest is None:
        return
    rows = await _of_a_month(tx, newest, rules.parameters.churn_score.observe_every_days)
    told = await repository.newest_labelled(tx, "leave", limit=JUDGED_ROWS)

    def judge() -> dict[str, Any]:
        return health_of([_observed(row) for row in rows], [_observed(row) for row in told], models=rules.models, parameters=rules.parameters.churn_score)

    document = await asyncio.to_thread(judge)
    before = await learning.newest_of(tx, HEALTH)
    await learning.insert(tx, HEALTH, document, customers=len({row.customer_id for row in rows}), as_of=newest, made_at=now)
    for alarm in sorted(set(document["alarms"]) - set(before.document["alarms"] if before is not None else ())):
        log.warning("churn_model_alarm", error=alarm)
    telemetry.CHURN_ALARMS.set(len(document["alarms"]))


async def _of_a_month(tx: Transaction, newest: str, every_days: int) -> list[sa.Row[Any]]:
    """As many of each day; nobody while a month was not observed yet."""
    first = (date.fromisoformat(newest) - timedelta(days=JUDGED_DAYS - 1)).isoformat()
    days = await repository.days_observed(tx, first=first)
    if len(days) < JUDGED_DAYS // every_days:
        return []
    return [row for day in days for row in await repository.observed_on(tx, day, limit=JUDGED_ROWS // len(days))]


def _observed(row: sa.Row[Any]) -> Observed:
    values = restored(row.row) if row.row_version == ROW_VERSION else None
    return Observed(row.population, values, row.probabilities, row.versions, row.shadow, row.leave)


def _keyed(row: sa.Row[Any], label: int) -> tuple[str, str, int]:
    return row.observed_on, row.customer_id, label


def _day(row: sa.Row[Any]) -> date:
    return date.fromisoformat(row.observed_on)


Label = Callable[[Transaction, Rules, date], Awaitable[bool]]
_LABELS: tuple[Label, ...] = (_label_leaving, _label_downgrades, _label_declines)
