"""C4, E6: whatever the order in which it becomes known who owned what, and who is the same person, the end is the same."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.customer.repository.registry import PARKED
from services.customer.tables import CUSTOMERS, FACTS, IDENTIFIERS, MERGES, METADATA, OUTBOX, ROLLUPS
from services.customer.use_cases import merging, reading
from services.customer.use_cases.recording import keep_books, record
from shared.contracts import network, orders
from shared.contracts.decoding import decode
from shared.database import Database, Transaction
from shared.errors import AlreadyMerged, NotFound
from shared.pii import Keyring
from shared.worker import Batch, Delivery, Entry
from tests.builders import activated, cloud_event, paid, registered, terminated, used
from tests.builders import record as as_polled

KEYRING = Keyring(b"i" * 32, {"m1": b"m" * 32})
NOW = datetime.now(UTC).replace(microsecond=0)
PEOPLE = ("C-1", "C-2", "C-3", "C-4")
NUMBERS = ("8613800138000", "8613800138001")


class Command(NamedTuple):
    """Merge the two, or with `undo` take the merge of that number back."""

    one: str
    other: str
    undo: int | None = None


Step = dict[str, Any] | Command
KINDS = ("activated", "activated", "terminated", "terminated by number", "plan", "device", "account", "consent", "used", "used", "paid")


def at(day: int) -> datetime:
    """Some of what is reported happens after the merges, which are made now."""
    return NOW + (timedelta(minutes=30 * (day - 560)) if day > 560 else timedelta(days=day - 560))


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Registrations, numbers given, taken, handed on and recycled, accounts, devices, usage and payments: each at a time of
    its own, arriving in any order; merges and un-merges anywhere between them."""
    days = draw(st.lists(st.integers(1, 600), min_size=4, max_size=22, unique=True))
    people = PEOPLE[: draw(st.integers(2, 4))]
    events: list[Step] = [registered(one, accounts=(f"A-{one}",), at=at(day), id=f"reg-{one}") for one, day in zip(people, days, strict=False)]
    for number, day in enumerate(days[len(people) :]):
        events.append(draw(_event(people, f"e{number}", at(day))))
    steps: list[Step] = draw(st.permutations(events))
    for index in draw(st.lists(st.integers(0, len(steps)), max_size=4)):
        pair = draw(st.tuples(st.sampled_from(people), st.sampled_from(people)))
        steps.insert(index, Command(*pair, undo=draw(st.none() | st.integers(0, 2))))
    return steps


@st.composite
def _event(draw: st.DrawFn, people: Sequence[str], name: str, when: datetime) -> dict[str, Any]:
    one, number = draw(st.sampled_from(people)), draw(st.sampled_from(NUMBERS))
    made = draw(
        st.sampled_from(["activated", "activated", "terminated", "terminated by number", "plan", "device", "account", "consent", "used", "used", "paid"])
    )
    subscription = f"S-{one}-{number}"
    subject = draw(st.sampled_from([f"msisdn:{number}", f"customer:{one}"]))
    events = {
        "activated": lambda: activated(one, number, subscription_id=subscription, at=when, id=name),
        "terminated": lambda: terminated(one, subscription, at=when) | {"id": name},
        "terminated by number": lambda: cloud_event(orders.SubscriptionTerminated, f"msisdn:{number}", at=when, id=name, subscription_id=subscription),
        "plan": lambda: cloud_event(orders.PlanChanged, subject, at=when, id=name, subscription_id=subscription, plan=name),
        "device": lambda: cloud_event(network.DeviceChanged, f"msisdn:{number}", at=when, id=name),
        "account": lambda: cloud_event(orders.CustomerUpdated, f"customer:{one}", at=when, id=name, accounts=["A-shared"], region=name),
        "consent": lambda: cloud_event(
            orders.CustomerUpdated, f"customer:{one}", at=when, id=name, consents=[{"channel": "call", "granted": draw(st.booleans())}]
        ),
        "used": lambda: used(number, at=when, id=name),
        "paid": lambda: paid(draw(st.sampled_from(["account:A-shared", f"account:A-{one}"])), at=when, id=name),
    }
    return events[made]()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.randoms(use_true_random=False))
def test_any_history_ends_as_a_replay_in_event_time_order_does(steps: list[Step], dice: random.Random) -> None:
    """C4 E6: register, hand on, recycle, merge, un-merge, late events: ownership, profiles, months and what a reader of
    `activity` holds are those of a replay from nothing, and every fact counts once."""
    asyncio.run(_compare(steps, dice))


async def _compare(steps: list[Step], dice: random.Random) -> None:
    async with _database() as lived, _database() as replayed:
        await _live(lived, steps, dice)
        in_force = await _merges_in_force(lived)
        events = sorted((step for step in steps if isinstance(step, dict)), key=lambda event: event["time"])
        await _live(replayed, [*events, *in_force], random.Random(0))
        one, other = await _state(lived), await _state(replayed)
        assert one == other
        await _assert_readers_hold(lived, one)


