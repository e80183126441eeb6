"""C2 C4 C9: an id that was merged answers for ever, one person's story is one, and who was erased is gone."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.gateway.schemas import CustomerView
from services.gateway.tables import ALERTS, LOOKUPS, TASKS, VIEWS
from services.gateway.view import BLOCKS
from shared.bus import Message
from shared.inbox import REPLAY_HEADER
from tests.builders import NOON
from tests.gateway.published import (
    NUMBER,
    activity,
    alerted,
    cancelled,
    decided,
    dropped,
    erased,
    fact,
    finished,
    may_leave,
    merged,
    not_scored,
    opened,
    profile,
    retold,
    scored,
    sealed,
    stands,
    stands_nowhere,
    subscribed,
)
from tests.harness import ServiceUnderTest

OTHER = "8613900139000"


async def view(gateway: ServiceUnderTest, customer: str, **params: str) -> dict[str, Any]:
    answer = await gateway.http.get(f"/v1/customers/{customer}", params=params)
    assert answer.status_code == 200, answer.text
    CustomerView.model_validate_json(answer.content)
    found: dict[str, Any] = answer.json()
    return found


async def ids(gateway: ServiceUnderTest, path: str, name: str, **params: str) -> set[str]:
    return {one[name] for one in (await gateway.http.get(path, params=params)).json()["items"]}


def apart() -> list[Message]:
    """A and B, as two customers with a story each."""
    months = {"2026-10": {"payments": 1}}
    return [
        activity(1, fact("e-a"), customer="A", months=months, profile=profile(subscribed(), accounts=("A-1",))),
        activity(1, fact("e-b"), customer="B", months=months, profile=profile(subscribed(OTHER), accounts=("A-2",))),
        *(alerted(f"alert-{one}", customer=one) for one in "AB"),
        *(decided(f"decision-{one}", customer=one) for one in "AB"),
        *(opened(f"task-{one}", customer=one) for one in "AB"),
        scored("champions", customer="A"),
        scored("lost", customer="B"),
    ]


def together(sequence: int = 2) -> list[Message]:
    whole = profile(subscribed(), subscribed(OTHER), accounts=("A-1", "A-2"))
    months = {"2026-10": {"payments": 2}}
    return [
        merged(sequence, "B", into="A"),
        retold(sequence, fact("e-a"), fact("e-b"), customer="A", months=months, profile=whole),
        dropped(customer="B", at=NOON + timedelta(hours=1)),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_after_a_merge_both_ids_tell_one_story(door: ServiceUnderTest, order: tuple[int, ...]) -> None:
    """C4 C2: in whatever order the news of it come; by either id, number and account."""
    await door.send(*apart())
    for place in order:
        await door.send(together()[place])
    told = await view(door, "A")
    assert await view(door, "B") == told
    for params in ({"msisdn": NUMBER}, {"msisdn": OTHER}, {"account": "A-2"}):
        assert (await door.http.get("/v1/customers", params=params)).json() == told
    assert (told["customer_id"], told["behaviour"]["months"]["2026-10"]) == ("A", {"payments": 2})
    assert {entry["id"] for entry in told["timeline"]} == {"e-a", "e-b"}
    assert told["segment"]["segment"] == "champions"
    assert {alert["alert_id"] for alert in told["alerts"]} == {"alert-A", "alert-B"}
    assert {one["decision_id"] for one in told["contacts"]["decisions"]} == {"decision-A", "decision-B"}
    assert {one["task_id"] for one in told["contacts"]["tasks"]} == {"task-A", "task-B"}


async def test_a_merge_on_both_databases(gateway: ServiceUnderTest) -> None:
    """C4: found by number through the one who carries on, listed by alias, and parted again."""
    await gateway.send(*apart())
    await gateway.send(*together())
    assert (await gateway.http.get("/v1/customers", params={"msisdn": OTHER})).json()["customer_id"] == "A"
    for customer in "AB":
        assert await ids(gateway, "/v1/alerts", "alert_id", customer_id=customer) == {"alert-A", "alert-B"}
        assert await ids(gateway, "/v1/tasks", "task_id", customer_id=customer) == {"task-A", "task-B"}
    await gateway.send(
        retold(3, fact("e-b"), customer="B", profile=profile(subscribed(OTHER), accounts=("A-2",))),
        retold(3, fact("e-a"), customer="A", profile=profile(subscribed(), accounts=("A-1",))),
    )
    for customer, number in (("A", NUMBER), ("B", OTHER)):
        told = await view(gateway, customer)
        assert (told["customer_id"], [entry["id"] for entry in told["timeline"]]) == (customer, [f"e-{customer.lower()}"])
        assert [alert["alert_id"] for alert in told["alerts"]] == [f"alert-{customer}"]
        assert (await gateway.http.get("/v1/customers", params={"msisdn": number})).json()["customer_id"] == customer


async def test_a_chain_of_merges_resolves(gateway: ServiceUnderTest) -> None:
    """C4: C became B, B became A; what was raised about C is in the story of A."""
    await gateway.send(*(activity(1, customer=one, profile=profile(accounts=())) for one in "ABC"), alerted("alert-C", customer="C"))
    await gateway.send(merged(2, "C", into="B"), merged(2, "B", into="A"))
    for one in "ABC":
        told = await view(gateway, one)
        assert (told["customer_id"], [alert["alert_id"] for alert in told["alerts"]]) == ("A", ["alert-C"])
    assert await ids(gateway, "/v1/alerts", "alert_id", customer_id="B") == {"alert-C"}
    await gateway.send(retold(3, customer="B", profile=profile(accounts=())))
    assert [(await view(gateway, one))["customer_id"] for one in "ABC"] == ["A", "B", "B"]


async def test_merges_that_go_round_in_a_circle_answer_nothing_wrong(door: ServiceUnderTest) -> None:
    """C4: the un-merge between two merges is heard last, by another partition."""
    await door.send(*(activity(1, customer=one, profile=profile(accounts=())) for one in "AB"))
    await door.send(merged(2, "A", into="B"), merged(2, "B", into="A"))
    assert (await door.http.get("/v1/customers/A")).status_code == 404
    await door.send(retold(3, customer="A", profile=profile(accounts=())))
    assert (await view(door, "B"))["customer_id"] == "A"


async def test_a_merge_delivered_again_changes_nothing(gateway: ServiceUnderTest) -> None:
    """C4 E6"""
    await gateway.send(*apart())
    await gateway.send(*together())
    before = (await gateway.http.get("/v1/customers/B")).content
    await gateway.send(*together())
    await gateway.stop_worker()
    await gateway.forget_offsets()
    await gateway.start_worker()
    await gateway.send(activity(1, customer="Z"))
    assert (await gateway.http.get("/v1/customers/B")).content == before


async def test_what_is_late_behind_a_reset_is_void(door: ServiceUnderTest) -> None:
    """C4 E6: a dead letter published again; a reset among them can not be applied any more."""

    def replayed(message: Message) -> Message:
        return Message(message.topic, message.key, message.value, {**message.headers, REPLAY_HEADER: b"gateway"})

    await door.send(retold(3, fact("e-3")), activity(5, fact("e-5")))
    await door.send(replayed(activity(2, fact("void"))), replayed(activity(4, fact("late"))), replayed(retold(4, fact("wrong"))))
    assert {entry["id"] for entry in (await view(door, "C-1"))["timeline"]} == {"e-3", "e-5", "late"}
    (dead,) = (await door.http.get("/v1/dead-letters/gateway")).json()["items"]
    assert "have the customer told again" in dead["detail"]


async def test_who_was_erased_is_gone(gateway: ServiceUnderTest) -> None:
    """C9: by id, by alias and by number; no list has them, and later news bring nothing back."""
    await gateway.send(*apart())
    await gateway.send(*together())
    await gateway.send(erased(3, "A"), erased(3, "B"))
    await gateway.send(activity(4, fact("late"), customer="A", profile=profile(accounts=())), scored(customer="A"), decided("late", customer="A"))
    for one in "AB":
        answer = await gateway.http.get(f"/v1/customers/{one}")
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")
        assert answer.json()["erased_at"]
    assert (await gateway.http.get("/v1/customers", params={"msisdn": NUMBER})).status_code == 404
    for row in await gateway.rows(sa.select(VIEWS)):
        assert {getattr(row, name) for name in BLOCKS} <= {None, "[]", '{"months":{}}', '{"decisions":[],"tasks":[]}'}
    for table in (LOOKUPS, ALERTS, TASKS):
        assert await gateway.rows(sa.select(table)) == []


async def test_nothing_personal_is_kept(gateway: ServiceUnderTest) -> None:
    """C9: not even what is sealed: the read model could forget nobody's key."""
    told = profile(
        subscribed(),
        name=sealed("name", "Li Wei"),
        document="id_card:330106198001010011",
        contact_points=[{"kind": "phone", "value": sealed("contact", OTHER), "verified": True}],
    )
    usage = fact("e-1", top_contacts=[{"number": sealed("msisdn", OTHER), "calls": 9}], others=[sealed("msisdn", OTHER)], note="~erased", calls=9)
    await gateway.send(activity(1, usage, profile=told))
    assert "~" not in repr([await gateway.rows(sa.select(table)) for table in (VIEWS, LOOKUPS, ALERTS, TASKS)])
    (entry,) = (await view(gateway, "C-1"))["timeline"]
    assert entry["data"] == {"top_contacts": [{"calls": 9}], "others": [], "calls": 9}
    (row,) = [row for row in await gateway.rows(sa.select(LOOKUPS)) if row.identifier.startswith("msisdn:")]
    assert NUMBER not in row.identifier


