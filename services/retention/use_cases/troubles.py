"""What troubles customers, as they tell of it and as it is fixed, and the make-goods that are proposed for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from services.retention import service, service_levels
from services.retention.compensation import PROPOSED_WITHIN
from services.retention.contactable import Contactable
from services.retention.repository import credits as credits_repository
from services.retention.repository import decisions
from services.retention.repository import troubles as repository
from services.retention.service import Key, Trouble
from services.retention.service_levels import PERCENT_OF_GRADE, grade_of, make_good, patience
from services.retention.settings import load
from services.retention.use_cases.credits import Proposal, propose
from shared import clock
from shared.contracts.customer import Fact
from shared.contracts.retention import CreditCause
from shared.database import Database, Transaction
from shared.pii import Keyring

LOOK_SECONDS = 5.0
PAGE = 200
CURRENCY = load().currency

Told = tuple[Key, Fact]


def told_by(customer_id: str, facts: Iterable[Fact]) -> list[Told]:
    keyed = ((service.key_of(customer_id, fact), fact) for fact in facts)
    return [(key, fact) for key, fact in keyed if key is not None]


async def take_in(tx: Transaction, told: Sequence[Told], customers: Mapping[str, Contactable], *, reset: Collection[str]) -> None:
    """Note what the facts tell, and propose a make-good for what was fixed. The customers are locked; of who was reset everything is
    told anew."""
    await repository.forget(tx, reset)
    if not told:
        return
    held = await repository.held(tx, {key.customer_id for key, _ in told})
    changed: dict[Key, Trouble] = {}
    for key, fact in told:
        changed[key] = service.hear(changed.get(key) or held.get(key) or service.new(key), fact)
    await _save(tx, changed.values(), customers)


async def look(database: Database, _: Keyring | None) -> bool:
    """A page of outages that have lasted long enough by now to be made good; whether there may be more."""
    async with database.reading() as connection:
        if not await repository.due(connection, clock.now(), limit=1):
            return False
    async with database.transaction() as tx:
        return await look_page(tx)


async def look_page(tx: Transaction) -> bool:
    due = await repository.due(tx, clock.now(), limit=PAGE)
    customers = await decisions.lock_contactables(tx, due)
    await _save(tx, [one for one in (await repository.held(tx, due)).values() if one.kind == "outage"], customers)
    return len(due) == PAGE


async def _save(tx: Transaction, troubles: Collection[Trouble], customers: Mapping[str, Contactable]) -> None:
    now = clock.now()
    grades = {one.key: grade_of(customers[one.key.customer_id].service_star) for one in troubles}
    await repository.save(tx, troubles, look_at={one.key: one.next_look(grades[one.key], now) for one in troubles})
    proposals = [_proposal(one, cause, grades[one.key], now) for one in troubles if (cause := _cause(one, now)) is not None]
    await propose(tx, await _once_per_outage(tx, proposals))


def _cause(one: Trouble, now: datetime) -> CreditCause | None:
    """What of it is made good by itself: what was fixed, and an outage also while it lasts."""
    if one.began_at is None or one.opened_by is None:
        return None
    if one.kind == "outage":
        return "outage"
    if one.is_open(now):
        return None
    return "complaint" if one.kind == "complaint" else "bill_dispute" if one.kind == "bill_dispute" else None


def _proposal(one: Trouble, cause: CreditCause, grade: service_levels.Grade, now: datetime) -> Proposal:
    assert one.began_at and one.opened_by, "of one that began"
    until = min(one.over_at or now, now)
    found = make_good(cause, one.severity, until - one.began_at, grade)
    rate = service_levels.RATES[cause].get(one.severity)
    basis = {
        "severity": one.severity,
        "began_at": one.began_at.isoformat(),
        "until": until.isoformat(),
        "grade": grade,
        "patience_hours": patience(cause, grade).total_seconds() / 3600,
        "further_days": found.days,
        "rate": rate._asdict() if rate else None,
        "percent_of_grade": PERCENT_OF_GRADE[grade - 1],
    }
    is_news = until > now - PROPOSED_WITHIN
    return Proposal(cause, one.opened_by, one.key.trouble_id, one.key.customer_id, found.amount_minor, CURRENCY, basis, is_news)


async def _once_per_outage(tx: Transaction, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Two ids of one person met the same outage: it is made good under the first."""
    outages = [one for one in proposals if one.cause == "outage"]
    if not outages:
        return list(proposals)
    survivors = await decisions.survivors(tx, {one.customer_id for one in outages})
    groups: dict[str, set[str]] = defaultdict(set)
    for survivor_id, merged in (await decisions.members(tx, survivors)).items():
        group = {survivor_id, *merged}
        groups |= dict.fromkeys(group, group)
    everybody = {one.customer_id for one in outages}.union(*groups.values())
    there = await credits_repository.made_good(tx, everybody)
    return [one for one in proposals if not _others(there, groups.get(one.customer_id, {one.customer_id}), one)]


def _others(there: Mapping[tuple[str, str], str], group: Collection[str], one: Proposal) -> bool:
    found = {there.get((customer_id, one.cause_id)) for customer_id in group} - {None}
    return one.cause == "outage" and bool(found) and one.credit_id not in found