async def _merges_in_force(database: Database) -> list[Command]:
    """Those that a replay has to make: what was taken back is as if it had never been."""
    async with database.reading() as tx:
        rows = await tx.execute(sa.select(MERGES).where(MERGES.c.undone_at.is_(None)).order_by(MERGES.c.merged_at))
        return [Command(row.survivor_id, row.merged_id) for row in rows]


async def _live(database: Database, steps: Sequence[Step], dice: random.Random) -> None:
    """Events in batches of any size, commands between them, as far as they are possible."""
    merges: list[str] = []
    waiting: list[dict[str, Any]] = []
    for step in steps:
        if isinstance(step, dict):
            waiting.append(step)
        if waiting and (isinstance(step, Command) or dice.random() < 0.5):
            await _take_in(database, waiting)
            waiting = []
        if isinstance(step, Command):
            await _carry_out(database, step, merges)
    await _take_in(database, waiting)


async def _take_in(database: Database, events: Sequence[dict[str, Any]]) -> None:
    if not events:
        return
    async with database.transaction() as tx:
        deliveries = [Delivery(decode(polled.value), polled, replayed=False) for polled in map(as_polled, events)]
        batch = Batch(tx, deliveries, [], KEYRING)
        batch.books.update(Counter(Entry(one.record.topic, one.record.partition, one.event.source, "accepted") for one in deliveries))
        await record(batch, deliveries)
        await keep_books(batch)


async def _carry_out(database: Database, command: Command, merges: list[str]) -> None:
    with suppress(NotFound, AlreadyMerged):
        async with database.transaction() as tx:
            if command.undo is None:
                merges.append((await merging.merge(tx, KEYRING, command.one, command.other, actor="t", reason="t"))["merge_id"])
            elif command.undo < len(merges):
                await merging.unmerge(tx, KEYRING, merges.pop(command.undo), actor="t", reason="t")


async def _state(database: Database) -> dict[str, Any]:
    async with database.reading() as tx:
        assert (await reading.reconcile(tx, recount=True))["recount"]["agrees"]
        assert (await reading.reconcile(tx, recount=True))["balanced"]
        claims = sa.select(IDENTIFIERS.c.identifier, IDENTIFIERS.c.customer_id, IDENTIFIERS.c.valid_from, IDENTIFIERS.c.valid_to)
        people = (await tx.execute(sa.select(CUSTOMERS))).all()
        return {
            "owners": {(row.source, row.id): row.customer_id for row in await tx.execute(sa.select(FACTS))},
            "parked": {row.id for row in await tx.execute(sa.select(FACTS.c.id).where(*PARKED))},
            "claims": set(map(tuple, await tx.execute(claims))),
            "survivors": {row.customer_id: row.survivor_id for row in people},
            "profiles": {row.customer_id: await _plain(tx, row.profile) for row in people if row.survivor_id is None},
            "months": {(row.customer_id, row.month): row.measures for row in await tx.execute(sa.select(ROLLUPS)) if row.measures},
        }


async def _plain(tx: Transaction, profile: dict[str, Any]) -> Any:
    return await reading.opened(tx, KEYRING, profile, lambda kind, value: value)


async def _assert_readers_hold(database: Database, state: dict[str, Any]) -> None:
    """Who reads `activity` from the first message on holds the same: each fact once, at who carries on for its customer."""
    held: dict[str, dict[str, Any]] = defaultdict(lambda: {"facts": [], "months": {}, "profile": None})
    async with database.reading() as tx:
        for row in await tx.execute(sa.select(OUTBOX).order_by(OUTBOX.c.id)):
            event = orjson.loads(row.payload)
            decode(row.payload)
            _read(held, event["subject"].removeprefix("customer:"), event["data"])
        profiles = {one: await _plain(tx, held[one]["profile"]) for one in state["profiles"]}
    survivor = {one: into or one for one, into in state["survivors"].items()}
    expected = {key: survivor[owner] for key, owner in state["owners"].items() if owner}
    assert [one for one, reader in held.items() if reader["facts"] and one not in state["profiles"]] == []
    found = [((fact["source"], fact["id"]), one) for one, reader in held.items() for fact in reader["facts"]]
    assert sorted(found) == sorted(expected.items())
    assert profiles == state["profiles"]
    months: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (owner, month), measures in state["months"].items():
        months[survivor[owner], month] += Counter({name: value for name, value in measures.items() if name != "distinct_contacts"})
    told = {(one, month): measures for one, reader in held.items() for month, measures in reader["months"].items() if measures}
    assert {key: Counter({name: value for name, value in one.items() if name != "distinct_contacts"}) for key, one in told.items()} == dict(months)


def _read(held: dict[str, dict[str, Any]], customer_id: str, data: dict[str, Any]) -> None:
    if data.get("resets"):
        held.pop(customer_id, None)
    if data.get("merged_into"):
        return
    reader = held[customer_id]
    reader["facts"] += data["facts"]
    reader["months"] |= data["months"]
    reader["profile"] = data.get("profile") or reader["profile"]


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'customer.db'}")
        try:
            async with database.engine.begin() as connection:
                await connection.run_sync(METADATA.create_all)
            yield database
        finally:
            await database.close()