async def test_a_cancelled_task_leaves_the_call_list(gateway: ServiceUnderTest) -> None:
    """R11: unless it was done already; whichever of its events comes first."""
    await gateway.send(opened("task-1"), opened("task-2"), cancelled("task-1"), finished("task-2"), cancelled("task-2"), cancelled("task-3"), opened("task-3"))
    assert await ids(gateway, "/v1/tasks", "task_id") == set()
    assert await ids(gateway, "/v1/tasks", "task_id", status="cancelled") == {"task-1", "task-3"}
    assert await ids(gateway, "/v1/tasks", "task_id", status="done") == {"task-2"}
    await gateway.send(finished("task-1"))
    assert await ids(gateway, "/v1/tasks", "task_id", status="done") == {"task-1", "task-2"}
    tasks = {task["task_id"]: task["status"] for task in (await view(gateway, "C-1"))["contacts"]["tasks"]}
    assert (tasks["task-1"], tasks["task-2"]) == ("done", "done")


async def test_a_dropped_score_is_not_shown(door: ServiceUnderTest) -> None:
    """S1: a score made later is."""
    await door.send(scored("lost"), dropped("nothing_bought", at=NOON + timedelta(hours=1)))
    assert (await view(door, "C-1"))["segment"] is None
    await door.send(scored("new", at=NOON + timedelta(hours=2)), dropped("merged", at=NOON + timedelta(hours=1)))
    assert (await view(door, "C-1"))["segment"]["segment"] == "new"


async def test_who_stands_nowhere_any_more_is_shown_so(door: ServiceUnderTest) -> None:
    """S3 S4: a standing made later is shown again."""
    await door.send(stands("gold"), stands_nowhere(at=NOON + timedelta(hours=1)))
    assert (await view(door, "C-1"))["standing"] is None
    await door.send(stands("iron", at=NOON + timedelta(hours=2)), stands_nowhere(at=NOON + timedelta(hours=1)))
    assert (await view(door, "C-1"))["standing"]["tier"] == "iron"


async def test_a_churn_score_is_shown_until_it_is_dropped(door: ServiceUnderTest) -> None:
    """S6 S7 G2: with its reasons; one made later is shown again."""
    await door.send(may_leave(0.3))
    shown = (await view(door, "C-1"))["churn"]
    assert (shown["probability"], shown["reasons"][0]["cause"]) == (0.3, "usage_fall")
    await door.send(not_scored(at=NOON + timedelta(hours=1)))
    assert (await view(door, "C-1"))["churn"] is None
    await door.send(may_leave(0.1, at=NOON + timedelta(hours=2)), not_scored(at=NOON + timedelta(hours=1)))
    assert (await view(door, "C-1"))["churn"]["probability"] == 0.1
