"""C4 C5 C9 C10: customers who are merged, told again, parted, erased or back: nothing counted twice, and what was known stays known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from services.segmentation.tables import FEATURES, PURCHASE_DAYS, RFM, RFM_HISTORY
from shared import clock
from shared.contracts import topics
from shared.contracts.decoding import decode
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import RFM_EVENTS, activity, asked_for_pin, came_back, days_ago, erased, merged, paid, profile, retold, used

RICH, POOR = 200_000, 100


async def view(segmentation: ServiceUnderTest, customer_id: str, **params: Any) -> dict[str, Any]:
    answer = await segmentation.http.get(f"/customers/{customer_id}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def counted(segmentation: ServiceUnderTest) -> int:
    """Customers in segments, over all populations."""
    return sum(one["customers"] for one in (await segmentation.http.get("/segments")).json()["populations"])


async def scored(segmentation: ServiceUnderTest) -> list[tuple[str, int, int]]:
    rows = await segmentation.rows(sa.select(RFM).order_by(RFM.c.customer_id))
    return [(row.customer_id, row.frequency, row.monetary_minor) for row in rows]


async def test_a_retelling_replaces_and_alarms_nobody(segmentation: ServiceUnderTest) -> None:
    """C4: payments are counted once however often they are told; nothing that was told before is a warning."""
    await segmentation.send(activity("A", paid(100, at=days_ago(9)), paid(50, at=days_ago(8)), profile=profile("prepaid")))
    told = [paid(100, at=days_ago(9)), asked_for_pin(at=days_ago(2)), used(at=days_ago(1), forwardings=5)]
    await segmentation.send(retold("A", told[0], profile=profile("prepaid")), activity("A", *told[1:], restated=True))
    assert await scored(segmentation) == [("A", 1, 100)]
    assert (await segmentation.http.get("/alerts")).json()["items"] == []
    await segmentation.send(activity("A", asked_for_pin(at=days_ago(1))))
    assert len((await view(segmentation, "A"))["open_alerts"]) == 1


async def test_two_who_are_merged_are_counted_once(segmentation: ServiceUnderTest) -> None:
    """C4: the sums of both are with the one who carries on, in whatever order the two are told."""
    for first, second in (("A", "B"), ("D", "C")):
        await segmentation.send(activity(first, paid(RICH, at=days_ago(9))), activity(second, paid(POOR, at=days_ago(3))))
        both = [retold(first, paid(RICH, at=days_ago(9)), paid(POOR, at=days_ago(3))), merged(second, into=first)]
        for message in both if first == "A" else reversed(both):
            await segmentation.send(message)
    assert await scored(segmentation) == [("A", 2, RICH + POOR), ("D", 2, RICH + POOR)]
    assert await counted(segmentation) == 2
    assert await view(segmentation, "B") == await view(segmentation, "A")
    assert {row.customer_id for row in await segmentation.rows(sa.select(PURCHASE_DAYS))} == {"A", "D"}


async def test_what_is_dropped_is_published_in_sequence(segmentation: ServiceUnderTest) -> None:
    """C4 S1: readers are told that there is no score any more, and why; the numbers go on after the parting."""
    await segmentation.send(activity("B", paid(POOR, at=days_ago(3))))
    await segmentation.send(merged("B", into="A"))
    await segmentation.send(retold("B", paid(POOR, at=days_ago(3))))
    await segmentation.send(retold("B", profile=profile("prepaid")))
    events: list[Any] = [decode(orjson.dumps(one), topic=topics.SEGMENTS) for one in await segmentation.read(topics.SEGMENTS, count=4, types=RFM_EVENTS)]
    assert [(event.sequence, event.type.split(".")[1]) for event in events] == [
        (1, "rfm_scored"), (2, "rfm_dropped"), (3, "rfm_scored"), (4, "rfm_dropped")
    ]  # fmt: skip
    assert [events[place].data.reason for place in (1, 3)] == ["merged", "nothing_bought"]
    assert len({event.id for event in events}) == 4


async def test_who_is_parted_again_is_as_before(segmentation: ServiceUnderTest) -> None:
    """C4: un-merge: each has their own purchases, months and cool-downs."""
    await segmentation.send(activity("A", paid(RICH, at=days_ago(9))), activity("B", paid(POOR, at=days_ago(3)), asked_for_pin(at=days_ago(2))))
    before = await scored(segmentation)
    await segmentation.send(merged("B", into="A"), retold("A", paid(RICH, at=days_ago(9)), paid(POOR, at=days_ago(3))))
    await segmentation.send(retold("A", paid(RICH, at=days_ago(9))), retold("B", paid(POOR, at=days_ago(3)), asked_for_pin(at=days_ago(2))))
    assert await scored(segmentation) == before
    assert (await view(segmentation, "B"))["customer_id"] == "B"
    await segmentation.send(activity("B", asked_for_pin(at=days_ago(1))))
    assert len((await segmentation.http.get("/alerts")).json()["items"]) == 1, "still in its cool-down"


async def test_merges_are_followed_to_their_end(segmentation: ServiceUnderTest) -> None:
    """C4: a chain of merges, and one of which the second half is not heard of yet."""
    await segmentation.send(activity("A", paid(at=days_ago(1))), merged("C", into="B"), merged("B", into="A"))
    assert (await view(segmentation, "C"))["customer_id"] == "A"
    await segmentation.send(merged("A", into="C"))
    assert (await segmentation.http.get("/customers/C")).status_code == 404, "a circle, until the un-merge is heard of"


async def test_a_merge_delivered_again_changes_nothing(segmentation: ServiceUnderTest) -> None:
    """C4 E6: a duplicate, and a crash between the two commits."""
    sent = [activity("A", paid(RICH, at=days_ago(9))), merged("B", into="A"), retold("A", paid(RICH, at=days_ago(9)), paid(POOR, at=days_ago(3)))]
    await segmentation.send(*sent)
    await segmentation.send(*sent)
    await segmentation.stop_worker()
    await segmentation.forget_offsets()
    await segmentation.start_worker()
    await segmentation.send(activity("later", paid(POOR, at=days_ago(1))))
    assert await scored(segmentation) == [("A", 2, RICH + POOR), ("later", 1, POOR)]


async def test_of_who_is_erased_no_behaviour_is_left(segmentation: ServiceUnderTest) -> None:
    """C9: and later messages bring none back."""
    await segmentation.send(
        activity("E", paid(at=days_ago(3)), asked_for_pin(at=days_ago(2)), months={"2026-10": {"usage_days": 9}}, profile=profile("prepaid"))
    )
    await segmentation.send(erased("E"), activity("E", paid(at=days_ago(1)), months={"2026-11": {"usage_days": 9}}))
    (row,) = await segmentation.rows(sa.select(FEATURES))
    assert (row.months, row.brand, row.population, row.alerted, row.erased, row.last_sequence) == ({}, None, "unknown", {}, True, 3)
    assert await scored(segmentation) == []
    assert await segmentation.rows(sa.select(PURCHASE_DAYS)) == []
    assert [(one.dropped, one.segment) for one in await segmentation.rows(sa.select(RFM_HISTORY))] == [("erased", None)]
    answer = await segmentation.http.get("/customers/E")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")


async def test_who_came_back_is_not_counted_as_new(segmentation: ServiceUnderTest) -> None:
    """C5: whether it is found out with the first payment or later; they are scored as everybody."""
    await segmentation.send(*(activity(one, paid(POOR, at=days_ago(1))) for one in ("new", "back", "later")))
    await segmentation.send(activity("back", came_back(at=days_ago(1))), activity("later", came_back(at=days_ago(1)), paid(POOR, at=days_ago(1))))
    (population,) = (await segmentation.http.get("/segments")).json()["populations"]
    assert (population["customers"], population["segments"]["new"], population["returned"]) == (3, 1, 2)
    assert (await view(segmentation, "back"))["rfm"]["returned"] is True
    events = await segmentation.read(topics.SEGMENTS, count=5, types=RFM_EVENTS)
    assert sorted(event["data"]["returned"] for event in events) == [False] * 3 + [True] * 2


async def test_a_score_can_be_asked_as_it_was_known(segmentation: ServiceUnderTest) -> None:
    """C10: by the moment it was made, not by when the payments were; before the first there is none."""
    start = clock.now()
    await segmentation.send(activity("A", paid(POOR, at=days_ago(100))))
    first = clock.now()
    await segmentation.send(activity("A", paid(RICH, at=days_ago(1))))
    now = await view(segmentation, "A")
    then = await view(segmentation, "A", as_of=first.isoformat())
    assert (then["rfm"]["monetary_minor"], now["rfm"]["monetary_minor"]) == (POOR, POOR + RICH)
    assert (await view(segmentation, "A", as_of=clock.now().isoformat()))["rfm"] == now["rfm"]
    assert (await view(segmentation, "A", as_of=(start - timedelta(seconds=1)).isoformat()))["rfm"] is None
    assert then["features"] is None


async def test_before_a_merge_each_was_who_they_were(segmentation: ServiceUnderTest) -> None:
    """C10 C4: asked as of then; as of now the alias is who carries on."""
    await segmentation.send(activity("A", paid(RICH, at=days_ago(9))), activity("B", paid(POOR, at=days_ago(3))))
    apart = clock.now().isoformat()
    await segmentation.send(merged("B", into="A"), retold("A", paid(RICH, at=days_ago(9)), paid(POOR, at=days_ago(3))))
    together = clock.now().isoformat()
    assert (await view(segmentation, "B", as_of=apart))["rfm"]["monetary_minor"] == POOR
    assert (await view(segmentation, "B", as_of=together))["customer_id"] == "A"
    assert (await view(segmentation, "A", as_of=apart))["rfm"]["monetary_minor"] == RICH
