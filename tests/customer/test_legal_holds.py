"""C9, R7: that a customer's data has to be kept is told to whoever reads `activity`, and nothing of why."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.customer.tables import CUSTOMERS, LEGAL_HOLDS
from services.customer.use_cases import legal_holds
from shared import clock
from shared.contracts import topics
from shared.pii import Keyring
from tests.builders import registered
from tests.harness import ServiceUnderTest

WHY = "case 4711 of the district court"
DESK = {"X-Actor": "privacy-desk"}


async def told(customer: ServiceUnderTest) -> list[tuple[str, str, str, bool]]:
    """Customer, what, hold, and whether it is no news; all there is."""
    await customer.settle()
    (sent,) = await customer.rows(sa.select(sa.func.sum(CUSTOMERS.c.activity_sequence)))
    events = await customer.read(topics.ACTIVITY, count=int(sent[0]))
    assert WHY not in str(events)
    facts = [(event["subject"], fact, event["data"].get("restated", False)) for event in events for fact in event["data"].get("facts", ())]
    return [(subject[9:], fact["type"].split(".")[1], fact["data"]["hold_id"], old) for subject, fact, old in facts if "legal_hold" in fact["type"]]


async def test_a_hold_is_told_placed_and_lifted(customer: ServiceUnderTest) -> None:
    """C9 R7: each once, and told again after a merge to whoever carries on."""
    await customer.send(registered("C-1"), registered("C-2"))
    hold = (await customer.http.post("/customers/C-2/legal-holds", json={"reason": WHY}, headers=DESK)).json()["hold_id"]
    merge: Any = await customer.http.post("/merges", json={"customers": ["C-1", "C-2"], "reason": "one person"})
    assert merge.status_code == 201, merge.text
    assert (await customer.http.post(f"/legal-holds/{hold}/lift", headers=DESK)).status_code == 200
    assert (await customer.http.post(f"/legal-holds/{hold}/lift", headers=DESK)).status_code == 409
    survivor = merge.json()["survivor_id"]
    assert sorted(await told(customer)) == sorted(
        [("C-2", "legal_hold_placed", hold, False), (survivor, "legal_hold_placed", hold, True), (survivor, "legal_hold_lifted", hold, False)]
    )
    (listed,) = (await customer.http.get("/customers/C-1/legal-holds")).json()["items"]
    assert (listed["reason"], listed["lifted_by"]) == (WHY, "privacy-desk")


async def test_holds_of_an_earlier_release_are_told_later(customer: ServiceUnderTest) -> None:
    """C9 R7: those in force, and the end of what was told; each once. One that was over already is no news."""
    await customer.send(registered("C-1"))
    row = {"customer_id": "C-1", "reason": WHY, "placed_by": "desk", "placed_at": clock.now()}
    keyring = Keyring.load(customer.settings.keyring_path)
    async with customer.database.transaction() as tx:
        await tx.execute(LEGAL_HOLDS.insert().values(hold_id="h-1", **row))
        await tx.execute(LEGAL_HOLDS.insert().values(hold_id="h-0", **row, lifted_by="desk", lifted_at=clock.now()))
    for _ in range(2):
        assert not await legal_holds.tell_earlier(customer.database, keyring)
        assert await told(customer) == [("C-1", "legal_hold_placed", "h-1", False)]
    async with customer.database.transaction() as tx:
        await tx.execute(sa.update(LEGAL_HOLDS).where(LEGAL_HOLDS.c.hold_id == "h-1").values(lifted_by="desk", lifted_at=clock.now()))
    await legal_holds.tell_earlier(customer.database, keyring)
    assert await told(customer) == [("C-1", "legal_hold_placed", "h-1", False), ("C-1", "legal_hold_lifted", "h-1", False)]
