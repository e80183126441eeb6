"""G2: one document tells the whole story of a customer, whatever order its events came in, and whoever else is down."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from services.gateway import repository, use_cases
from services.gateway.answer import FIELDS
from services.gateway.intake import SINGLE
from services.gateway.schemas import CustomerView
from services.gateway.view import apply
from shared.bus import Message
from shared.contracts.decoding import decode
from shared.inbox import REPLAY_HEADER
from shared.settings import Settings
from shared.worker import Batch, Delivery
from tests.builders import NOON, paid, record
from tests.gateway.conftest import AWAY
from tests.gateway.published import (
    CUSTOMER,
    NUMBER,
    activity,
    alerted,
    decided,
    erased,
    fact,
    finished,
    may_leave,
    merged,
    opened,
    profile,
    reached,
    retold,
    scored,
    stands,
    subscribed,
)
from tests.harness import ServiceUnderTest, until


def story(customer: str = CUSTOMER) -> tuple[Message, ...]:
    task = f"task-of-{customer}"
    return (
        activity(1, fact("e-1"), months={"2026-10": {"payments": 1}}, profile=profile(subscribed(), region="hangzhou"), customer=customer),
        scored("at_risk", customer=customer),
        stands("gold", customer=customer),
        may_leave(0.3, customer=customer),
        reached("moment-1", customer=customer),
        alerted("alert-1", customer=customer),
        decided("decision-1", customer=customer),
        opened(task, at=NOON + timedelta(hours=1), customer=customer),
        finished(task, "saved", at=NOON + timedelta(days=1), customer=customer),
    )


async def view(gateway: ServiceUnderTest, customer: str = CUSTOMER) -> dict[str, Any]:
    answer = await gateway.http.get(f"/v1/customers/{customer}")
    assert answer.status_code == 200, answer.text
    CustomerView.model_validate_json(answer.content)
    found: dict[str, Any] = answer.json()
    return found


def replayed(message: Message) -> Message:
    """As a dead letter of the gateway that was published again."""
    return Message(message.topic, message.key, message.value, {**message.headers, REPLAY_HEADER: b"gateway"})


@pytest.mark.kafka
async def test_the_whole_story_in_one_document_while_all_others_are_down(gateway: ServiceUnderTest) -> None:
    await gateway.send(*story())
    told = await view(gateway)
    assert (told["customer_id"], told["sequence"]) == (CUSTOMER, 1)
    assert told["profile"]["region"] == "hangzhou"
    assert told["behaviour"] == {"months": {"2026-10": {"payments": 1}}}
    assert [entry["id"] for entry in told["timeline"]] == ["e-1"]
    assert told["segment"]["segment"] == "at_risk"
    assert (told["standing"]["tier"], told["standing"]["star"]) == ("gold", 4)
    assert told["churn"]["probability"] == 0.3
    assert [one["moment_id"] for one in told["moments"]] == ["moment-1"]
    assert [alert["alert_id"] for alert in told["alerts"]] == ["alert-1"]
    assert [one["verdict"] for one in told["contacts"]["decisions"]] == ["contact"]
    (task,) = told["contacts"]["tasks"]
    assert (task["status"], task["outcome"]["result"], task["script"]) == ("done", "saved", "Ask what changed.")
    assert {name: block["source"] for name, block in told["freshness"].items()} == {
        "profile": "customer", "behaviour": "customer", "timeline": "customer", "segment": "segmentation", "standing": "segmentation",
        "churn": "segmentation", "moments": "segmentation", "alerts": "segmentation", "contacts": "retention", "personal": "customer",
    }  # fmt: skip
    assert (told["personal"], told["freshness"].pop("personal")["reason"]) == (None, "the customer service does not answer")
    assert all(block["updated_at"] for block in told["freshness"].values())
    ready = (await gateway.http.get("/health/ready")).json()
    assert (ready["status"], ready["bus"], set(ready["services"].values())) == ("ready", "up", {"away"})


async def test_any_order_between_topics_ends_in_the_same_document(gateway: ServiceUnderTest) -> None:
    """A dozen of the 720 orders, each event in a batch of its own and all in one."""
    told = []
    for number, order in enumerate(list(itertools.permutations(range(6)))[::60]):
        events = [story(f"C-{number}")[place] for place in order]
        for batch in [[event] for event in events] if number % 2 else [events]:
            await gateway.send(*batch)
        told.append(await view(gateway, f"C-{number}"))
    for document in told:
        for task in document["contacts"]["tasks"]:
            del task["task_id"]
        del document["customer_id"], document["freshness"]
    assert all(document == told[0] for document in told)


async def test_what_is_not_there_yet_is_null_or_empty(door: ServiceUnderTest) -> None:
    await door.send(alerted())
    told = await view(door)
    assert (told["sequence"], told["profile"], told["segment"]) == (0, None, None)
    assert (told["behaviour"], told["timeline"], told["contacts"]) == ({"months": {}}, [], {"decisions": [], "tasks": []})
    assert told["freshness"]["profile"] == {"updated_at": None, "source": "customer"}
    assert told["freshness"]["personal"] == {"updated_at": None, "source": "customer", "reason": "the customer service does not answer"}


async def test_a_duplicate_changes_nothing(gateway: ServiceUnderTest) -> None:
    """The per-customer sequence: a producer's relay may publish again after a crash."""
    await gateway.send(*story())
    before = (await gateway.http.get(f"/v1/customers/{CUSTOMER}")).content
    await gateway.send(story()[0], activity(1, fact("e-other"), months={"2026-10": {"payments": 9}}))
    assert (await gateway.http.get(f"/v1/customers/{CUSTOMER}")).content == before


