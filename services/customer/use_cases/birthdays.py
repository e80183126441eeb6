"""Birthdays: an index of month and day kept as customers change, and those of today told. No date is opened to find them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from services.customer.birthdays import celebrated_on, days_at, fact_id, fact_of, is_celebrated, is_reached, month_day_of
from services.customer.repository import birthdays as repository
from services.customer.repository import matching, registry
from services.customer.repository.matching import Person
from services.customer.use_cases.recording import report
from services.customer.use_cases.sealing import opened
from shared import clock
from shared.database import Database, Transaction
from shared.pii import INDEX_BYTES, Keyring
from shared.settings import OperatorZone, read

LOOK_SECONDS = 60.0
TOLD_AT_ONCE = 200
NOTED_AT_ONCE = 500


async def note(tx: Transaction, keyring: Keyring, changed: Sequence[Person]) -> None:
    """By what the birthdays of these are found, as they stand. Whoever changed is looked at again: they may be celebrated now."""
    born = {one.customer_id: one.profile["birth_date"] for one in changed if one.is_live and one.profile.get("birth_date")}
    dates = await opened(tx, keyring, born)
    month_days = {customer_id: found for customer_id, text in dates.items() if (found := month_day_of(text))}
    zones = {one.customer_id: one.profile.get("timezone") or "" for one in changed}
    rows = [{"customer_id": one, "key": _key(keyring, found), "zone": zones[one], "year": 0} for one, found in month_days.items()]
    await repository.save(tx, rows)
    await repository.delete(tx, zones.keys() - month_days.keys())


async def tell(database: Database, keyring: Keyring | None) -> bool:
    """A page of the birthdays that were reached: each is told once. Whether there may be more at once."""
    assert keyring, "the worker of this service is sealed"
    now, default = clock.now(), read(OperatorZone).timezone
    async with database.transaction() as tx:
        for day in days_at(now):
            keys = [_key(keyring, one) for one in celebrated_on(day)]
            zones = {name: _zone(name, default) for name in await repository.zones(tx, keys, year=day.year)}
            reached = [name for name, zone in zones.items() if is_reached(day, zone, now)]
            page = await repository.due(tx, keys, reached, year=day.year, limit=TOLD_AT_ONCE) if reached else {}
            if page:
                await _tell(tx, keyring, day, {one: zones[name] for one, name in page.items()})
                await repository.looked_at(tx, page, keys, year=day.year)
                return True
    return False


async def backfill(database: Database, keyring: Keyring | None) -> bool:
    """Note some of those who were known before there was an index; whether there are more."""
    assert keyring, "the worker of this service is sealed"
    async with database.reading() as connection:
        if await repository.backfilled_to(connection, clock.wall()) is None:
            return False
    async with database.transaction() as tx:
        # Who notes the same customer because they changed has to come after this, or before it was read here.
        if not await matching.lock(tx, wait=False):
            return False
        reached = await repository.backfilled_to(tx, clock.wall())
        if reached is None:
            return False
        found = await repository.customers_after(tx, reached, limit=NOTED_AT_ONCE)
        await _note_all(tx, keyring, found)
        await repository.backfilled(tx, to=found[-1] if found else None)
    return bool(found)


async def _note_all(tx: Transaction, keyring: Keyring, customer_ids: Collection[str]) -> None:
    people = await matching.people(tx, customer_ids)
    await note(tx, keyring, [people[one] for one in customer_ids])


async def _tell(tx: Transaction, keyring: Keyring, day: date, zones: Mapping[str, ZoneInfo]) -> None:
    """Not whose birthday was told of before they were merged, by either id."""
    await registry.lock_customers(tx, zones)
    people = await matching.people(tx, zones)
    told_as = {fact_id(one.customer_id, day.year): one.survivor_id for one in people.values()}
    told = {told_as[name] for name in await repository.told(tx, told_as)}
    own = [fact_of(one, day, zone) for one, zone in zones.items() if one not in told and people[one].is_live and is_celebrated(people[one].profile, day, zone)]
    if own:
        await report(tx, keyring, own)


def _key(keyring: Keyring, month_day: str) -> str:
    return keyring.mac("birthday", month_day.encode())[:INDEX_BYTES].hex()


def _zone(name: str, default: str) -> ZoneInfo:
    """The customer's own, where it is one."""
    return clock.zone_of(name) or ZoneInfo(default)
