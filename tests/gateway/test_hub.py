"""G5: events pushed to listeners: filtered, signed, tried for days, given up and delivered again; nothing is lost and nobody waits for another."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import prometheus_client
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.push import delivering
from services.gateway.push.filters import parse
from services.gateway.push.published import PUSHED, TYPES, document_of
from services.gateway.tables import DELIVERIES, LISTENERS
from shared import clock
from shared.contracts.asyncapi import example_event
from shared.contracts.decoding import decode
from shared.contracts.personal import personal_fields
from shared.contracts.retention import OutcomeRecorded
from shared.contracts.segmentation import AlertRaised
from shared.errors import InvalidRequest
from shared.settings import Settings
from shared.webhooks.backoff import GIVE_UP_AFTER
from shared.webhooks.signing import sign
from tests.builders import cloud_event
from tests.gateway.conftest import AWAY
from tests.gateway.published import activity, alerted, decided, erased, finished, profile, sealed
from tests.gateway.receiving import SECRET, Receiver, receiving
from tests.harness import ServiceUnderTest, until


@pytest.fixture(autouse=True)
def _loopback_may_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_GATEWAY_LISTENER_NETWORKS", "127.0.0.0/8")


async def subscribe(gateway: ServiceUnderTest, receiver: Receiver, query: str = "") -> str:
    answer = await gateway.http.post("/v1/hub", json={"callback": receiver.url, "query": query, "secret": SECRET})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/hub/{answer.json()['id']}"
    return str(answer.json()["id"])


async def listener(gateway: ServiceUnderTest, listener_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await gateway.http.get(f"/v1/hub/{listener_id}")).json()
    return found


async def deliveries(gateway: ServiceUnderTest, listener_id: str, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await gateway.http.get(f"/v1/hub/{listener_id}/deliveries", params={"state": state})).json()["items"]
    return found


async def tell(receiver: Receiver, count: int) -> None:
    """Wait until it was called so often."""

    async def is_there() -> bool:
        return len(receiver.calls) >= count

    await until(is_there)


async def noted(gateway: ServiceUnderTest, *, code: str | None = None, state: str = "waiting") -> None:
    """Wait until all there is has this state and this result."""

    async def all_are() -> bool:
        rows = await gateway.rows(sa.select(DELIVERIES.c.state, DELIVERIES.c.code))
        return all((row.state, row.code) == (state, code or row.code) and row.code for row in rows)

    await until(all_are)


async def let_time_pass(gateway: ServiceUnderTest, by: timedelta = timedelta(hours=5)) -> None:
    """For what waits, and for what was tried once."""
    rows = await gateway.rows(sa.select(DELIVERIES).where(DELIVERIES.c.state == "waiting"))
    async with gateway.database.transaction() as tx:
        await tx.execute(sa.update(LISTENERS).values(not_before=None))
        for row in rows:
            moved = {"at": row.at - by, "first_tried_at": row.first_tried_at and row.first_tried_at - by}
            await tx.execute(sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == row.delivery_id).values(moved))


# What the guide says


def test_the_receiver_of_the_guide_checks_a_signature() -> None:
    """G5"""
    page = (Path(__file__).parents[2] / "docs/guides/push.md").read_text()
    written: dict[str, Any] = {}
    exec(page.partition("```python")[2].partition("```")[0], written)
    signature = sign(SECRET, b"body", at=1000)
    assert written["is_from_holdfast"](SECRET, signature, b"body", now=1100)
    assert not written["is_from_holdfast"](SECRET, signature, b"other", now=1100)
    assert not written["is_from_holdfast"](SECRET, signature, b"body", now=1500)


# Filters


def example(payload: Any, **data: Any) -> dict[str, Any]:
    event = example_event(payload)
    return event | {"data": event["data"] | data}


def test_a_filter_lets_through_what_fits_all_of_its_names() -> None:
    """G5: TM Forum's query: types, fields and the customer; one of several values, in either spelling."""
    alert = example(AlertRaised, severity="urgent", kind="usage_fall") | {"subject": "customer:C-1"}
    for fits in ("", "eventType=segmentation.alert_raised.v1", "eventType=alert_raised,decision_made", "severity=urgent&kind=usage_fall,second_sim",
                 "severity=urgent&severity=warning", "customerId=C-1", "customer_id=C-2,C-1&eventType=alert_raised", "parameterVersion=0"):  # fmt: skip
        assert parse(fits).lets_through(alert | {"data": alert["data"] | {"parameter_version": 0}}), fits
    for other in ("eventType=decision_made", "severity=warning", "severity=urgent&kind=second_sim", "customerId=C-2", "evidence=x", "verdict=contact"):
        assert not parse(other).lets_through(alert), other


