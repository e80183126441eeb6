"""What is learned from all customers now and then: lifetime models, contract survival, behaviour clusters, what goes together.

One kind per step, and outside of any transaction but the one that stores it: reading is bounded by a sample, fitting runs in a
thread, and the stream goes on meanwhile. What can not be learned says why, and is tried again when it is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from services.segmentation import affinity, clv
from services.segmentation.behaviour import behaviour_of
from services.segmentation.features import Features
from services.segmentation.models import DAYS_PER_MONTH, DAYS_PER_WEEK, Kind, held_by
from services.segmentation.repository import customers
from services.segmentation.repository import learning as repository
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases import sampling
from services.segmentation.use_cases.rules import Rules
from shared import clock, telemetry
from shared.database import Database, Transaction

READ_ROWS = 5_000
OBSERVED_DAYS = 365
"""Contracts are watched over the last year: who left before may not be on record."""

Learnt = tuple[dict[str, Any], int]
"""The document of a model, and from how many customers it is."""
Learn = Callable[[Transaction, Rules, date], Awaitable[Learnt]]

log = telemetry.logger()


class NothingToLearnFrom(Exception):
    """Nobody shows yet what a kind is learned from."""


async def want(tx: Transaction, kinds: list[Kind]) -> None:
    """Learned anew as soon as the worker comes to it, whatever the day."""
    await repository.want(tx, kinds)


async def carry_on(database: Database) -> bool:
    """Learn one kind that is due; whether another one may be."""
    now = clock.now()
    async with database.reading() as tx:
        rules = await ruling.read(tx, now)
        today = rules.behaviour_until(now.date())
        kind = await _due(tx, rules, today)
        if kind is None:
            return False
        learnt, refused = await _try(tx, LEARNED[kind], rules, today)
    async with database.transaction() as tx:
        if learnt:
            await repository.insert(tx, kind, learnt[0], customers=learnt[1], as_of=today.isoformat(), made_at=now)
        await repository.note_trial(tx, kind, tried_on=today.isoformat(), refused=refused)
    log.info("model_learned" if learnt else "model_refused", kind=kind, reason=refused)
    return True


async def _due(tx: Transaction, rules: Rules, today: date) -> Kind | None:
    """What was asked for, then what is oldest, if it is old enough."""
    if not await customers.anyone(tx):
        return None
    trials = await repository.trials(tx)
    before = (today - timedelta(days=rules.parameters.clusters.refit_days)).isoformat()
    due = [kind for kind in LEARNED if kind not in trials or trials[kind].wanted or trials[kind].tried_on <= before]
    return min(due, key=lambda kind: (kind in trials and not trials[kind].wanted, trials[kind].tried_on if kind in trials else ""), default=None)


async def _try(tx: Transaction, learn: Learn, rules: Rules, today: date) -> tuple[Learnt | None, str | None]:
    try:
        return await learn(tx, rules, today), None
    except (NothingToLearnFrom, clv.CannotFit) as error:
        return None, str(error)[:300]


async def _lifetime(tx: Transaction, rules: Rules, today: date) -> Learnt:
    """Frequency and recency are of repeat purchases; what a purchase is worth is judged by all of them."""
    chosen, _ = await sampling.choose(tx, at_most=rules.parameters.clusters.sampled_customers)
    pages = [chosen[start : start + READ_ROWS] for start in range(0, len(chosen), READ_ROWS)]
    rows = [row for page in pages for row in await repository.purchase_histories(tx, page)]
    if not rows:
        raise NothingToLearnFrom("nobody who pays as they go has paid yet")
    days = np.array([row[0] for row in rows], dtype=float)
    first = np.array([date.fromisoformat(row[1]).toordinal() for row in rows], dtype=float)
    last = np.array([date.fromisoformat(row[2]).toordinal() for row in rows], dtype=float)
    paid = np.array([row[3] for row in rows], dtype=float)
    until = np.maximum(last, today.toordinal())

    def fit() -> dict[str, Any]:
        triples = clv.grouped(days - 1, (last - first) / DAYS_PER_WEEK, (until - first) / DAYS_PER_WEEK)
        frequency, recency, age = triples.columns
        spenders = paid > 0
        purchases = clv.fit_purchases(frequency, recency, age, triples.weights)
        spend = clv.fit_spend(days[spenders], paid[spenders] / days[spenders])
        return {"purchases": purchases.document(), "spend": spend.document()}

    return await asyncio.to_thread(fit), len(rows)


async def _survival(tx: Transaction, rules: Rules, today: date) -> Learnt:
    """Months of postpaid contracts, seen over the last year: entered when it began, or when they did."""
    since = today - timedelta(days=OBSERVED_DAYS)
    seen = [row async for features in _sampled(tx, rules) for row in _contracts(features, since, today)]
    if not seen:
        raise NothingToLearnFrom("there are no contracts yet")
    months, ended, entered = (np.array(column, dtype=float) for column in zip(*seen, strict=True))
    model = await asyncio.to_thread(lambda: clv.fit_survival(months, ended, entered=entered))
    return model.document(), len(seen)


def _contracts(features: Features, since: date, today: date) -> list[tuple[int, int, int]]:
    """(months, ended, months when observation began) of each postpaid subscription that was live within the time."""
    found = []
    for one in features.subscriptions:
        if one["payment_type"] != "postpaid" or not one["activated_on"]:
            continue
        began, ended = date.fromisoformat(one["activated_on"]), date.fromisoformat(one["terminated_on"]) if one["terminated_on"] else None
        last = min(ended or today, today)
        if last < since or last < began:
            continue
        months = int((last - began).days / DAYS_PER_MONTH) + (ended is not None)
        entered = max(0, int((since - began).days / DAYS_PER_MONTH))
        if months > entered:
            found.append((months, int(ended is not None), entered))
    return found


async def _clusters(tx: Transaction, rules: Rules, today: date) -> Learnt:
    # scikit-learn takes more than a second of every start and 60 MB, and is needed once a week.
    from services.segmentation import clustering

    rows = [row async for features in _sampled(tx, rules) if features.live and (row := behaviour_of(features, today))]
    wanted = rules.parameters.clusters.clusters or None
    try:
        model = await asyncio.to_thread(lambda: clustering.fit(rows, k=wanted, previous=rules.learned.clusters))
    except clustering.TooFewCustomers as error:
        raise NothingToLearnFrom(str(error)) from error
    return model.document(), len(rows)


async def _affinity(tx: Transaction, rules: Rules, today: date) -> Learnt:
    counts = affinity.count([frozenset(held_by(features)) async for features in _sampled(tx, rules) if features.live])
    if not counts.singles:
        raise NothingToLearnFrom("nobody holds a product yet")
    parameters = replace(affinity.PARAMETERS, least_customers=rules.parameters.clusters.affinity_least_customers)
    found = affinity.rules_of(counts, parameters)
    return {"rules": [rule._asdict() for rule in found[:RULES_KEPT]]}, counts.customers


async def _sampled(tx: Transaction, rules: Rules) -> AsyncIterator[Features]:
    chosen, _ = await sampling.choose(tx, at_most=rules.parameters.clusters.sampled_customers)
    async for features in sampling.read(tx, chosen):
        yield features


RULES_KEPT = 200
LEARNED: dict[Kind, Learn] = {"lifetime": _lifetime, "survival": _survival, "clusters": _clusters, "affinity": _affinity}