async def test_a_replayed_activity_brings_its_facts_only(door: ServiceUnderTest) -> None:
    """Its months and profile are older than what came since."""
    await door.send(activity(3, fact("e-3"), months={"2026-10": {"payments": 3}}, profile=profile(region="new")))
    await door.send(replayed(activity(2, fact("e-2", at=NOON - timedelta(days=1)), months={"2026-10": {"payments": 2}}, profile=profile(region="old"))))
    told = await view(door)
    assert [entry["id"] for entry in told["timeline"]] == ["e-3", "e-2"]
    assert (told["sequence"], told["behaviour"]["months"]["2026-10"], told["profile"]["region"]) == (3, {"payments": 3}, "new")


async def test_an_older_segment_does_not_come_back(door: ServiceUnderTest) -> None:
    await door.send(scored("champions", at=NOON), replayed(scored("lost", at=NOON - timedelta(hours=1))))
    assert (await view(door))["segment"]["segment"] == "champions"


async def test_the_latest_months_facts_and_alerts_are_kept(door: ServiceUnderTest) -> None:
    """One answer stays one answer: 13 months, 50 facts, 50 alerts, newest first."""
    months = {f"2025-{number:02d}": {"payments": number} for number in range(1, 13)}
    facts = [fact(f"e-{number}", at=NOON - timedelta(hours=number)) for number in range(60)]
    await door.send(activity(1, *facts, months=months), activity(2, fact("late", at=NOON - timedelta(days=90)), months={"2026-01": {"bills": 1}}))
    await door.send(activity(3, fact("latest", at=NOON + timedelta(hours=1)), months={"2026-02": {"bills": 2}}))
    await door.send(*(alerted(f"alert-{number}", at=NOON - timedelta(days=number)) for number in range(55)))
    told = await view(door)
    assert list(told["behaviour"]["months"]) == ["2026-02", "2026-01", *(f"2025-{number:02d}" for number in range(12, 1, -1))]
    assert [entry["id"] for entry in told["timeline"]] == ["latest", *(f"e-{number}" for number in range(49))]
    assert [alert["alert_id"] for alert in told["alerts"]] == [f"alert-{number}" for number in range(50)]


async def test_of_a_long_fact_the_lists_are_left_out(door: ServiceUnderTest) -> None:
    cells = [{"cell_id": f"460-00-{number}", "dropped_calls": 1} for number in range(200)]
    await door.send(activity(1, fact(dropped_calls=200, cells=cells)))
    assert (await view(door))["timeline"][0]["data"] == {"dropped_calls": 200}


@pytest.mark.kafka
async def test_what_a_crash_delivers_again_is_dropped(gateway: ServiceUnderTest) -> None:
    """A crash between the database's commit and the bus's: the watermark drops what comes again."""
    await gateway.send(*story())
    before = (await gateway.http.get(f"/v1/customers/{CUSTOMER}")).content
    await gateway.stop_worker()
    await gateway.forget_offsets()
    await gateway.start_worker()
    await gateway.send(activity(1, customer="C-2"))
    assert (await gateway.http.get(f"/v1/customers/{CUSTOMER}")).content == before