@pytest.mark.parametrize(
    "query",
    ["eventType=bill_issued", "severty=urgent", "eventType=decision_made&severity=urgent", "urgent", "severity=x&" * 60 + "kind=x", "x" * 2001],
)
def test_a_filter_that_never_fits_is_refused(query: str) -> None:
    """G5: a typing error would be a listener that hears nothing."""
    with pytest.raises(InvalidRequest):
        parse(query)


@given(st.text(max_size=200))
def test_a_query_is_taken_or_refused(query: str) -> None:
    """G5: whatever it is."""
    try:
        found = parse(query)
    except InvalidRequest:
        return
    assert found.types <= set(TYPES)


@pytest.mark.parametrize("payload", PUSHED)
def test_nothing_personal_leaves(payload: Any) -> None:
    """G5: what is sealed is left out, what is marked personal is blank, of every event that is pushed."""
    marked = {path[0]: "wu.canary" for path, _ in personal_fields(payload)}
    event = cloud_event(payload, example_event(payload)["subject"], **marked)
    if payload is AlertRaised:
        event["data"]["evidence"] = {"number": sealed("msisdn", "8613800138000"), "seconds": 3}
    left = document_of(decode(orjson.dumps(event)))
    assert "wu.canary" not in str(left) and "~1." not in str(left)
    assert payload is not AlertRaised or left["data"]["evidence"] == {"seconds": 3}
    assert payload is not OutcomeRecorded or left["data"]["note"] == ""


# Delivery


async def test_from_an_event_to_its_listener(gateway: ServiceUnderTest) -> None:
    """G5: what matches is posted once, signed, as the CloudEvent it was; the rest is not, nor is what is taken in again."""
    async with receiving(statuses=[201]) as urgent, receiving() as everything:
        first = await subscribe(gateway, urgent, "eventType=alert_raised&severity=urgent")
        await subscribe(gateway, everything)
        await gateway.send(
            alerted("a-1", severity="warning"), alerted("a-2", severity="urgent", customer="C-2"), decided("d-1"), finished("t-1", note="secret")
        )
        await tell(everything, 4)
        await tell(urgent, 1)
        [(headers, event)] = urgent.calls
        assert (event["type"], event["subject"], event["data"]["alert_id"]) == (AlertRaised.type, "customer:C-2", "a-2")
        assert headers["Content-Type"] == "application/cloudevents+json"
        assert "secret" not in str(everything.calls)
        await noted(gateway, state="delivered")
        await gateway.stop_worker()
        await gateway.forget_offsets()
        async with gateway.database.transaction() as tx:
            await tx.execute(gateway.spec.tables.watermarks.delete())
        await gateway.start_worker()
        await gateway.send(alerted("a-3", severity="urgent"))
        await tell(everything, 5)
        await noted(gateway, state="delivered")
        assert (len(urgent.calls), len(everything.calls)) == (2, 5)
        [delivered, _] = await deliveries(gateway, first, "delivered")
        assert (delivered["id"], delivered["attempts"], delivered["code"]) == (urgent.keys[0], 1, "http_201")


async def test_the_region_of_the_customer_is_filtered_by(gateway: ServiceUnderTest) -> None:
    """G5: as the profile has it when the event comes; the event says it too."""
    async with receiving() as receiver:
        await subscribe(gateway, receiver, "region=hangzhou,ningbo&eventType=alert_raised")
        await gateway.send(activity(1, profile=profile() | {"region": "hangzhou"}), activity(1, customer="C-2", profile=profile() | {"region": "wenzhou"}))
        await gateway.send(*(alerted(f"a-{name}", customer=name) for name in ("C-1", "C-2", "C-3")))
        await noted(gateway, state="delivered")
        [(_, event)] = receiver.calls
        assert (event["subject"], event["region"]) == ("customer:C-1", "hangzhou")


