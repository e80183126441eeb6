"""Loyalty points in double entry: what payments earn, and how points are spent, expire, are taken back and are given on.

A lot is what one payment earned. Points are spent from the lots of all ids of a person, first earned first. A balance is never
below zero: points that were spent before their payment was reversed are owed, and later earnings settle that first.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from shared.contracts.retention import LevelMove

Account = Literal["points", "owed", "issued", "redeemed", "expired"]
Kind = Literal["earned", "reversed", "redeemed", "expired", "moved", "closed"]


class Level(NamedTuple):
    name: str
    from_points: int


@dataclass(frozen=True, slots=True)
class Rules:
    """`levels` from the lowest up: a level is held by who earned so many points within `level_months`. What was taken back does not
    count, what was spent does. A told redemption within `same_within` of one made here, of the same points and item, is that one."""

    points_per_hundred_minor: int = 1
    months_until_expiry: int = 24
    least_redemption: int = 100
    level_months: int = 12
    levels: tuple[Level, ...] = (Level("member", 0), Level("plus", 1_000), Level("premier", 4_000))
    same_within: timedelta = timedelta(days=3)

    def points_for(self, amount_minor: int) -> int:
        """For whole units of 100 minor alone."""
        return amount_minor // 100 * self.points_per_hundred_minor

    def level_for(self, earned: int) -> Level:
        return max((one for one in self.levels if one.from_points <= earned), key=lambda one: one.from_points)

    def move(self, before: str | None, after: str | None) -> LevelMove | None:
        """None: joined, left, or has the same level as before."""
        ranks = {one.name: rank for rank, one in enumerate(self.levels)}
        if before not in ranks or after not in ranks or before == after:
            return None
        return "club_rose" if ranks[after] > ranks[before] else "club_fell"

    def next_level(self, earned: int) -> Level | None:
        return min((one for one in self.levels if one.from_points > earned), key=lambda one: one.from_points, default=None)


RULES = Rules()


class Key(NamedTuple):
    """What names a fact for ever."""

    fact_id: str
    source: str


@dataclass(frozen=True, slots=True)
class Lot:
    """`remaining` of the `points` are still there; `withdrawn` were taken back with their payment, from this lot or another, and of
    those `owed` are still to be settled. `told_at`: when the fact was last said to be this customer's."""

    fact_id: str
    source: str
    customer_id: str
    told_at: datetime
    payment_id: str
    amount_minor: int
    points: int
    remaining: int
    earned_at: datetime
    expires_on: date
    reversed_minor: int = 0
    expired: int = 0
    withdrawn: int = 0
    owed: int = 0

    @property
    def key(self) -> Key:
        return Key(self.fact_id, self.source)

    @property
    def age(self) -> tuple[datetime, Key]:
        """First earned first; two of one moment have an order too."""
        return self.earned_at, self.key


class Entry(NamedTuple):
    account: Account
    customer_id: str | None
    points: int


class Booking(NamedTuple):
    """One transaction of the ledger: its entries add up to zero."""

    kind: Kind
    reference: str
    entries: tuple[Entry, ...]


class Held(NamedTuple):
    points: int
    owed: int


class Standing(NamedTuple):
    """Of a person, under all their ids. `earned` counts for the level; `expiring` points are the first to expire, on that day;
    `due_on`: the first day on which any of it changes by itself."""

    available: int
    owed: int
    earned: int
    expiring: int
    expiring_on: date | None
    due_on: date | None


def lot_of(rules: Rules, key: Key, customer_id: str, *, payment_id: str, amount_minor: int, earned_at: datetime, told_at: datetime) -> Lot:
    points = rules.points_for(amount_minor)
    expires_on = months_later(earned_at.date(), rules.months_until_expiry)
    return Lot(*key, customer_id, told_at, payment_id, amount_minor, points, points, earned_at, expires_on)


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))