@pytest.mark.kafka
async def test_two_workers_lose_no_block_of_a_row_they_share(gateway: ServiceUnderTest) -> None:
    """The row of a customer is changed by events of five topics, which two workers may take at the same time."""
    second = ServiceUnderTest("gateway", gateway.settings)
    async with second:
        for round_ in range(1, 11):
            await gateway.send(
                *(activity(round_, fact(f"e-{round_}"), customer=f"C-{number}") for number in range(20)),
                *(alerted(f"alert-{number}-{round_}", customer=f"C-{number}") for number in range(20)),
                *(decided(f"decision-{number}-{round_}", customer=f"C-{number}") for number in range(20)),
            )
    for number in range(20):
        told = await view(gateway, f"C-{number}")
        assert (told["sequence"], len(told["timeline"]), len(told["alerts"]), len(told["contacts"]["decisions"])) == (10, 10, 10, 10)


async def test_a_row_is_not_read_while_another_batch_works_on_it(gateway: ServiceUnderTest) -> None:
    """Partitions of two topics may be with two workers, and hold events of one customer."""
    await gateway.send(scored())

    async def second() -> None:
        async with gateway.database.transaction() as tx:
            batch = Batch(tx, [Delivery(decode(alerted().value), record(alerted().value), replayed=False)], [])
            await use_cases.keep(batch, batch.deliveries)

    async def has_to_wait() -> bool:
        """On SQLite it does from the start."""
        waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        return gateway.database.file is not None or other.done() or bool((await gateway.rows(waiting))[0][0])

    async with gateway.database.transaction() as tx:
        views = await repository.lock_views(tx, {CUSTOMER})
        other = asyncio.create_task(second())
        await until(has_to_wait)
        apply(views[CUSTOMER], decode(story()[0].value), replayed=False)
        await repository.save_views(tx, views.values(), NOON)
    await other
    told = await view(gateway)
    assert (told["sequence"], len(told["alerts"]), told["segment"]["segment"]) == (1, 1, "champions")


async def test_a_customer_is_found_by_what_they_own(gateway: ServiceUnderTest) -> None:
    """C2 C9: by number, card, document and account; of the first three only keyed hashes are kept."""
    await gateway.send(activity(1, profile=profile(subscribed(), document="id_card:330106 19800101 0011")))
    direct = (await gateway.http.get(f"/v1/customers/{CUSTOMER}")).content
    owned = {"msisdn": NUMBER, "imsi": "460008613800138", "account": "A-1", "document": "id_card:330106198001010011"}
    for kind, value in owned.items():
        assert (await gateway.http.get("/v1/customers", params={kind: value})).content == direct, kind


OLD_OWNER = (
    activity(1, customer="C-old", profile=profile(subscribed(since=NOON - timedelta(days=900)), accounts=())),
    activity(2, customer="C-old", profile=profile(subscribed(since=NOON - timedelta(days=900), until=NOON - timedelta(days=500)), accounts=())),
)
NEW_OWNER = (activity(1, customer="C-new", profile=profile(subscribed(since=NOON - timedelta(days=100)), accounts=())),)


@pytest.mark.parametrize(
    "order",
    [(*OLD_OWNER, *NEW_OWNER), (*NEW_OWNER, *OLD_OWNER), (OLD_OWNER[0], *NEW_OWNER, OLD_OWNER[1]), (*NEW_OWNER, OLD_OWNER[0])],
    ids=["in time", "the new one first", "the end of the old one last", "the end of the old one not yet"],
)
async def test_a_recycled_number_belongs_to_the_one_who_got_it_last(gateway: ServiceUnderTest, order: tuple[Message, ...]) -> None:
    """Two customers come by two partitions: what was first says nothing about who owns the number."""
    for message in order:
        await gateway.send(message)
    found = await gateway.http.get("/v1/customers", params={"msisdn": NUMBER})
    assert found.json()["customer_id"] == "C-new"


async def test_a_number_that_ended_belongs_to_nobody(gateway: ServiceUnderTest) -> None:
    await gateway.send(*OLD_OWNER)
    found = await gateway.http.get("/v1/customers", params={"msisdn": NUMBER})
    assert (found.status_code, found.json()["code"]) == (404, "not_found")