async def test_what_fails_is_tried_again_and_then_given_up(gateway: ServiceUnderTest) -> None:
    """G5: under one id, for three days; then it is a dead letter that a person sends again, alone or with all others."""
    async with receiving(then=500) as receiver:
        listener_id = await subscribe(gateway, receiver)
        await gateway.send(alerted("a-1"), alerted("a-2"))
        await noted(gateway, code="http_500")
        [one, other] = await deliveries(gateway, listener_id, "waiting")
        assert timedelta(seconds=10) < min(row.at - row.first_tried_at for row in await gateway.rows(sa.select(DELIVERIES))) < timedelta(seconds=60)
        await let_time_pass(gateway)
        await tell(receiver, 4)
        await noted(gateway, code="http_500")
        assert sorted(receiver.keys) == sorted([one["id"], other["id"]] * 2)
        await let_time_pass(gateway, GIVE_UP_AFTER)
        await noted(gateway, state="dead")
        assert {one["attempts"] for one in await deliveries(gateway, listener_id, "dead")} == {3}
        assert (await listener(gateway, listener_id))["dead"] == 2
        receiver.then = 204
        again = f"/v1/hub/{listener_id}/deliveries/{one['id']}/redeliver"
        assert (await gateway.http.post(again)).json()["state"] == "waiting"
        await tell(receiver, 7)
        assert receiver.keys[-1] == one["id"]
        answer = await gateway.http.post(f"/v1/hub/{listener_id}/redeliver")
        assert (answer.status_code, answer.json()) == (202, {"count": 1, "more": False})
        await tell(receiver, 8)
        await noted(gateway, state="delivered", code="http_204")
        assert (await gateway.http.post(f"/v1/hub/{listener_id}/deliveries/d-0/redeliver")).json()["code"] == "not_found"


async def test_a_listener_that_asks_for_time_is_left_alone(gateway: ServiceUnderTest) -> None:
    """G5: Retry-After holds for the delivery and for the listener: what comes after is not posted either until then."""
    async with receiving(statuses=[429], headers={"Retry-After": "900"}) as receiver:
        listener_id = await subscribe(gateway, receiver)
        await gateway.send(alerted("a-1"))
        await noted(gateway, code="http_429")
        await gateway.send(alerted("a-2"))
        [first] = await gateway.rows(sa.select(DELIVERIES).where(DELIVERIES.c.code == "http_429"))
        assert first.at - clock.wall() > timedelta(seconds=850)
        await asyncio.sleep(4 * delivering.LOOK_SECONDS)
        assert len(receiver.calls) == 1
        await let_time_pass(gateway)
        await noted(gateway, state="delivered")
        assert sorted(receiver.events[1:]) == sorted(one["event"]["id"] for one in await deliveries(gateway, listener_id, "delivered"))


async def test_410_ends_a_listener(gateway: ServiceUnderTest) -> None:
    """G5: it gets nothing any more, and says so; what it did not get can still be looked at."""
    async with receiving(statuses=[410]) as receiver:
        listener_id = await subscribe(gateway, receiver)
        await gateway.send(alerted("a-1"))
        await noted(gateway, state="dead", code="http_410")
        await gateway.send(alerted("a-2"))
        assert (await listener(gateway, listener_id))["state"] == "ended"
        [dead] = await deliveries(gateway, listener_id, "dead")
        for step in ("resume", "redeliver", f"deliveries/{dead['id']}/redeliver"):
            assert (await gateway.http.post(f"/v1/hub/{listener_id}/{step}")).json()["code"] == "conflict"
        assert (await gateway.http.delete(f"/v1/hub/{listener_id}")).status_code == 204
        assert len(receiver.calls) == 1 and await gateway.rows(sa.select(DELIVERIES)) == []


