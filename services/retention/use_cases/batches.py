"""The runs of scheduled campaigns: who belongs to the audience, whom to treat with all of them in view, and a decision about each.

A run goes in steps, each a short transaction of its own: whoever is killed in between goes on where it was, and a pause holds from its
answer on. Every decision goes through the same gates as one by a warning; the plan only says which offer, or that others were chosen.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np

from services.retention.audience import belongs
from services.retention.campaign import Campaign
from services.retention.contact_policy import Situation, check, not_again
from services.retention.contactable import Contactable
from services.retention.decision import HOLD_OUTS
from services.retention.hold_out import Arm, bucket, stratified
from services.retention.occasion import SCHEDULE, Alert, Occasion, Plan
from services.retention.planning import Limits, Planned, plan
from services.retention.repository import budget, runs, stock
from services.retention.repository import decisions as repository
from services.retention.schedule import Schedule, latest_turn
from services.retention.settings import load
from services.retention.strata import stratum_of
from services.retention.surroundings import Surroundings
from services.retention.use_cases.deciding import decide_about, look_around
from shared import clock, telemetry
from shared.clock import zone_of
from shared.database import Database, Transaction
from shared.pii import Keyring

Document = dict[str, Any]

LOOK_SECONDS = 1.0
LATEST_START = timedelta(days=1)
"""A turn that was missed by more is left out; a run that is not done by then has lapsed."""
SELECTED_AT_ONCE, DECIDED_AT_ONCE = 1_000, 200
LEFT_TO_THE_RUN = HOLD_OUTS | {"chosen", "campaign_running", "capacity", "budget", "frequency_cap"}
"""Gates that are not asked when the options are listed: of these the plan, the arm or the very moment of deciding says more."""

log = telemetry.logger()


class Option(NamedTuple):
    """One offer that may be made to a customer, as it was expected when they were selected."""

    offer_id: str
    profit_minor: int
    cost_minor: int


async def run_due(database: Database, _: Keyring | None) -> bool:
    """A piece of work of the run that was due first, if there is one."""
    async with database.reading() as connection:
        due = await _due(connection)
        if not due and not await runs.is_any_unfinished(connection):
            return False
    async with database.transaction() as tx:
        for row in due:
            await runs.start(tx, row)
        run = await runs.next_unfinished(tx)
        if run is None:
            return False
        campaign = await repository.get_campaign(tx, run.campaign_id)
        if clock.now() - run.due_at > LATEST_START or campaign is None or campaign.state != "running":
            await _end(tx, run, "lapsed")
        else:
            await _STEPS[run.state](tx, run, repository.campaign_of(campaign))
    return True


async def _due(tx: Transaction) -> list[Document]:
    """The turns that have come and are not known as runs yet."""
    zone = zone_of(load().timezone)
    assert zone is not None, "settings know it"
    now, due = clock.now(), {}
    for row in await runs.scheduled(tx):
        turn = latest_turn(Schedule.of(row.schedule), now, zone, within=LATEST_START)
        if turn is not None and (row.approved_at is None or turn > row.approved_at):
            due[f"{row.campaign_id}@{turn:%Y-%m-%dT%H:%MZ}"] = (row.campaign_id, turn)
    new = sorted(due.keys() - await runs.known(tx, due.keys()))
    begun = {"state": "selecting", "started_at": now, "cursor": "", "scanned": 0, "audience": 0}
    return [{"run_id": run_id, "campaign_id": due[run_id][0], "due_at": due[run_id][1]} | begun for run_id in new]


async def _select(tx: Transaction, run: Any, campaign: Campaign) -> None:
    """The next customers by id, of whom those who belong become members."""
    customers = await runs.customers_after(tx, run.cursor, limit=SELECTED_AT_ONCE)
    found = await _belonging(tx, customers, campaign)
    await runs.add_members(tx, [_member_row(run.run_id, one) for one in found])
    more = {"scanned": run.scanned + len(customers), "audience": run.audience + len(found)}
    if len(customers) < SELECTED_AT_ONCE:
        await runs.change(tx, run.run_id, state="planning", **more)
    else:
        await runs.change(tx, run.run_id, cursor=customers[-1].customer_id, **more)


async def _belonging(tx: Transaction, customers: Sequence[Contactable], campaign: Campaign) -> list[Situation]:
    """Who belongs to the audience and was not exposed lately, each with what could be offered."""
    if not customers:
        return []
    around = await look_around(tx, {one.customer_id for one in customers}, [campaign], default_zone=load().timezone, only_to_try=True)
    mine = [one for one in customers if belongs(campaign.audience, around.facts(one))[0]]
    situations = [around.situation(_alert(campaign, one.customer_id, around), campaign, one) for one in mine]
    return [one for one in situations if not_again(one)[0]]


def _alert(campaign: Campaign, customer_id: str, around: Surroundings) -> Alert:
    return Alert(customer_id, Occasion("", SCHEDULE, "warning", "", around.now))


def _options(s: Situation) -> list[Option]:
    """None where a gate refuses that the plan can not change."""
    if any(not gate.passed for gate in check(s) if gate.gate not in LEFT_TO_THE_RUN):
        return []
    least = s.campaign.least_profit_minor
    if s.weighed:
        return [Option(one.offer_id, one.expected_profit_minor, one.cost_minor) for one in s.weighed if least is None or one.expected_profit_minor >= least]
    return [Option(s.offer.offer_id, 0, s.cost_minor)] if s.offer else []


def _member_row(run_id: str, s: Situation) -> Document:
    place = bucket(run_id, s.campaign.campaign_id, s.customer.customer_id)
    return {
        "run_id": run_id,
        "customer_id": s.customer.customer_id,
        "place": place,
        "options": [list(one) for one in _options(s)],
        "stratum": stratum_of(s.worth),
        "offer_id": None,
    }


async def _plan(tx: Transaction, run: Any, campaign: Campaign) -> None:
    members = await runs.members(tx, run.run_id)
    options = [[Option(*one) for one in row.options] for row in members]
    offers, planned = await _planned(tx, campaign, options)
    chosen = {row.customer_id: offers[column] for row, column in zip(members, planned.chosen.tolist(), strict=True) if column >= 0}
    strata: dict[str, list[str]] = defaultdict(list)
    for row in members:
        if row.customer_id in chosen:
            strata[row.stratum].append(row.customer_id)
    arms = stratified(strata, campaign.hold_out_share, campaign.salt, campaign.campaign_id)
    mine = [row for row in members if row.customer_id in chosen]
    rows = [dict(row._mapping) | {"offer_id": chosen[row.customer_id], "arm": arms[row.customer_id], "place": _place(row, arms)} for row in mine]
    await runs.keep_plan(tx, rows)
    await runs.change(tx, run.run_id, state="deciding", planned=len(chosen), expected_profit_minor=_profit_of(options, planned, offers), gap=planned.gap)


def _place(row: Any, arms: Mapping[str, Arm]) -> float:
    """Who is held out comes first: should places run out after all, those who are left out are drawn, and nobody is missing to compare them with."""
    return float(row.place) - (arms[row.customer_id] == "hold_out")


async def _planned(tx: Transaction, campaign: Campaign, options: Sequence[Sequence[Option]]) -> tuple[list[str], Planned]:
    """The offers by column, and the plan. Blind for arms: who is held out costs nothing, so the limits hold for more than are contacted."""
    offers = sorted({one.offer_id for listed in options for one in listed})
    limits = await _limits(tx, campaign, offers)
    return offers, await asyncio.to_thread(_solve, offers, options, limits, everybody=campaign.least_profit_minor is None)


def _solve(offers: Sequence[str], options: Sequence[Sequence[Option]], limits: Limits, *, everybody: bool) -> Planned:
    """`everybody`: also who is expected to bring nothing, after who brings most: profits are lifted above zero for that."""
    column = {offer_id: nth for nth, offer_id in enumerate(offers)}
    profits, costs = np.full((len(options), len(offers)), np.nan), np.zeros((len(options), len(offers)))
    for row, listed in enumerate(options):
        for one in listed:
            profits[row, column[one.offer_id]] = one.profit_minor
            costs[row, column[one.offer_id]] = one.cost_minor
    if everybody and offers and not np.isnan(profits).all():
        profits += max(0.0, 1.0 - float(np.nanmin(profits)))
    return plan(profits, costs, limits)


async def _limits(tx: Transaction, campaign: Campaign, offers: Sequence[str]) -> Limits:
    treated = 1 - campaign.hold_out_share
    used = (await budget.used(tx, clock.month_of(clock.now()))).get(campaign.campaign_id, 0)
    places = campaign.capacity - (await repository.open_tasks(tx)).get(campaign.campaign_id, 0)
    left = await stock.left(tx, lock=False)
    return Limits(
        cost_minor=None if campaign.budget_minor is None else max(0, campaign.budget_minor - used) / treated,
        contacts=max(0, places) / treated if campaign.channel == "call" else None,
        stock={nth: left[offer_id] / treated for nth, offer_id in enumerate(offers) if offer_id in left},
    )


def _profit_of(options: Sequence[Sequence[Option]], planned: Planned, offers: Sequence[str]) -> int:
    chosen = zip(options, planned.chosen.tolist(), strict=True)
    return sum(one.profit_minor for listed, column in chosen if column >= 0 for one in listed if one.offer_id == offers[column])


async def _decide(tx: Transaction, run: Any, campaign: Campaign) -> None:
    """The next members, in their drawn order."""
    members = await runs.first_members(tx, run.run_id, limit=DECIDED_AT_ONCE)
    if not members:
        await _end(tx, run, "done")
        return
    customers = await repository.lock_contactables(tx, [row.customer_id for row in members])
    alerts = [_planned_alert(run, campaign, row) for row in members]
    await decide_about(tx, alerts, customers, default_zone=load().timezone, only=campaign.campaign_id)
    await runs.drop_members(tx, run.run_id, [row.customer_id for row in members])


def _planned_alert(run: Any, campaign: Campaign, row: Any) -> Alert:
    by_id = {one[0]: Option(*one) for one in row.options}
    if row.offer_id is not None:
        why = f"chosen of {run.audience} in {run.run_id}: {row.offer_id}, expected to bring {by_id[row.offer_id].profit_minor}"
    elif by_id:
        why = f"others of {run.audience} in {run.run_id} were expected to bring more within budget, capacity and stock"
    else:
        why = f"of {run.audience} in {run.run_id}: nothing could be offered"
    reason = f"{campaign.campaign_id} of {run.due_at:%Y-%m-%d}"
    return Alert(row.customer_id, Occasion(f"{run.run_id}:{row.customer_id}", SCHEDULE, "warning", reason, run.due_at), plan=Plan(row.offer_id, why, row.arm))


async def _end(tx: Transaction, run: Any, state: str) -> None:
    await runs.drop_members(tx, run.run_id)
    await runs.change(tx, run.run_id, state=state, ended_at=clock.now())
    log.info("campaign_run_ended", state=state)


_STEPS = {"selecting": _select, "planning": _plan, "deciding": _decide}


async def preview(tx: Transaction, campaign: Campaign, *, scan: int) -> Document:
    """What the next run would do about the first `scan` customers: as with the whole month's budget and no task open. Nothing is written."""
    found: list[Situation] = []
    cursor, scanned = "", 0
    while scanned < scan:
        customers = await runs.customers_after(tx, cursor, limit=min(SELECTED_AT_ONCE, scan - scanned))
        found += await _belonging(tx, customers, campaign)
        scanned += len(customers)
        if not customers:
            break
        cursor = customers[-1].customer_id
    options = [_options(replace(one, open_tasks=0, budget_used_minor=0)) for one in found]
    offers, planned = await _planned(tx, campaign, options)
    chosen = [(s, listed, offers[column]) for s, listed, column in zip(found, options, planned.chosen.tolist(), strict=True) if column >= 0]
    return {
        "scanned": scanned,
        "members": len(found),
        "planned": len(chosen),
        "lost_at": _lost_at(found),
        "expected_cost_minor": sum(one.cost_minor for _, listed, offer_id in chosen for one in listed if one.offer_id == offer_id),
        "expected_profit_minor": _profit_of(options, planned, offers),
        "gap": planned.gap,
        "customer_ids": [s.customer.customer_id for s, _, _ in chosen],
    }


def _lost_at(found: Sequence[Situation]) -> Mapping[str, int]:
    lost: dict[str, int] = defaultdict(int)
    for s in found:
        first = next((gate.gate for gate in check(s) if not gate.passed and gate.gate not in LEFT_TO_THE_RUN), None)
        if first:
            lost[first] += 1
    return dict(sorted(lost.items(), key=lambda one: -one[1]))