async def test_an_etag_spares_what_is_there_already(door: ServiceUnderTest) -> None:
    await door.send(story()[0])
    first = await door.http.get(f"/v1/customers/{CUSTOMER}")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for given in (tag, f'"other", {tag}', tag.removeprefix("W/")):
        same = await door.http.get(f"/v1/customers/{CUSTOMER}", headers={"if-none-match": given})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    await door.send(alerted())
    changed = await door.http.get(f"/v1/customers/{CUSTOMER}", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_what_is_answered_past_the_router_is_what_the_router_answers(door: ServiceUnderTest) -> None:
    """G2 G4: of a view, of a customer who is not there, of an event that was taken, and of one that was not."""
    await door.send(*story())
    for customer in (CUSTOMER, "nobody"):
        plain, routed = [await door.http.get(f"/v1/customers/{customer}", params=query) for query in ({}, {"fields": ",".join(FIELDS)})]
        assert (plain.status_code, plain.content, plain.headers.get("etag")) == (routed.status_code, routed.content, routed.headers.get("etag"))
    again = await door.http.get(f"/v1/customers/{CUSTOMER}", headers={"if-none-match": (await door.http.get(f"/v1/customers/{CUSTOMER}")).headers["etag"]})
    assert again.status_code == 304
    for body in (orjson.dumps(paid()), b"{"):
        plain, routed = [await door.http.post("/v1/events", params=query, content=body, headers={"content-type": SINGLE}) for query in ({}, {"by": "router"})]
        assert (plain.status_code, plain.json()) == (routed.status_code, routed.json())


async def test_a_view_that_is_kept_is_answered_while_it_is_the_newest(gateway: ServiceUnderTest) -> None:
    """G2: asked again after news, a merge and an un-merge, packed or not; who was erased is gone at once."""
    tags, tasks = list[str](), list[int]()
    for news in (
        story(),
        (alerted("alert-2"), *story("C-2")),
        (merged(2, "C-2", into=CUSTOMER), retold(2, fact("e-2"), profile=profile(subscribed()))),
        (retold(3, fact("e-3"), customer="C-2", profile=profile(subscribed())), retold(3, fact("e-3"), profile=profile(subscribed()))),
    ):
        await gateway.send(*news)
        routed = await gateway.http.get(f"/v1/customers/{CUSTOMER}", params={"fields": ",".join(FIELDS)})
        for encoding in ("gzip", "identity"):
            once, again = [await gateway.http.get(f"/v1/customers/{CUSTOMER}", headers={"accept-encoding": encoding}) for _ in range(2)]
            assert once.headers.get("content-encoding", "identity") == encoding and once.headers["vary"] == "accept-encoding"
            assert once.content == again.content == routed.content
            assert once.headers["etag"] == again.headers["etag"] == routed.headers["etag"]
        tags.append(routed.headers["etag"])
        tasks.append(len(routed.json()["contacts"]["tasks"]))
    assert len(set(tags)) == 4 and tasks == [1, 1, 2, 1]
    await gateway.send(erased(4))
    assert (await gateway.http.get(f"/v1/customers/{CUSTOMER}")).status_code == 410


@pytest.mark.parametrize("views", [2.5, 0.5])
async def test_views_are_kept_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, views: float) -> None:
    """G2: what does not fit is answered all the same."""
    alone = Settings(data_dir=tmp_path, log_level="error").model_copy(update=AWAY)
    async with ServiceUnderTest("gateway", alone) as door:
        await door.send(*(message for number in range(4) for message in story(f"C-{number}")))
        size = len((await door.http.get("/v1/customers/C-0")).content)
    monkeypatch.setenv("HOLDFAST_GATEWAY_KEPT_VIEW_BYTES", str(int(views * size)))
    async with ServiceUnderTest("gateway", alone) as door:
        for number in (0, 1, 2, 3, 3, 0):
            assert (await door.http.get(f"/v1/customers/C-{number}")).json()["customer_id"] == f"C-{number}"
        assert door.app.state.whole_views.size_bytes == int(views) * size


@pytest.mark.parametrize(
    ("said", "takes"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("", False), ("identity", False), ("gzip;q=0", False), ("*;q=0", False), ("gzip;q=x", False)],
)
async def test_who_takes_gzip_is_sent_it(door: ServiceUnderTest, said: str, takes: bool) -> None:
    """G2: and nobody else."""
    await door.send(*story())
    answer = await door.http.get(f"/v1/customers/{CUSTOMER}", headers={"accept-encoding": said})
    assert ("content-encoding" in answer.headers) is takes and answer.json()["customer_id"] == CUSTOMER
