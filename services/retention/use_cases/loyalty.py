"""Loyalty points as payments come, as they are redeemed, and as they expire. Everything is booked under the locks of all ids of a person."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.retention.contactable import Contactable
from services.retention.loyalty import RULES, Account, Key, Ledger, Lot, lot_of, months_later
from services.retention.occasion import Alert
from services.retention.repository import decisions
from services.retention.repository import loyalty as repository
from services.retention.repository.loyalty import Member
from services.retention.tables import OUTBOX
from services.retention.use_cases import club, people, publishing
from services.retention.use_cases.club import Moved
from shared import clock, outbox
from shared.actors import require_name
from shared.contracts.billing import PaymentReceived, PaymentReversed, PointsRedeemed, ToppedUp
from shared.contracts.customer import Activity, Fact
from shared.contracts.retention import ClubLevelChanged, RedemptionMade
from shared.database import Database, Transaction
from shared.errors import InvalidRequest, NotEnoughPoints
from shared.pii import Keyring

LOOK_SECONDS = 5.0
PAGE = 200
LISTED_ENTRIES = 100

NEWS_WITHIN = timedelta(days=3)
"""A payment that is told of later is history: the level follows, and no campaign does."""

REDEMPTIONS = "holdfast/retention/redemptions"

# What names the payment in each fact that earns.
EARNING = {PaymentReceived.type: "payment_id", ToppedUp.type: "top_up_id"}
TAKEN_IN = frozenset({*EARNING, PaymentReversed.type, PointsRedeemed.type})

Document = dict[str, Any]
Groups = dict[str, tuple[str, ...]]


class Told(NamedTuple):
    """A fact that was told of a customer, and when. `restated`: it was told before."""

    customer_id: str
    at: datetime
    fact: Fact
    restated: bool

    @property
    def key(self) -> Key:
        return Key(self.fact.id, self.fact.source)


@dataclass(frozen=True, slots=True)
class Opened:
    """The ledger of some persons under their locks, and what is kept of each id."""

    groups: Groups
    held: Mapping[str, Contactable]
    ledger: Ledger
    members: Mapping[str, Member]


def told_by(customer_id: str, at: datetime, activity: Activity) -> list[Told]:
    return [Told(customer_id, at, fact, activity.restated or activity.resets) for fact in activity.facts if fact.type in TAKEN_IN]


async def concerned(tx: Transaction, activities: Iterable[tuple[str, Activity]]) -> set[str]:
    """Every id whose points these activities may move: of who pays or is told anew, of who held the same fact before, and of all who
    are one person with them. To be locked before the activities are heard, as a reset parts people."""
    ids, keys = set[str](), set[Key]()
    for customer_id, activity in activities:
        facts = [fact for fact in activity.facts if fact.type in TAKEN_IN]
        if facts or activity.resets:
            ids |= {customer_id, activity.merged_into or customer_id}
            keys |= {Key(fact.id, fact.source) for fact in facts}
    return set(await _groups(tx, ids | await repository.owners(tx, keys))) if ids else set()


async def take_in(tx: Transaction, told: Sequence[Told], *, concerned: Collection[str], erased: Collection[str]) -> list[Alert]:
    """Book what is new, each fact once for ever, whoever it is told of and how often; the levels that rose or fell by news, to be decided about.

    1. Payments earn; one that was told of somebody else before takes what is left of its points along.
    2. Reversals take points back, also one that overtook its payment.
    3. What billing says was redeemed is the redemption made here, or else takes what is there.
    4. What is over expires, levels follow, and who was erased is named no more.
    """
    if not concerned:
        return []
    told = [one for one in told if one.customer_id not in erased]
    lots = [_lot(one) for one in told if one.fact.type in EARNING]
    fresh = await repository.claim_lots(tx, {lot.key: lot for lot in lots if _earns(lot)}.values())
    redeemed = await _claim_redemptions(tx, told)
    reversals = [_reversal(one) for one in told if one.fact.type == PaymentReversed.type]
    await repository.claim_reversals(tx, {(row["fact_id"], row["source"]): row for row in reversals}.values())
    payment_ids = {lot.payment_id for lot in lots} | {row["payment_id"] for row in reversals}
    opened = await _open(tx, concerned, keys={lot.key for lot in lots}, fresh=fresh, payment_ids=payment_ids)
    for lot in lots:
        _take_payment(opened.ledger, lot)
    await _reverse(tx, opened, payment_ids)
    await _redeem_as_told(tx, opened, redeemed)
    for customer_id in erased:
        opened.ledger.close(customer_id)
    moved = await _save(tx, opened)
    await repository.forget(tx, erased)
    news = {one.customer_id for one in told if _is_news(one)}
    return [alert for alert in club.occasions(moved) if alert.customer_id in news]


async def redeem(tx: Transaction, customer_id: str, *, points: int, item: str, place: str, actor: str) -> Document:
    """Spend points, from all ids of the person. Raises ActorMissing, NotFound, Gone, InvalidRequest, NotEnoughPoints."""
    require_name(actor)
    if points < RULES.least_redemption:
        raise InvalidRequest(f"at least {RULES.least_redemption} points are redeemed at once")
    await people.carries_on(tx, customer_id)
    opened = await _open(tx, {customer_id})
    await people.carries_on(tx, customer_id)
    available = opened.ledger.available(customer_id)
    if available < points:
        raise NotEnoughPoints(f"{available} points are there, {points} were asked for", available=available)
    made = RedemptionMade(redemption_id=uuid.uuid4().hex, points=points, item=item, place=place, balance=available - points, redeemed_at=clock.now())
    opened.ledger.spend(customer_id, points, reference=made.redemption_id)
    survivor_id = opened.groups[customer_id][0]
    row = made.model_dump(exclude={"balance"}) | {"customer_id": survivor_id, "covered_points": points, "actor": actor, "fact_id": None, "source": None}
    await repository.insert_redemption(tx, row)
    moved = await _save(tx, opened)
    await outbox.publish(tx, OUTBOX, [publishing.event_message(made, survivor_id, source=REDEMPTIONS, event_id=made.redemption_id, at=made.redeemed_at)])
    await club.decide(tx, club.occasions(moved), opened.held)
    return made.model_dump()


async def view(tx: Transaction, customer_id: str) -> Document:
    """Of the person, whichever of their ids is asked for. Raises NotFound, Gone."""
    await people.carries_on(tx, customer_id)
    group = (await _groups(tx, {customer_id}))[customer_id]
    ledger = await _ledger(tx, {customer_id: group}, today=_today())
    standing, members = ledger.standing(customer_id), await repository.members(tx, group)
    further = RULES.next_level(standing.earned)
    return {
        "customer_id": group[0],
        "balance": standing.available,
        "owed": standing.owed,
        "expiring": standing.expiring,
        "expiring_on": standing.expiring_on,
        "level": members[group[0]].level if group[0] in members else None,
        "level_points": standing.earned,
        "next_level": further.name if further else None,
        "points_to_next_level": further.from_points - standing.earned if further else None,
        "entries": await repository.entries_of(tx, group, limit=LISTED_ENTRIES),
    }


async def verify(tx: Transaction) -> Document:
    """What the accounts add up to, and what does not fit."""
    unbalanced, differing = await repository.unbalanced(tx), await repository.differing(tx)
    return {
        "accounts": await repository.sums(tx),
        "sound": not unbalanced and not differing,
        "unbalanced_transactions": unbalanced,
        "differing_customers": differing,
    }


async def expire(database: Database, _: Keyring | None) -> bool:
    """A page of the members whose points are over, or whose level may have changed, by today; whether there may be more."""
    async with database.reading() as connection:
        if not await repository.due(connection, _today(), limit=1):
            return False
    async with database.transaction() as tx:
        return await expire_page(tx, _today())


async def expire_page(tx: Transaction, today: date, *, page: int = PAGE) -> bool:
    due = await repository.due(tx, today, limit=page)
    if due:
        opened = await _open(tx, due, today=today)
        await club.decide(tx, club.occasions(await _save(tx, opened)), opened.held)
    return len(due) == page


async def _open(
    tx: Transaction,
    customer_ids: Collection[str],
    *,
    keys: Collection[Key] = (),
    fresh: Collection[Key] = (),
    payment_ids: Collection[str] = (),
    today: date | None = None,
) -> Opened:
    """Lock these people and who holds these facts, and read what is theirs; not the lots that are `fresh`, nothing is booked of them yet."""
    groups, held = await _locked(tx, customer_ids, keys)
    ledger = await _ledger(tx, groups, keys=keys, fresh=fresh, payment_ids=payment_ids, today=today or _today())
    return Opened(groups, held, ledger, await repository.members(tx, groups))


async def _locked(tx: Transaction, customer_ids: Collection[str], keys: Collection[Key]) -> tuple[Groups, dict[str, Contactable]]:
    """All ids of these people, locked. Who was merged while a lock was waited for brings more to lock, and so may who is locked by then."""
    held: dict[str, Contactable] = {}
    while True:
        groups = await _groups(tx, {*customer_ids, *await repository.owners(tx, keys)})
        if groups.keys() <= held.keys():
            return groups, held
        held |= await decisions.lock_contactables(tx, groups.keys() - held.keys())


async def _groups(tx: Transaction, customer_ids: Collection[str]) -> Groups:
    """Each of these, and each who is one person with one of them -> all ids of that person, who carries on first."""
    survivors = await decisions.survivors(tx, customer_ids)
    merged = await decisions.members(tx, survivors)
    groups: Groups = {one: (one,) for one in customer_ids}
    for survivor_id in survivors:
        group = (survivor_id, *merged.get(survivor_id, ()))
        groups |= dict.fromkeys(group, group)
    return groups


async def _ledger(
    tx: Transaction, groups: Groups, *, today: date, keys: Collection[Key] = (), fresh: Collection[Key] = (), payment_ids: Collection[str] = ()
) -> Ledger:
    everybody = {one for group in groups.values() for one in group}
    since = datetime.combine(months_later(today, -RULES.level_months) - timedelta(days=1), time(), clock.now().tzinfo)
    lots = await repository.lots(tx, everybody, counting_since=since, keys=keys, payment_ids=payment_ids)
    return Ledger(RULES, groups, [lot for lot in lots if lot.key not in fresh], today=today)


async def _claim_redemptions(tx: Transaction, told: Sequence[Told]) -> list[Document]:
    """Those that billing never told us of before."""
    rows = {one.key: _told_redemption(one) for one in told if one.fact.type == PointsRedeemed.type}
    new = await repository.claim_redemptions(tx, rows.values())
    return [row for row in rows.values() if row["redemption_id"] in new]


def _take_payment(ledger: Ledger, lot: Lot) -> None:
    if lot.key in ledger.lots:
        ledger.move(lot.key, lot.customer_id, told_at=lot.told_at)
    else:
        ledger.earn(lot)


async def _reverse(tx: Transaction, opened: Opened, payment_ids: Collection[str]) -> None:
    for row in await repository.waiting_reversals(tx, opened.groups, payment_ids):
        left_minor = opened.ledger.reverse(row.customer_id, row.payment_id, row.unapplied_minor)
        if left_minor < row.unapplied_minor:
            await repository.apply_reversal(tx, Key(row.fact_id, row.source), unapplied_minor=left_minor)


async def _redeem_as_told(tx: Transaction, opened: Opened, told: Sequence[Document]) -> None:
    """What nobody asked us about was given all the same: it takes what is there. What is not there was never ours, and nobody owes it."""
    if not told:
        return
    moments = [one["redeemed_at"] for one in told]
    since, until = min(moments) - RULES.same_within, max(moments) + RULES.same_within
    ours = await repository.unconfirmed(tx, opened.groups, since=since, until=until)
    for one in sorted(told, key=lambda one: (one["redeemed_at"], one["redemption_id"])):
        same = next((row for row in ours if _is_same(opened.groups, row, one)), None)
        if same is not None:
            ours.remove(same)
            await repository.confirm(tx, same.redemption_id, told=one)
        else:
            spent = opened.ledger.spend(one["customer_id"], one["points"], reference=one["redemption_id"])
            await repository.cover(tx, one["redemption_id"], points=spent)


def _is_same(groups: Groups, row: sa.Row[Any], told: Document) -> bool:
    theirs = row.customer_id in groups[told["customer_id"]] and (row.points, row.item) == (told["points"], told["item"])
    return theirs and abs(row.redeemed_at - told["redeemed_at"]) <= RULES.same_within


async def _save(tx: Transaction, opened: Opened) -> list[Moved]:
    """What is over expires first; the lots, entries and balances, and the levels that follow from them, published where they changed."""
    ledger, now = opened.ledger, clock.now()
    survivors = {group[0] for group in opened.groups.values()}
    for survivor_id in sorted(survivors):
        ledger.expire(survivor_id)
    await repository.save(tx, lots=[ledger.lots[key] for key in ledger.changed], bookings=ledger.bookings, members=(), at=now)
    holders = await repository.holders(tx, opened.groups)
    carrying_on = {one for one in survivors if not opened.held[one].is_gone and not holders.isdisjoint(opened.groups[one])}
    before = {one: opened.members.get(one, Member(one)) for one in opened.groups}
    added = ledger.added()
    after = {one: _after(before[one], added, ledger, now, carries_on=one in carrying_on) for one in before}
    changed = [one for one in after if after[one] != before[one]]
    await repository.save(tx, lots=(), bookings=(), members=[after[one] for one in changed], at=now)
    moved = [_moved(before[one], after[one], ledger, now) for one in sorted(changed) if after[one].level != before[one].level]
    await club.publish(tx, moved)
    return moved


def _after(before: Member, added: Mapping[tuple[Account, str | None], int], ledger: Ledger, now: datetime, *, carries_on: bool) -> Member:
    """Balances go on from what was kept by what was booked: so a wrong one shows when they are compared."""
    standing = ledger.standing(before.customer_id)
    level = RULES.level_for(standing.earned).name if carries_on else None
    return replace(
        before,
        points=before.points + added.get(("points", before.customer_id), 0),
        owed=before.owed - added.get(("owed", before.customer_id), 0),
        level=level,
        level_since=before.level_since if level == before.level else now,
        due_on=standing.due_on if carries_on else None,
    )


def _moved(before: Member, after: Member, ledger: Ledger, now: datetime) -> Moved:
    earned = ledger.standing(after.customer_id).earned if after.level else 0
    changed = ClubLevelChanged(level=after.level, previous_level=before.level, points_earned=earned, changed_at=now)
    return Moved(uuid.uuid4().hex, after.customer_id, changed)


def _is_news(told: Told) -> bool:
    """History that is imported, and what is told again after a merge, greets nobody for a level."""
    return not told.restated and clock.now() - told.fact.occurred_at <= NEWS_WITHIN


def _lot(told: Told) -> Lot:
    fact = told.fact
    payment_id, amount_minor = fact.data[EARNING[fact.type]], fact.data["amount_minor"]
    return lot_of(RULES, told.key, told.customer_id, payment_id=payment_id, amount_minor=amount_minor, earned_at=fact.occurred_at, told_at=told.at)


def _earns(lot: Lot) -> bool:
    return lot.points > 0 and lot.expires_on > _today()


def _reversal(told: Told) -> Document:
    data = told.fact.data
    return told.key._asdict() | {"customer_id": told.customer_id, "payment_id": data["payment_id"], "unapplied_minor": data["amount_minor"]}


def _told_redemption(told: Told) -> Document:
    data = {name: told.fact.data[name] for name in ("points", "item", "place")}
    ids = {"redemption_id": uuid.uuid4().hex, "customer_id": told.customer_id}
    return ids | told.key._asdict() | data | {"covered_points": 0, "actor": "", "redeemed_at": told.fact.occurred_at}


def _today() -> date:
    """The business day, in UTC."""
    return clock.now().date()
