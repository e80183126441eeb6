"""R1: an offer of which there are only so many pieces, and that is made by some channels only."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa

from services.retention.tables import DECISIONS, OFFER_PIECES, TASKS
from tests.harness import ServiceUnderTest
from tests.retention.builders import activity, alert, customers, erased, profile
from tests.retention.test_campaigns import DRAFT, OFFER, post
from tests.retention.test_races import decide

CAMPAIGN = "keep-silent"


async def running(retention: ServiceUnderTest, *, offers: tuple[str, ...] = ("gift",), **about: Any) -> None:
    """The campaign of `DRAFT` with the offer `gift`."""
    created = await post(retention, "/offers", key="gift", **OFFER | about)
    assert created.status_code == 201, created.text
    draft = DRAFT | {"offers": {"silent": list(offers)}, "hold_out_share": 0.01, "cap_contacts": 50, "capacity": 1_000}
    assert (await post(retention, "/campaigns", key="draft", **draft)).status_code == 201
    assert (await post(retention, f"/campaigns/{CAMPAIGN}/approve", "bob", revision=1)).status_code == 200


async def gift(retention: ServiceUnderTest) -> dict[str, Any]:
    return next(one for one in (await retention.http.get("/offers")).json()["items"] if one["offer_id"] == "gift")


async def outcome(retention: ServiceUnderTest, task_id: str, *, accepted: bool, key: str = "", **more: Any) -> Any:
    body = {"result": "saved" if accepted else "lost", "offer_accepted": accepted, "agent": "A-1"} | more
    return await retention.http.post(f"/tasks/{task_id}/outcome", json=body, headers={"Idempotency-Key": f"{task_id}{key}"})


async def test_a_hundred_at_once_never_sell_more_than_there_is(retention: ServiceUnderTest) -> None:
    """R1: each in a transaction of its own, over campaigns and the save desk, while outcomes give pieces back: at no moment are there more than
    seven taken; what is accepted is gone for good."""
    await running(retention, stock=7)
    ids = customers(100)
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await asyncio.gather(*(decide(retention, alert(one, f"s-{one}", kind="silent")) for one in ids[:60]))
    tasks = [row.task_id for row in await retention.rows(sa.select(TASKS.c.task_id).where(TASKS.c.campaign_id == CAMPAIGN))]
    assert (len(tasks), (await gift(retention))["left"]) == (7, 0)
    refused = await retention.rows(
        sa.select(DECISIONS.c.failed_gate, sa.func.count()).where(DECISIONS.c.verdict == "refused").group_by(DECISIONS.c.failed_gate)
    )
    assert [row[0] for row in refused] == ["offer"]
    again = [decide(retention, alert(one, f"s-{one}", kind="silent")) for one in ids[60:]]
    await asyncio.gather(*again, *(outcome(retention, task, accepted=number < 3) for number, task in enumerate(tasks[:5])))
    states = dict(tuple(row) for row in await retention.rows(sa.select(OFFER_PIECES.c.state, sa.func.count()).group_by(OFFER_PIECES.c.state)))
    assert states["spent"] == 3 and states["released"] == 2
    assert 2 <= states["reserved"] <= 4 and states["reserved"] + (await gift(retention))["left"] == 4


async def test_a_piece_goes_back_to_the_shelf_or_is_gone(retention: ServiceUnderTest) -> None:
    """R1: of an erased customer it is free again; an outcome of what was cancelled takes one if there is one; an offer the agent made in its
    place takes none; a named person restocks, and takes out no more than is free."""
    await running(retention, stock=2)
    first, second = customers(2)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (first, second)))
    await retention.send(*(alert(one, f"s-{one}", kind="silent") for one in (first, second)))
    seen = await retention.rows(sa.select(DECISIONS.c.gates))
    said = {gate["detail"] for row in seen for gate in row.gates if gate["gate"] == "offer"}
    assert said == {"gift by call, 2 left of 2", "gift by call, 1 left of 2"}
    assert (await post(retention, "/offers/gift/restock", key="r-0", pieces=-1)).status_code == 409
    await retention.send(erased(first, 2))
    assert (await gift(retention))["left"] == 1
    assert (await post(retention, "/offers/gift/restock", key="r-1", pieces=-1)).json()["left"] == 0
    late = await outcome(retention, f"{CAMPAIGN}:s-{first}", accepted=True)
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert (await post(retention, "/offers/gift/restock", "anonymous", key="r-2", pieces=5)).json()["code"] == "actor_missing"
    restocked = (await post(retention, "/offers/gift/restock", key="r-3", pieces=5)).json()
    assert (restocked["left"], [(one["pieces"], one["actor"]) for one in restocked["restocks"]]) == (5, [(2, "ann"), (-1, "ann"), (5, "ann")])
    assert (await outcome(retention, f"{CAMPAIGN}:s-{first}", accepted=True, key="again")).status_code == 200
    assert (await gift(retention))["left"] == 4
    assert (await outcome(retention, f"{CAMPAIGN}:s-{second}", accepted=True, offer_id="data-boost")).status_code == 200
    assert (await gift(retention))["left"] == 5
    assert (await post(retention, "/offers/data-boost/restock", key="r-4", pieces=5)).status_code == 409


async def test_an_offer_is_made_by_its_channels_only(retention: ServiceUnderTest) -> None:
    """R1 R8: the next one on the list is made; when it is sold out and nothing else is there, the gate says so; the desk shows neither."""
    await running(retention, offers=("gift", "data-boost"), channels=["sms"], stock=3)
    (one,) = customers(1)
    await retention.send(activity(one, 1, profile=profile()), alert(one, "a-1", kind="silent"))
    (task,) = await retention.rows(sa.select(TASKS.c.offer_id))
    assert task.offer_id == "data-boost"
    desk = (await retention.http.post(f"/save-desk/{one}", headers={"X-Actor": "A-7", "Idempotency-Key": "c"})).json()
    assert "gift" not in {each["offer_id"] for each in desk["offers"]}
    assert (await post(retention, "/offers", key="x", **OFFER | {"offer_id": "x", "channels": ["pigeon"]})).status_code == 422
