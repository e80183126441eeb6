"""C1 C9 R3: a birthday is told once, on its day by the customer's own clock, and no date of birth with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import alembic.command
import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.customer.birthdays import LATE_DAYS, celebrated_on, days_at, is_reached
from services.customer.tables import BIRTHDAY_BACKFILL, BIRTHDAYS, CUSTOMERS, FACTS
from services.customer.use_cases import birthdays
from shared import clock, migrating
from shared.contracts import topics
from shared.contracts.customer import BirthdayReached
from shared.contracts.orders import CustomerUpdated
from shared.pii import Keyring
from tests.builders import activated, cloud_event, registered, terminated
from tests.customer.comparing import compared
from tests.harness import ServiceUnderTest

BORN = "1984-11-28"
DAY = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(autouse=True)
def time_that_can_be_put_on() -> Iterator[None]:
    before = list(clock._scales)
    clock.stand_at(DAY)
    yield
    clock._scales[:] = before


def person(customer_id: str, **data: Any) -> list[dict[str, Any]]:
    number = f"86138{crc32(customer_id.encode()) % 10**8:08d}"
    facts = {"birth_date": BORN, "timezone": "UTC", "document": f"passport:{customer_id}"} | data
    return [registered(customer_id, **facts), activated(customer_id, number, subscription_id=f"S-{customer_id}")]


def moved(customer_id: str, **data: Any) -> dict[str, Any]:
    event = cloud_event(CustomerUpdated, f"customer:{customer_id}")
    return event | {"data": data}


async def sweep(customer: ServiceUnderTest) -> None:
    while await birthdays.tell(customer.database, Keyring.load(customer.settings.keyring_path)):
        pass


async def told(customer: ServiceUnderTest) -> dict[str, str]:
    """Fact id -> the day, after a look."""
    await sweep(customer)
    rows = await customer.rows(sa.select(FACTS).where(FACTS.c.type == BirthdayReached.type))
    return {row.id: row.data["on"] for row in rows}


async def merge(customer: ServiceUnderTest, *customers: str) -> str:
    answer = await customer.http.post("/merges", json={"customers": customers, "reason": "one person"})
    assert answer.status_code == 201, answer.text
    await compared(customer)
    return str(answer.json()["merge_id"])


@given(st.timedeltas(timedelta(0), timedelta(days=3000)), st.sampled_from(["Etc/GMT+12", "Pacific/Kiritimati", "Asia/Shanghai", "America/Caracas"]))
def test_every_day_is_looked_at_wherever_it_is_reached(later: timedelta, name: str) -> None:
    """R3: in no zone a birthday is passed over, and none is told for longer than the days after it."""
    now, zone = DAY + later, ZoneInfo(name)
    today = now.astimezone(zone).date()
    assert [day for day in days_at(now) if is_reached(day, zone, now)] == [today - timedelta(days=back) for back in range(LATE_DAYS, -1, -1)]


@pytest.mark.parametrize("year", [2024, 2026, 2100])
def test_everybody_has_one_birthday_a_year(year: int) -> None:
    """R3: who was born on February 29 too."""
    days = (date(year, 1, 1) + timedelta(days=number) for number in range(366))
    celebrated = [one for day in days if day.year == year for one in celebrated_on(day)]
    assert len(celebrated) == len(set(celebrated)) == 366
    assert ("02-29" in celebrated_on(date(year, 2, 28))) == (year != 2024)


async def test_a_birthday_is_told_once_where_it_is_that_day(customer: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """R3 C9: in the east first, where no zone is known by the operator's; to persons with a subscription; not again after a restart."""
    monkeypatch.setenv("HOLDFAST_RETENTION_TIMEZONE", "Asia/Tokyo")
    others = [
        *person("C-firm", kind="organisation"),
        *person("C-other", birth_date="1984-11-20"),
        *person("C-nodate", birth_date="1984-13-40"),
        *person("C-left"),
        terminated("C-left", "S-C-left"),
        registered("C-new", birth_date=BORN, timezone="UTC"),
        activated("C-new", "8613700000001", at=DAY + timedelta(days=1)),
    ]
    zones = {"C-east": "Pacific/Auckland", "C-zoneless": None, "C-nowhere": "Mars/Phobos", "C-utc": "UTC", "C-west": "America/Los_Angeles"}
    people = [event for name, zone in zones.items() for event in person(name, timezone=zone)]
    await compared(customer, *people, *others)
    expected = ["C-east", "C-nowhere", "C-zoneless", "C-utc", "C-west"]
    for hours, count in ((-13.1, 0), (-9.1, 1), (-0.1, 3), (0, 4), (0.1, 4), (8, 5), (30, 5)):
        clock.stand_at(DAY + timedelta(hours=hours))
        assert await told(customer) == {f"birthday:{one}:2026": "2026-11-28" for one in expected[:count]}, hours
    await customer.stop_worker()
    await customer.start_worker()
    await compared(customer, moved("C-utc", language="en"))
    await asyncio.gather(sweep(customer), sweep(customer))
    assert len(await told(customer)) == 5
    await customer.settle()
    count = sum(row.activity_sequence for row in await customer.rows(sa.select(CUSTOMERS.c.activity_sequence)))
    published = await customer.read(topics.ACTIVITY, count=count)
    facts = [(event["subject"], fact) for event in published for fact in event["data"]["facts"] if fact["type"] == BirthdayReached.type]
    assert sorted(subject for subject, _ in facts) == sorted(f"customer:{one}" for one in expected)
    assert all(fact["data"] == {"on": "2026-11-28"} for _, fact in facts)
    assert next(fact["occurred_at"] for subject, fact in facts if subject == "customer:C-west") == "2026-11-28T08:00:00+00:00"
    text = orjson.dumps(published).decode()
    keys = [row.key for row in await customer.rows(sa.select(BIRTHDAYS))]
    assert len(set(keys)) == 2 and not any(key in text for key in keys) and BORN not in text and "birthdays" not in text
    clock.stand_at(DAY + timedelta(days=365))
    again = {name for name in await told(customer) if name.endswith(":2027")}
    assert again == {f"birthday:{one}:2027" for one in ("C-east", "C-zoneless", "C-nowhere", "C-utc", "C-new")}


