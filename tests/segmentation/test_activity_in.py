"""S1 S8: activity in; features, scores, segments and warnings out: exactly once, whatever the bus does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from services.segmentation.tables import ALERTS, FEATURES, PURCHASE_DAYS, RFM
from shared.bus import Message
from shared.contracts import topics
from shared.contracts.decoding import decode
from shared.contracts.segmentation import AlertRaised, RfmScored
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import RFM_EVENTS, activity, asked_for_pin, days_ago, paid, profile, reversed_, topped_up, used

State = dict[str, list[Any]]


async def state(segmentation: ServiceUnderTest) -> State:
    """Everything that was learned, without when."""
    columns = {table: [column for column in table.c if not column.name.endswith("_at")] for table in (FEATURES, PURCHASE_DAYS, RFM, ALERTS)}
    return {table.name: list(map(tuple, await segmentation.rows(sa.select(*names).order_by(*table.primary_key)))) for table, names in columns.items()}


async def purchase_days(segmentation: ServiceUnderTest, customer_id: str) -> dict[str, tuple[int, int]]:
    rows = await segmentation.rows(sa.select(PURCHASE_DAYS).where(PURCHASE_DAYS.c.customer_id == customer_id))
    return {row.day: (row.payments, row.paid_minor) for row in rows}


async def view(segmentation: ServiceUnderTest, customer_id: str) -> dict[str, Any]:
    answer = await segmentation.http.get(f"/customers/{customer_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def day(moment: datetime) -> str:
    return moment.date().isoformat()


async def test_a_duplicate_changes_nothing(segmentation: ServiceUnderTest) -> None:
    """S1: the same sequence again, in the same batch or later, whatever it says."""
    first = activity("dup", paid(500, at=days_ago(3)), asked_for_pin(at=days_ago(3)), sequence=1, profile=profile("prepaid"))
    await segmentation.send(first, first)
    before = await state(segmentation)
    await segmentation.send(first, activity("dup", paid(900, at=days_ago(2)), sequence=1, profile=profile("postpaid")))
    assert await state(segmentation) == before
    assert await purchase_days(segmentation, "dup") == {day(days_ago(3)): (1, 500)}


async def test_a_redelivered_batch_changes_nothing(segmentation: ServiceUnderTest) -> None:
    """S1 S8: after a crash between the database's commit and the bus's."""
    await segmentation.send(*(activity(f"again-{number}", paid(at=days_ago(3)), used(at=days_ago(2), forwardings=2)) for number in range(20)))
    before = await state(segmentation)
    await segmentation.stop_worker()
    await segmentation.forget_offsets()
    await segmentation.start_worker()
    await segmentation.send(activity("later", paid(at=days_ago(1))))
    after = await state(segmentation)
    assert {name: [row for row in rows if "later" not in row] for name, rows in after.items()} == before


async def test_a_dead_letter_replayed_adds_its_facts_only(segmentation: ServiceUnderTest) -> None:
    """S1: what it says of months and profile is older than what came after it; its payments still count, once."""
    old = {"2026-01": {"usage_days": 1}}
    broken = activity("dead", {"not": "a fact"}, sequence=2, months=old, profile=profile("prepaid"))
    await segmentation.send(
        activity("dead", paid(100, at=days_ago(9)), sequence=1),
        broken,
        activity("dead", paid(300, at=days_ago(7)), sequence=3, months={"2026-01": {"usage_days": 9}}, profile=profile("postpaid")),
    )
    (dead,) = (await segmentation.http.get("/dead-letters")).json()["items"]
    assert dead["code"] == "invalid_event"
    mended = orjson.loads(broken.value)
    mended["data"]["facts"] = [paid(200, at=days_ago(8))]
    replay = await segmentation.http.post(f"/dead-letters/{dead['id']}/replay", json={"event": mended})
    assert replay.status_code == 202, replay.text
    await segmentation.expect(topics.ACTIVITY, 1)
    await segmentation.send(Message(topics.ACTIVITY, "dead", orjson.dumps(mended)))
    assert await purchase_days(segmentation, "dead") == {day(days_ago(days)): (1, minor) for days, minor in ((9, 100), (8, 200), (7, 300))}
    features = (await view(segmentation, "dead"))["features"]
    assert (features["last_sequence"], features["months"], features["population"]) == (3, {"2026-01": {"usage_days": 9}}, "postpaid")


async def test_a_late_payment_lands_on_its_day(segmentation: ServiceUnderTest) -> None:
    """S1: recency, frequency and sum are as if it had come in time."""
    await segmentation.send(activity("late", paid(100, at=days_ago(2)), paid(50, at=days_ago(2))))
    await segmentation.send(activity("late", topped_up(1000, at=days_ago(40))))
    assert await purchase_days(segmentation, "late") == {day(days_ago(2)): (2, 150), day(days_ago(40)): (1, 1000)}
    rfm = (await view(segmentation, "late"))["rfm"]
    assert (rfm["last_day"], rfm["frequency"], rfm["monetary_minor"], rfm["cut_version"]) == (day(days_ago(2)), 2, 1150, 0)


async def test_a_reversal_is_never_a_purchase(segmentation: ServiceUnderTest) -> None:
    """S1: it takes money back on its own day, and makes that day no purchase day; who only got money back is not scored."""
    await segmentation.send(
        activity("back", paid(1000, at=days_ago(30)), reversed_(400, at=days_ago(3)), reversed_(100, at=days_ago(30))),
        activity("only-back", reversed_(400, at=days_ago(3))),
    )
    rfm = (await view(segmentation, "back"))["rfm"]
    assert (rfm["last_day"], rfm["frequency"], rfm["monetary_minor"]) == (day(days_ago(30)), 1, 500)
    assert (await view(segmentation, "only-back"))["rfm"] is None


async def test_changes_of_score_are_published_in_sequence(segmentation: ServiceUnderTest) -> None:
    """S1: valid by the contract, +1 per customer, with the segment before; nothing when nothing moved."""
    await segmentation.send(activity("news", paid(6000, at=days_ago(100))))
    await segmentation.send(activity("news", paid(1, at=days_ago(100)), used(at=days_ago(1))))
    await segmentation.send(activity("news", paid(6000, at=days_ago(1))), activity("news", paid(1, at=days_ago(1))))
    await segmentation.send(activity("news", used(at=days_ago(1)), profile=profile("prepaid")))
    events: list[Any] = [decode(orjson.dumps(one), topic=topics.SEGMENTS) for one in await segmentation.read(topics.SEGMENTS, count=3, types=RFM_EVENTS)]
    assert {event.type for event in events} == {RfmScored.type}
    assert [(event.sequence, event.subject, event.id) for event in events] == [(number, "customer:news", f"rfm:news:{number}") for number in (1, 2, 3)]
    first, second, third = (event.data for event in events)
    assert (first.r, first.f, first.m, first.segment, first.previous_segment) == (2, 1, 2, "about_to_sleep", None)
    assert (second.r, second.f, second.m, second.frequency, second.recency_days, second.monetary_minor) == (5, 2, 2, 2, 1, 12002)
    assert (second.segment, second.previous_segment, second.population) == ("potential_loyalist", "about_to_sleep", "unknown")
    assert (third.population, third.segment) == ("prepaid", "potential_loyalist")


async def test_a_pattern_warns_once(segmentation: ServiceUnderTest) -> None:
    """S8: raised, published, listed, open; again only after its cool-down in event time."""
    at = days_ago(31)
    await segmentation.send(activity("warn", asked_for_pin(at=at, id="e-1"), asked_for_pin(at=at + timedelta(hours=1))))
    await segmentation.send(activity("warn", asked_for_pin(at=days_ago(5))))
    (event,) = [decode(orjson.dumps(one), topic=topics.ALERTS) for one in await segmentation.read(topics.ALERTS, count=1)]
    alert: Any = event.data
    assert (event.type, event.id, event.subject) == (AlertRaised.type, "port_out_inquiry:warn:e-1", "customer:warn")
    assert (alert.alert_id, alert.kind, alert.severity, alert.caused_by) == (event.id, "port_out_inquiry", "urgent", "e-1")
    assert not (await view(segmentation, "warn"))["open_alerts"], "its cool-down is over"
    await segmentation.send(activity("warn", asked_for_pin(at=days_ago(0.9), id="e-2")))
    (still_open,) = (await view(segmentation, "warn"))["open_alerts"]
    listed = (await segmentation.http.get("/alerts", params={"customer_id": "warn"})).json()["items"]
    assert [one["caused_by"] for one in listed] == ["e-2", "e-1"]
    assert listed[0] == still_open


async def test_usage_that_falls_warns_and_arms_again(segmentation: ServiceUnderTest) -> None:
    """S8: the months that came with the summary are what is judged."""

    def months(seconds_per_day: int) -> dict[str, dict[str, int]]:
        usual = {f"2026-0{number}": {"usage_days": 30, "out_on_net_seconds": 9000} for number in (5, 6, 7)}
        return usual | {"2026-08": {"usage_days": 20, "out_on_net_seconds": 20 * seconds_per_day}}

    await segmentation.send(activity("fall", used(at=days_ago(9)), months=months(280)))
    await segmentation.send(activity("fall", used(at=days_ago(8), id="e-8"), months=months(45)))
    await segmentation.send(activity("fall", used(at=days_ago(7)), months=months(40)))
    (alert,) = (await view(segmentation, "fall"))["open_alerts"]
    assert (alert["alert_id"], alert["severity"], alert["evidence"]["seconds_per_day"]) == ("usage_fall:fall:e-8", "urgent", 45.0)
    await segmentation.send(activity("fall", used(at=days_ago(6)), months=months(290)))
    assert not (await view(segmentation, "fall"))["open_alerts"]
    await segmentation.send(activity("fall", used(at=days_ago(5), id="e-5"), months=months(140)))
    (alert,) = (await view(segmentation, "fall"))["open_alerts"]
    assert (alert["alert_id"], alert["severity"]) == ("usage_fall:fall:e-5", "warning")


async def test_many_messages_of_many_customers_in_one_batch(segmentation: ServiceUnderTest) -> None:
    """S1: the state is the same as message by message."""
    messages = [activity(f"many-{number % 50:02d}", paid(number, at=days_ago(number % 7))) for number in range(1, 1001)]
    await segmentation.send(*messages)
    rows = await segmentation.rows(sa.select(RFM.c.customer_id, RFM.c.monetary_minor, RFM.c.frequency).order_by(RFM.c.customer_id))
    assert [row.monetary_minor for row in rows] == [sum(range(number or 50, 1001, 50)) for number in range(50)]
    assert {row.frequency for row in rows} == {7}
    sequences = await segmentation.rows(sa.select(FEATURES.c.last_sequence, FEATURES.c.gaps))
    assert {(row.last_sequence, len(row.gaps)) for row in sequences} == {(20, 0)}


async def test_activity_without_a_sequence_is_a_dead_letter(segmentation: ServiceUnderTest) -> None:
    """S1: it could not be told from a duplicate; those around it are applied."""
    event = orjson.loads(activity("none", paid(at=days_ago(1))).value)
    del event["sequence"]
    await segmentation.send(Message(topics.ACTIVITY, "none", orjson.dumps(event)), activity("some", paid(at=days_ago(1))))
    (dead,) = (await segmentation.http.get("/dead-letters")).json()["items"]
    assert (dead["code"], dead["key"]) == ("invalid_event", "none")
    assert (await segmentation.http.get("/customers/none")).status_code == 404
    assert (await view(segmentation, "some"))["rfm"]["frequency"] == 1


async def pages(segmentation: ServiceUnderTest, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    position: dict[str, str] = {}
    while True:
        page = (await segmentation.http.get("/alerts", params={"limit": limit} | position)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        position = {"cursor": page["next_cursor"]}


async def test_alerts_are_listed_newest_first_in_pages(segmentation: ServiceUnderTest) -> None:
    """S8: every alert once over all pages; filters by kind, customer and time."""
    await segmentation.send(*(activity(f"page-{number}", asked_for_pin(at=days_ago(1))) for number in range(4)))
    await segmentation.send(activity("page-0", used(at=days_ago(1), forwardings=1)))
    found = await pages(segmentation, 200)
    assert found == await pages(segmentation, 1) == await pages(segmentation, 3)
    assert len({one["alert_id"] for one in found}) == len(found) == 5
    assert found[0]["kind"] == "forwarding_off_net"
    assert found == sorted(found, key=lambda one: (one["raised_at"], one["alert_id"]), reverse=True)
    kinds = (await segmentation.http.get("/alerts", params={"kind": "port_out_inquiry", "customer_id": "page-0"})).json()["items"]
    assert [one["customer_id"] for one in kinds] == ["page-0"]
    newest = (await segmentation.http.get("/alerts", params={"since": found[0]["raised_at"]})).json()["items"]
    assert newest == found[:1]


REFUSED = (
    ("/customers/nobody", 404, "not_found"),
    ("/customers/%00", 422, "invalid_request"),
    ("/alerts?customer_id=a%00", 422, "invalid_request"),
    ("/alerts?cursor=nonsense", 400, "bad_cursor"),
    ("/alerts?cursor=WyJub29uIiwgImEiXQ", 400, "bad_cursor"),
    ("/alerts?kind=weather", 422, "invalid_request"),
    ("/alerts?since=yesterday", 422, "invalid_request"),
    ("/alerts?since=2026-11-02T10:00:00", 422, "invalid_request"),
    ("/alerts?since=0001-01-01T00:00:00%2B14:00", 422, "invalid_request"),
    ("/rfm/cuts?cursor=WyJhIl0", 400, "bad_cursor"),
    ("/rfm/cuts?limit=0", 422, "invalid_request"),
)


async def test_questions_that_can_not_be_answered(segmentation: ServiceUnderTest) -> None:
    """S1 S8: each has its problem document."""
    for path, status, code in REFUSED:
        answer = await segmentation.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
