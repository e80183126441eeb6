"""R9: whatever a gate reads may be missing or garbage: then nobody is contacted."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from services.retention.tables import CAMPAIGNS, COMPLAINTS, CONTACTABLES, MESSAGES, OBJECTIONS, OFFERS, TASKS
from services.retention.use_cases.taking_in import take_in
from shared import clock
from shared.contracts.decoding import decode
from shared.database import Transaction
from shared.worker import Delivery
from tests.builders import record
from tests.harness import ServiceUnderTest
from tests.retention.builders import CAMPAIGN_ID, activity, alert, customer, profile

ONE = customer()
GARBAGE = "\u0000?"

CUSTOMER: dict[str, tuple[Any, ...]] = {
    "profile_sequence": (0, -1),
    "merged_into": ("C-other",),
    "erased": (True,),
    "do_not_contact": (True,),
    "visitor": (True,),
    "employer_paid": (True,),
    "timezone": ("Mars/Phobos", "", "../UTC"),
    "consents": ({}, {"call": None}, {"call": "yes"}, {"call": 1}, {"call": False}, {"sms": True}, [], None, "call", 7),
    "live_subscriptions": (0, -1),
    "payment_types": ([], ["barter"], None, 7, [None]),
}
CAMPAIGN: dict[str, tuple[Any, ...]] = {
    "state": ("draft", "paused", "stopped", "archived", "", "RUNNING"),
    "channel": ("sms", "", "pigeon"),
    "offers": ({}, {"usage_fall": []}, {"usage_fall": ["none"]}, {"usage_fall": None}, [], None, "usage_fall"),
    "hold_out_share": (1.0, 7.5),
    "cap_contacts": (0, -1),
    "cap_days": (10**9,),
    "opens": ("", "25:00", "noon"),
    "closes": ("", "24:01"),
    "capacity": (0, -1),
    "budget_minor": (0, -1, 1_499),
    "least_profit_minor": (10**12, -(10**12)),
    "variants": (None, 7, "a", [{}], [{"name": "a"}], [{"name": "a", "share": 1.0, "offers": {"usage_fall": ["none"]}}]),
}
OFFER: dict[str, tuple[Any, ...]] = {
    "payment_types": ([], ["barter"], None, 7),
    "stock": (0, -1),
    "channels": (["sms"], ["pigeon"], [None], [7]),
    "valid_from": (clock.now().replace(year=9_000),),
    "valid_to": (clock.now().replace(year=1_990),),
}
BROKEN = [
    pytest.param(table, column, value, id=f"{table.name}.{column}={value!r}"[:60])
    for table, columns in ((CONTACTABLES, CUSTOMER), (CAMPAIGNS, CAMPAIGN), (OFFERS, OFFER))
    for column, values in columns.items()
    for value in values
]


async def test_whatever_is_broken_nobody_is_contacted(retention: ServiceUnderTest) -> None:
    """R9: every column that a gate reads, each with what it may not be, and none of what the database itself refuses; each in a transaction that
    is taken back. Either the decision is refused or held out, or there is none at all and the warning is tried again: no task, no message."""
    await retention.send(activity(ONE, 1, profile=profile()))
    assert await tried(retention, CAMPAIGNS, "name", "as it was") == "contacted"
    wrong = [one.id for one in BROKEN if await tried(retention, *one.values) == "contacted"]
    assert wrong == []


async def test_a_row_that_is_missing_or_an_objection_that_is_garbage_contacts_nobody(retention: ServiceUnderTest) -> None:
    """R9 R5: the customer, the campaign's offers, a complaint without an end, an objection of a kind nobody knows; and every gate needs its columns
    to be there at all."""
    await retention.send(activity(ONE, 1, profile=profile()))
    now = clock.now()
    objection = {"customer_id": ONE, "nth": 1, "scope": GARBAGE[1:], "actor": "ann", "objected_at": now}
    breaks = [
        sa.delete(CONTACTABLES).where(CONTACTABLES.c.customer_id == ONE),
        sa.delete(OFFERS),
        sa.insert(COMPLAINTS).values(customer_id=ONE, complaint_id="K-1", opened_at=now),
        sa.insert(OBJECTIONS).values(**objection),
    ]
    assert [await contacted_after(retention, one) for one in breaks] == [False] * len(breaks)
    for table in (CONTACTABLES, COMPLAINTS, OFFERS, CAMPAIGNS, OBJECTIONS, TASKS):
        assert not await contacted_after(retention, sa.text(f"ALTER TABLE {table.name} RENAME TO away")), table.name


async def tried(retention: ServiceUnderTest, table: sa.Table, column: str, value: Any) -> str:
    change = sa.update(table).values({column: value})
    if table is CAMPAIGNS:
        change = change.where(CAMPAIGNS.c.campaign_id == CAMPAIGN_ID)
    try:
        return "contacted" if await contacted_after(retention, change) else "left alone"
    except DBAPIError:
        return "refused by the database"


async def contacted_after(retention: ServiceUnderTest, change: Any) -> bool:
    """Whether a warning leads to anything that reaches the customer, after a change that is taken back with what follows from it."""
    tx: Transaction
    async with retention.database.engine.connect() as tx:
        await tx.execute(change)
        try:
            await warn(tx)
        except Exception:
            return False
        reached = [await tx.scalar(sa.select(sa.func.count()).select_from(one)) for one in (TASKS, MESSAGES)]
        return any(reached)


async def warn(tx: Transaction) -> None:
    sent = alert(ONE, "broken", kind="usage_fall")
    await take_in(tx, [Delivery(decode(sent.value), record(sent.value, topic=sent.topic), replayed=False)], default_zone="UTC")
