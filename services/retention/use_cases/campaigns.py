"""Campaigns: drafted, tried on what was warned of lately, approved by a second person, paused at once, stopped for good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.retention import occasion
from services.retention.campaign import STEPS, Campaign, Step
from services.retention.contactable import Contactable
from services.retention.decision import decide
from services.retention.occasion import SCHEDULE, Alert
from services.retention.repository import campaigns as repository
from services.retention.repository import decisions, messages, runs
from services.retention.repository import stock as pieces
from services.retention.schedule import Schedule
from services.retention.settings import load
from services.retention.use_cases import batches, stock, views
from services.retention.use_cases.deciding import look_around
from shared import clock, telemetry
from shared.actors import require_name, require_second
from shared.database import Transaction
from shared.errors import AlreadyDecided, Conflict, InvalidRequest, NotFound, StaleDraft

Document = dict[str, Any]

TRIED_CUSTOMERS = 20_000
TRIED_ALERTS = 5_000
"""The newest of the days that a draft is tried on."""

log = telemetry.logger()


async def draft(tx: Transaction, campaign_id: str, content: Document, *, actor: str) -> Document:
    """Raises ActorMissing, Conflict when the id is taken, InvalidRequest for offers that are not there."""
    require_name(actor)
    await _require_offers(tx, content)
    row = content | {"campaign_id": campaign_id, "state": "draft", "salt": f"{campaign_id}-1", "revision": 1, "drafted_by": actor}
    if not await repository.insert_campaign(tx, row):
        raise Conflict(f"there is a campaign {campaign_id} already")
    await repository.add_step(tx, campaign_id, step="draft", actor=actor, reason="", at=clock.now())
    return await views.campaign(tx, campaign_id)


async def edit(tx: Transaction, campaign_id: str, content: Document, *, revision: int, actor: str) -> Document:
    """Of a draft, over the revision that was read. Raises ActorMissing, NotFound, AlreadyDecided, StaleDraft, InvalidRequest."""
    require_name(actor)
    row = await _lock(tx, campaign_id)
    if row.state != "draft":
        raise AlreadyDecided(f"it is {row.state}: draft another one")
    _require_revision(row.revision, revision)
    await _require_offers(tx, content)
    await repository.update_campaign(tx, campaign_id, **content, revision=revision + 1, drafted_by=actor)
    await repository.add_step(tx, campaign_id, step="edit", actor=actor, reason="", at=clock.now())
    return await views.campaign(tx, campaign_id)


async def approve(tx: Transaction, campaign_id: str, *, revision: int, actor: str, reason: str) -> Document:
    """Runs from now on. Raises NotFound, AlreadyDecided, SecondPersonNeeded, StaleDraft."""
    row = await _lock(tx, campaign_id)
    if row.state == "draft":
        require_second(actor, row.drafted_by, "drafted")
        _require_revision(row.revision, revision)
        _require_turn(row)
        await _require_template(tx, row)
    return await _step(tx, campaign_id, row.state, "approve", actor, reason)


async def take_step(tx: Transaction, campaign_id: str, step: Step, *, actor: str, reason: str) -> Document:
    """Pause holds from its answer on, for whoever asks: a kill switch waits for nobody. Raises NotFound, AlreadyDecided, and but for
    pause and resume ActorMissing."""
    if step not in {"pause", "resume"}:
        require_name(actor)
    return await _step(tx, campaign_id, (await _lock(tx, campaign_id)).state, step, actor, reason)


async def try_out(tx: Transaction, campaign_id: str, *, days: int) -> Document:
    """What the campaign would decide about what was warned of in the last days, as customers stand today; nothing is written.
    Raises NotFound."""
    row = await decisions.get_campaign(tx, campaign_id)
    if row is None:
        raise NotFound(f"no campaign {campaign_id}")
    campaign = replace(decisions.campaign_of(row), state="running")
    since = clock.now() - timedelta(days=days)
    heard = [_alert(one) for one in await repository.alerts_since(tx, since, limit=TRIED_ALERTS)]
    alerts = [alert for alert in heard if alert.raised.kind in campaign.offers]
    found = {"campaign_id": campaign_id, "days": days, "alerts": len(alerts), "heard": len(heard)} | await _tried(tx, campaign, alerts, since)
    return found | ({"batch": await _tried_batch(tx, campaign, since)} if SCHEDULE in campaign.offers else {})


async def _tried_batch(tx: Transaction, campaign: Campaign, since: datetime) -> Document:
    found = await batches.preview(tx, campaign, scan=TRIED_CUSTOMERS)
    return found | {"overlaps": await repository.contacted_by_others(tx, campaign.campaign_id, found["customer_ids"], since=since)}


async def _tried(tx: Transaction, campaign: Campaign, alerts: list[Alert], since: datetime) -> Document:
    ids = {alert.customer_id for alert in alerts}
    customers = await repository.contactables(tx, ids)
    around = await look_around(tx, ids, [campaign], default_zone="UTC", only_to_try=True)
    around.open_tasks[campaign.campaign_id] = around.budget_used[campaign.campaign_id] = 0
    lost, verdicts = Counter[str](), Counter[str]()
    contacted: set[str] = set()
    cost = profit = 0
    for alert in alerts:
        situation = around.situation(alert, campaign, customers.get(alert.customer_id, Contactable(alert.customer_id)))
        decision = decide(situation)
        around.note(situation, decision)
        verdicts[decision.verdict] += 1
        if decision.failed_gate:
            lost[decision.failed_gate] += 1
        if decision.contact:
            contacted.add(alert.customer_id)
            cost += situation.cost_minor
            profit += situation.weighed[0].expected_profit_minor if situation.weighed else 0
    return {
        "customers": len(ids),
        "contacts": verdicts["contact"],
        "held_out": verdicts["held_out"],
        "refused": verdicts["refused"],
        "lost_at": dict(lost.most_common()),
        "expected_cost_minor": cost,
        "expected_profit_minor": profit,
        "overlaps": await repository.contacted_by_others(tx, campaign.campaign_id, sorted(contacted), since=since),
    }


async def runs_of(tx: Transaction, campaign_id: str, *, limit: int) -> Sequence[Any]:
    """Raises NotFound."""
    if await decisions.get_campaign(tx, campaign_id) is None:
        raise NotFound(f"no campaign {campaign_id}")
    return await runs.of_campaign(tx, campaign_id, limit=limit)


async def create_offer(tx: Transaction, content: Document, *, actor: str) -> Document:
    """Raises ActorMissing, Conflict when the id is taken."""
    require_name(actor)
    if not await repository.insert_offer(tx, content):
        raise Conflict(f"there is an offer {content['offer_id']} already: what was made of it keeps its meaning")
    if content["stock"] is not None:
        await pieces.note_restock(tx, content["offer_id"], content["stock"], actor=actor, at=clock.now())
    log.info("offer_created")
    return await _offer(tx, content["offer_id"])


async def end_offer(tx: Transaction, offer_id: str, *, actor: str) -> Document:
    """Made to nobody from now on. Raises ActorMissing, NotFound."""
    require_name(actor)
    if not await repository.end_offer(tx, offer_id, clock.now()):
        raise NotFound(f"no offer {offer_id}")
    return await _offer(tx, offer_id)


async def _offer(tx: Transaction, offer_id: str) -> Document:
    (found,) = await stock.shown(tx, [(await decisions.catalogue(tx))[offer_id]])
    return found


async def _step(tx: Transaction, campaign_id: str, state: str, step: Step, actor: str, reason: str) -> Document:
    sources, target = STEPS[step]
    if state != target:
        if state not in sources:
            raise AlreadyDecided(f"it is {state}, and {step} needs it to be {' or '.join(sorted(sources))}")
        await repository.update_campaign(tx, campaign_id, state=target)
        await repository.add_step(tx, campaign_id, step=step, actor=actor, reason=reason, at=clock.now())
    return await views.campaign(tx, campaign_id)


async def _lock(tx: Transaction, campaign_id: str) -> Any:
    row = await decisions.get_campaign(tx, campaign_id, lock=True)
    if row is None:
        raise NotFound(f"no campaign {campaign_id}")
    return row


async def _require_offers(tx: Transaction, content: Document) -> None:
    of_variants = [listed for variant in content["variants"] for listed in variant["offers"].values()]
    missing = {offer_id for listed in (*content["offers"].values(), *of_variants) for offer_id in listed} - (await decisions.catalogue(tx)).keys()
    if missing:
        raise InvalidRequest(f"there is no offer {', '.join(sorted(missing))}")


async def _require_template(tx: Transaction, row: Any) -> None:
    """Of the campaign's own purpose, which is its id, and those of its variants. Raises InvalidRequest."""
    written = {row.channel, *row.fallback_channels} - {"call"}
    purposes = {one["purpose"] or row.campaign_id for one in row.variants} or {row.campaign_id}
    in_force = {(key.channel, key.purpose) for key in await messages.templates_in_force(tx, sorted(purposes))} if written else set()
    missing = {(channel, purpose) for channel in written for purpose in purposes} - in_force
    if missing:
        named = " and ".join(f"no {channel} template of purpose {purpose}" for channel, purpose in sorted(missing))
        raise InvalidRequest(f"there is {named}: nobody could be written to")


def _require_turn(row: Any) -> None:
    """A single turn that has passed would never come. Raises InvalidRequest."""
    if row.schedule and row.schedule["every"] == "once":
        schedule = Schedule.of(row.schedule)
        zone = clock.zone_of(load().timezone)
        if datetime.combine(schedule.starts_on, schedule.at, zone) <= clock.now():
            raise InvalidRequest(f"its only turn, {schedule.starts_on} {schedule.at:%H:%M} on the operator's clock, has passed")


def _require_revision(held: int, seen: int) -> None:
    if held != seen:
        raise StaleDraft(f"it was edited since: revision {held}, and {seen} was read", newest=held)


def _alert(row: Any) -> Alert:
    return Alert(row.customer_id, occasion.from_json(row.alert))