async def test_one_that_hangs_does_not_hold_up_another(gateway: ServiceUnderTest) -> None:
    """G5: not even with more waiting for it than is called at once; and the worker ends although it hangs."""
    async with receiving(hangs=True) as slow, receiving() as quick:
        await subscribe(gateway, slow)
        await gateway.send(*(alerted(f"a-{number}") for number in range(2 * delivering.CALLS_AT_ONCE)))
        await tell(slow, delivering.CALLS_AT_ONCE)
        await subscribe(gateway, quick)
        started = clock.monotonic()
        await gateway.send(alerted("a-last"))
        await tell(quick, 1)
        assert len(slow.calls) == delivering.CALLS_AT_ONCE, "quick was served before the first call of slow had ended"
        assert clock.monotonic() - started < 10
        await gateway.stop_worker()
        await gateway.start_worker()


async def test_a_listener_that_falls_behind_is_paused(gateway: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """G5: what may wait is bounded; it says that it is paused, since when, and how much it missed, until it is resumed."""
    monkeypatch.setenv("HOLDFAST_GATEWAY_LISTENER_WAITING", "3")
    async with receiving(then=503) as receiver:
        listener_id = await subscribe(gateway, receiver)
        await gateway.send(*(alerted(f"a-{number}") for number in range(5)))
        await noted(gateway, code="http_503")
        found = await listener(gateway, listener_id)
        assert (found["state"], found["waiting"], found["missed"]) == ("paused", 3, 2)
        receiver.then = 200
        await let_time_pass(gateway)
        await noted(gateway, state="delivered")
        await gateway.send(alerted("a-5"))
        assert (await gateway.http.post(f"/v1/hub/{listener_id}/resume")).json()["state"] == "active"
        await gateway.send(alerted("a-6"))
        await noted(gateway, state="delivered")
        assert len(await deliveries(gateway, listener_id, "delivered")) == 4
        assert (await listener(gateway, listener_id))["missed"] == 3


async def test_what_is_about_somebody_erased_is_not_kept(gateway: ServiceUnderTest) -> None:
    """G5: neither what waits, nor what comes after."""
    async with receiving(then=503) as receiver:
        await subscribe(gateway, receiver)
        await gateway.send(alerted("a-1"), alerted("a-2", customer="C-2"))
        await noted(gateway, code="http_503")
        await gateway.send(erased(1))
        await gateway.send(alerted("a-3"))
        assert [row.customer_id for row in await gateway.rows(sa.select(DELIVERIES))] == ["C-2"]


async def test_killed_at_any_moment_nothing_is_lost(tmp_path: Path) -> None:
    """G5: the worker as it runs, killed while the listener has a call and nothing is noted: it comes again under the same id."""
    settings = Settings(data_dir=tmp_path, log_level="error").model_copy(update=AWAY)
    environment = {"HOLDFAST_DATA_DIR": str(tmp_path), "HOLDFAST_LOG_LEVEL": "error"}
    async with ServiceUnderTest("gateway", settings) as gateway, receiving(hangs=True) as receiver:
        await gateway.stop_worker()
        await subscribe(gateway, receiver)
        await gateway.publish(*(alerted(f"a-{number}", customer=f"C-{number}") for number in range(40)))
        process = await started(environment)
        await tell(receiver, 1)
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        receiver.hangs = False
        await gateway.start_worker()
        await gateway.settle()
        await let_time_pass(gateway)
        await noted(gateway, state="delivered")
        assert len(set(receiver.events)) == len(set(receiver.keys)) == 40
        assert len(receiver.calls) > 40


async def started(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "services", "gateway", "worker", env=os.environ | environment)


# Over HTTP


async def test_a_listener_over_http(door: ServiceUnderTest) -> None:
    """G5: its secret is told once when it is ours; the same subscription again is refused and named; its ping says what it answers."""
    async with receiving() as receiver:
        answer = await door.http.post("/v1/hub", json={"callback": receiver.url, "query": "eventType=alert_raised"})
        made = answer.json()
        assert len(made["secret"]) >= 32 and made["event_types"] == [AlertRaised.type]
        again = await door.http.post("/v1/hub", json={"callback": receiver.url, "query": "eventType=alert_raised"})
        assert (again.status_code, again.json()["listener_id"]) == (409, made["id"])
        [listed] = (await door.http.get("/v1/hub")).json()["items"]
        assert "secret" not in listed and listed["id"] == made["id"]
        [row] = await door.rows(sa.select(LISTENERS))
        assert made["secret"].encode() not in row.secret
        mine = await subscribe(door, receiver)
        pinged = (await door.http.post(f"/v1/hub/{mine}/ping")).json()
        assert (pinged["answered"], pinged["code"], receiver.calls[0][1]["type"]) == (True, "http_204", "holdfast.ping.v1")
        receiver.then = 404
        assert (await door.http.post(f"/v1/hub/{mine}/ping")).json()["code"] == "http_404"
        for path in (f"/v1/hub/{mine}", "/v1/hub/l-0"):
            assert (await door.http.delete(path)).status_code == (204 if path.endswith(mine) else 404)
        for path in ("/v1/hub/l-0", "/v1/hub/l-0/deliveries"):
            assert (await door.http.get(path)).json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"callback": "http://169.254.169.254/latest"}, "callback_refused"),
        ({"callback": "http://10.0.0.1/"}, "callback_refused"),
        ({"callback": "ftp://crm.example/x"}, "invalid_request"),
        ({"callback": "http://user:word@crm.example/x"}, "invalid_request"),
        ({"callback": "http://127.0.0.1:99999/x"}, "invalid_request"),
        ({"callback": "http://127.0.0.1/x", "query": "severty=urgent"}, "invalid_request"),
        ({"callback": "http://127.0.0.1/x", "secret": "short"}, "invalid_request"),
    ],
)
async def test_who_can_not_subscribe(door: ServiceUnderTest, body: dict[str, str], code: str) -> None:
    """G5: our own network is nobody's callback."""
    answer = await door.http.post("/v1/hub", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_callback_is_looked_at_again_before_each_call(door: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """G5: what was allowed when it subscribed is not called once it is not."""
    async with receiving() as receiver:
        await subscribe(door, receiver)
        await door.stop_worker()
        monkeypatch.setenv("HOLDFAST_GATEWAY_LISTENER_NETWORKS", "")
        await door.start_worker()
        await door.send(alerted("a-1"))
        await noted(door, code="address_refused")
        assert receiver.calls == []


async def test_without_the_keyring_nothing_is_called_until_it_is_there(door: ServiceUnderTest, tmp_path: Path) -> None:
    """G5: events are taken in meanwhile, and what calls listeners begins again by itself."""
    async with receiving() as receiver:
        await subscribe(door, receiver)
        await door.stop_worker()
        keyring = (tmp_path / "keyring.json").rename(tmp_path / "elsewhere.json")
        await door.start_worker()
        await door.send(alerted("a-1"))
        assert receiver.calls == []
        keyring.rename(tmp_path / "keyring.json")
        await tell(receiver, 1)


async def test_what_was_kept_long_enough_is_forgotten(door: ServiceUnderTest) -> None:
    """G5: delivered after hours, dead after days; what waits stays. The gauges say how much that is."""
    async with receiving() as receiver:
        await subscribe(door, receiver)
        await door.send(*(alerted(f"a-{number}") for number in range(3)))
        await noted(door, state="delivered")
        rows = await door.rows(sa.select(DELIVERIES.c.delivery_id))
        for row, state, ago in zip(rows, ("delivered", "dead", "dead"), (timedelta(hours=7), timedelta(days=15), timedelta(days=13)), strict=True):
            async with door.database.transaction() as tx:
                mine = DELIVERIES.c.delivery_id == row.delivery_id
                await tx.execute(sa.update(DELIVERIES).where(mine).values(state=state, at=clock.wall() - ago))
        assert await delivering.tidy(door.database, None) is False
        assert [row.state for row in await door.rows(sa.select(DELIVERIES.c.state))] == ["dead"]
        assert prometheus_client.REGISTRY.get_sample_value("holdfast_push_deliveries", {"state": "dead"}) == 1