class Ledger:
    """The lots of some customers on a business day, and what is booked to them. `groups`: customer id -> all ids of that person.

    Whoever is asked about is known with all ids and every lot of theirs that has points left, is owed of or counts for the level.
    """

    def __init__(self, rules: Rules, groups: Mapping[str, Sequence[str]], lots: Iterable[Lot], *, today: date) -> None:
        self.rules, self.today = rules, today
        self.lots: dict[Key, Lot] = {}
        self.changed: set[Key] = set()
        self.bookings: list[Booking] = []
        self._groups = groups
        self._of: dict[str, set[Key]] = defaultdict(set)
        self._payments: dict[str, set[Key]] = defaultdict(set)
        for lot in lots:
            self._place(lot)

    def of(self, customer_id: str) -> list[Lot]:
        """Of the person, the first earned first."""
        keys = (key for one in self._groups.get(customer_id, (customer_id,)) for key in self._of[one])
        return sorted((self.lots[key] for key in keys), key=lambda lot: lot.age)

    def held(self, customer_id: str) -> Held:
        """Under this id alone."""
        lots = [self.lots[key] for key in self._of[customer_id]]
        return Held(sum(lot.remaining for lot in lots), sum(lot.owed for lot in lots))

    def available(self, customer_id: str) -> int:
        """What can be spent: less what is owed, under whichever id, and never below zero."""
        lots = self.of(customer_id)
        there = sum(lot.remaining for lot in lots if lot.expires_on > self.today)
        return max(0, there - sum(lot.owed for lot in lots))

    def standing(self, customer_id: str) -> Standing:
        lots = self.of(customer_id)
        counting = [lot for lot in lots if self._counts_until(lot) > self.today]
        there = [lot for lot in lots if lot.remaining and lot.expires_on > self.today]
        expiring_on = min((lot.expires_on for lot in there), default=None)
        return Standing(
            available=self.available(customer_id),
            owed=sum(lot.owed for lot in lots),
            earned=sum(lot.points - lot.withdrawn for lot in counting),
            expiring=sum(lot.remaining for lot in there if lot.expires_on == expiring_on),
            expiring_on=expiring_on,
            due_on=min([*(lot.expires_on for lot in there), *(self._counts_until(lot) for lot in counting)], default=None),
        )

    def earn(self, lot: Lot) -> bool:
        """Whether it earned anything: not when it is known, of less than a whole unit, or over by now. What is owed is settled first."""
        if lot.key in self.lots or not lot.points or lot.expires_on <= self.today:
            return False
        entries, left = [Entry("issued", None, -lot.points)], lot.points
        for debtor in [one for one in self.of(lot.customer_id) if one.owed]:
            settled = min(left, debtor.owed)
            left -= settled
            self._change(debtor, owed=debtor.owed - settled)
            entries.append(Entry("owed", debtor.customer_id, settled))
        self._place(replace(lot, remaining=left))
        self.changed.add(lot.key)
        self._book("earned", lot.payment_id, [*entries, Entry("points", lot.customer_id, left)])
        return True

    def reverse(self, customer_id: str, payment_id: str, amount_minor: int) -> int:
        """Take back what the payment earned with the money; how much of it belongs to no payment we know.

        From its own lot first, then from the person's others; what is not there any more is owed. What expired is not taken twice.
        """
        self.expire(customer_id)
        ids = self._groups.get(customer_id, (customer_id,))
        for key in sorted(self._payments[payment_id], key=lambda one: self.lots[one].age):
            lot = self.lots[key]
            taken_minor = min(amount_minor, lot.amount_minor - lot.reversed_minor)
            if lot.customer_id in ids and taken_minor:
                amount_minor -= taken_minor
                self._withdraw(self._change(lot, reversed_minor=lot.reversed_minor + taken_minor))
        return amount_minor

    def spend(self, customer_id: str, points: int, *, reference: str) -> int:
        """As far as there are so many; how many there were."""
        self.expire(customer_id)
        spent = min(points, self.available(customer_id))
        self._book("redeemed", reference, [*self._take(self.of(customer_id), spent), Entry("redeemed", None, spent)])
        return spent

    def expire(self, customer_id: str) -> None:
        for lot in self.of(customer_id):
            if lot.remaining and lot.expires_on <= self.today:
                self._change(lot, remaining=0, expired=lot.expired + lot.remaining)
                self._book("expired", lot.payment_id, [Entry("points", lot.customer_id, -lot.remaining), Entry("expired", None, lot.remaining)])

    def move(self, key: Key, customer_id: str, *, told_at: datetime) -> None:
        """The fact was told of this customer: what is left of it, and what is owed of it, is theirs. An older telling moves nothing."""
        lot = self.lots[key]
        if told_at < lot.told_at:
            return
        self._change(lot, customer_id=customer_id, told_at=told_at)
        if customer_id != lot.customer_id:
            points = [Entry("points", lot.customer_id, -lot.remaining), Entry("points", customer_id, lot.remaining)]
            self._book("moved", lot.payment_id, [*points, Entry("owed", lot.customer_id, lot.owed), Entry("owed", customer_id, -lot.owed)])

    def close(self, customer_id: str) -> None:
        """Nobody is there any more: what is left under this id expires, what is owed is given up."""
        for key in sorted(self._of[customer_id]):
            lot = self.lots[key]
            self._change(lot, remaining=0, owed=0, expired=lot.expired + lot.remaining)
            left = [Entry("points", customer_id, -lot.remaining), Entry("expired", None, lot.remaining)]
            self._book("closed", "", [*left, Entry("owed", customer_id, lot.owed), Entry("issued", None, -lot.owed)])

    def added(self) -> dict[tuple[Account, str | None], int]:
        """What was booked, by account and customer."""
        sums: Counter[tuple[Account, str | None]] = Counter()
        for booking in self.bookings:
            for entry in booking.entries:
                sums[entry.account, entry.customer_id] += entry.points
        return dict(sums)

    def _withdraw(self, lot: Lot) -> None:
        earned_still = self.rules.points_for(lot.amount_minor - lot.reversed_minor)
        points = min(max(0, lot.points - earned_still), lot.points - lot.expired) - lot.withdrawn
        if points <= 0:
            return
        others = [one for one in self.of(lot.customer_id) if one.key != lot.key]
        entries = self._take([lot, *others], points)
        owed = points + sum(one.points for one in entries)
        lot = self.lots[lot.key]
        self._change(lot, withdrawn=lot.withdrawn + points, owed=lot.owed + owed)
        self._book("reversed", lot.payment_id, [*entries, Entry("owed", lot.customer_id, -owed), Entry("issued", None, points)])

    def _take(self, lots: Iterable[Lot], points: int) -> list[Entry]:
        """As far as they are there."""
        entries = []
        for lot in lots:
            taken = min(points, lot.remaining)
            if taken:
                points -= taken
                self._change(lot, remaining=lot.remaining - taken)
                entries.append(Entry("points", lot.customer_id, -taken))
        return entries

    def _counts_until(self, lot: Lot) -> date:
        return months_later(lot.earned_at.date(), self.rules.level_months)

    def _book(self, kind: Kind, reference: str, entries: Iterable[Entry]) -> None:
        said = tuple(one for one in entries if one.points)
        if said:
            self.bookings.append(Booking(kind, reference, said))

    def _change(self, lot: Lot, **changes: object) -> Lot:
        self._of[lot.customer_id].discard(lot.key)
        changed = replace(lot, **changes)  # type: ignore[arg-type]
        self._place(changed)
        self.changed.add(lot.key)
        return changed

    def _place(self, lot: Lot) -> None:
        self.lots[lot.key] = lot
        self._of[lot.customer_id].add(lot.key)
        self._payments[lot.payment_id].add(lot.key)
