"""G1: alerts and tasks as lists, each item once, in an order that is told."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import orjson
import pytest

from tests.builders import NOON
from tests.gateway.published import CUSTOMER, alerted, finished, moved, opened
from tests.harness import ServiceUnderTest


async def walk(gateway: ServiceUnderTest, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every item, page by page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await gateway.http.get(path, params={"limit": 3, **params, **cursor})
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return items
        cursor = {"cursor": answer.json()["next_cursor"]}


async def test_alerts_are_walked_newest_first_each_once(gateway: ServiceUnderTest) -> None:
    """Ten of them, of which some were raised at the same moment."""
    await gateway.send(*(alerted(f"alert-{number}", customer=f"C-{number % 2}", at=NOON - timedelta(hours=number // 3)) for number in range(10)))
    items = await walk(gateway, "/v1/alerts")
    assert [item["alert_id"] for item in items] == [f"alert-{number}" for number in (2, 1, 0, 5, 4, 3, 8, 7, 6, 9)]
    assert items[0]["evidence"] == {"month": "2026-10", "seconds_per_day": 102.0, "baseline_seconds_per_day": 351.5}
    assert len(await walk(gateway, "/v1/alerts", customer_id="C-1")) == 5


async def test_alerts_are_filtered(gateway: ServiceUnderTest) -> None:
    await gateway.send(alerted("fall"), alerted("asked", kind="port_out_inquiry", severity="urgent"))
    assert [one["alert_id"] for one in await walk(gateway, "/v1/alerts", kind="port_out_inquiry")] == ["asked"]
    assert [one["alert_id"] for one in await walk(gateway, "/v1/alerts", severity="warning")] == ["fall"]
    assert await walk(gateway, "/v1/alerts", severity="urgent", customer_id="C-9") == []


async def test_tasks_are_walked_by_priority_and_due_time(gateway: ServiceUnderTest) -> None:
    await gateway.send(*(opened(f"task-{number}", priority=50 + number % 2, due=NOON + timedelta(hours=number // 4)) for number in range(10)))
    items = await walk(gateway, "/v1/tasks")
    assert [item["task_id"] for item in items] == [f"task-{number}" for number in (1, 3, 5, 7, 9, 0, 2, 4, 6, 8)]
    assert (items[0]["script"], items[0]["status"], items[0]["outcome"]) == ("Ask what changed.", "open", None)


async def test_an_outcome_closes_its_task(gateway: ServiceUnderTest) -> None:
    await gateway.send(opened("task-1"), opened("task-2"), finished("task-1", "lost", note="went to the rival"))
    assert [one["task_id"] for one in await walk(gateway, "/v1/tasks")] == ["task-2"]
    (done,) = await walk(gateway, "/v1/tasks", status="done")
    assert (done["task_id"], done["outcome"]["result"], done["outcome"]["note"]) == ("task-1", "lost", "went to the rival")
    assert (await gateway.http.get("/v1/tasks/task-1")).json() == done


async def test_a_task_is_due_when_it_was_moved_to(gateway: ServiceUnderTest) -> None:
    """R11: in the list and in the customer's view, whichever order they are looked at; one that nobody told of is none."""
    later = NOON + timedelta(days=2)
    await gateway.send(
        opened("task-1"), opened("task-2"), moved("task-1", due=NOON + timedelta(days=1)), moved("task-1", due=later), moved("task-9", due=later)
    )
    assert [(one["task_id"], one["due_at"]) for one in await walk(gateway, "/v1/tasks")] == [
        ("task-2", NOON.isoformat().replace("+00:00", "Z")), ("task-1", later.isoformat().replace("+00:00", "Z")),
    ]  # fmt: skip
    shown = (await gateway.http.get(f"/v1/customers/{CUSTOMER}", params={"fields": "contacts"})).json()["contacts"]["tasks"]
    assert {one["task_id"]: one["due_at"][:10] for one in shown} == {"task-1": "2026-10-17", "task-2": "2026-10-15"}


async def test_an_outcome_may_come_before_its_task(gateway: ServiceUnderTest) -> None:
    await gateway.send(finished("task-1"))
    assert await walk(gateway, "/v1/tasks", status="done") == []
    assert (await gateway.http.get("/v1/tasks/task-1")).status_code == 404
    await gateway.send(opened("task-1"))
    (done,) = await walk(gateway, "/v1/tasks", status="done")
    assert (done["outcome"]["result"], done["script"]) == ("saved", "Ask what changed.")
    assert await walk(gateway, "/v1/tasks") == []


def forged(*position: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode()


@pytest.mark.parametrize(
    "cursor",
    ["nonsense", "====", "é", forged(), forged(1), forged("2026-01-01T00:00:00", "a"), forged("no time", "a"), forged("2026-01-01T00:00:00Z", "a\x00")],
)
async def test_a_cursor_that_is_not_ours_is_refused(gateway: ServiceUnderTest, cursor: str) -> None:
    answer = await gateway.http.get("/v1/alerts", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_a_forged_priority_is_refused_or_harmless(gateway: ServiceUnderTest) -> None:
    await gateway.send(opened("task-1"))
    moment = "2026-01-01T00:00:00Z"
    assert (await gateway.http.get("/v1/tasks", params={"cursor": forged(2**63, moment, "a")})).status_code == 400
    assert (await gateway.http.get("/v1/tasks", params={"cursor": forged(2**40, moment, "a")})).json()["items"]