async def test_a_birthday_follows_what_is_known_of_the_customer(customer: ServiceUnderTest) -> None:
    """R3 C4 C9: a date put right, two who are one and two again, an erasure; what was missed is told for two days."""
    clock.stand_at(DAY - timedelta(days=20))
    right, old, new = person("C-right", birth_date="1984-03-01"), person("C-old", birth_date=None), person("C-young")
    await compared(customer, *right, *old, *new, *person("C-gone"), *person("C-late", birth_date="1984-11-27"), *person("C-past", birth_date="1984-11-26"))
    await compared(customer, terminated("C-gone", "S-C-gone"), moved("C-right", birth_date=BORN))
    gone = await customer.http.post("/customers/C-gone/erasure", json={"reason": "asked"})
    assert gone.status_code == 201, gone.text
    await compared(customer)
    assert "C-gone" not in {row.customer_id for row in await customer.rows(sa.select(BIRTHDAYS))}
    first = await merge(customer, "C-old", "C-young")
    assert {row.customer_id for row in await customer.rows(sa.select(BIRTHDAYS))} == {"C-right", "C-old", "C-late", "C-past"}
    clock.stand_at(DAY + timedelta(days=1))
    expected = {"birthday:C-right:2026": "2026-11-28", "birthday:C-old:2026": "2026-11-28", "birthday:C-late:2026": "2026-11-27"}
    assert await told(customer) == expected
    await customer.http.post(f"/merges/{first}/undo", json={"reason": "two"})
    await compared(customer)
    expected["birthday:C-young:2026"] = "2026-11-28"
    assert await told(customer) == expected
    await compared(customer, moved("C-right", birth_date="1984-11-29"))
    await merge(customer, "C-young", "C-right")
    assert await told(customer) == expected


async def test_who_was_known_before_there_was_an_index_is_added_to_it(customer: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """C9 R3: by the worker, in pieces, an hour after the upgrade, when no older worker is left."""
    monkeypatch.setattr(birthdays, "NOTED_AT_ONCE", 2)
    names = [f"C-{number}" for number in range(3)]
    await compared(customer, *(event for name in names for event in person(name)))
    await customer.stop_worker()
    async with customer.database.transaction() as tx:
        await tx.run_sync(lambda connection: alembic.command.downgrade(migrating._config("customer", connection), "c9407f3e6d18"))
    await migrating.migrate("customer", customer.database)
    keyring = Keyring.load(customer.settings.keyring_path)
    assert not await birthdays.backfill(customer.database, keyring)
    async with customer.database.transaction() as tx:
        await tx.execute(sa.update(BIRTHDAY_BACKFILL).values(starts_at=clock.wall()))
    assert [await birthdays.backfill(customer.database, keyring) for _ in range(4)] == [True, True, False, False]
    assert not await customer.rows(sa.select(BIRTHDAY_BACKFILL))
    assert await told(customer) == {f"birthday:{name}:2026": "2026-11-28" for name in names}
