"""R11 R2: the work list and what came of each task, over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from services.retention.tables import OUTCOMES
from shared.contracts import topics
from tests.harness import ServiceUnderTest
from tests.retention.builders import activity, alert, customers, profile

SAVED = {"result": "saved", "offer_accepted": True, "agent": "A-88", "note": "Stays for the data pack"}


async def open_tasks(retention: ServiceUnderTest, count: int = 1, **data: Any) -> list[str]:
    """The ids of tasks that were opened for as many customers."""
    ids = customers(count)
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await retention.send(*(alert(one, f"a-{one}", **data) for one in ids))
    return [f"save-on-warning:a-{one}" for one in ids]


async def report(retention: ServiceUnderTest, task_id: str, body: Any = None, *, key: str = "k-1") -> tuple[int, dict[str, Any]]:
    answer = await retention.http.post(f"/tasks/{task_id}/outcome", json=SAVED if body is None else body, headers={"Idempotency-Key": key})
    return answer.status_code, answer.json()


async def test_an_outcome_finishes_its_task_and_is_published(retention: ServiceUnderTest) -> None:
    """R11 R15"""
    [task_id] = await open_tasks(retention)
    status, outcome = await report(retention, task_id)
    assert (status, outcome) == (200, {"task_id": task_id, **SAVED, "recorded_at": outcome["recorded_at"], "next_due_at": None})
    await retention.settle()
    [event] = await retention.read(topics.OUTCOMES, count=1)
    assert (event["type"], event["subject"]) == ("retention.outcome_recorded.v1", f"customer:{customers(1)[0]}")
    assert event["data"] | {"recorded_at": None} == {
        "task_id": task_id, "campaign_id": "save-on-warning", "alert_id": task_id.removeprefix("save-on-warning:"), "offer_id": "data-boost",
        "recorded_at": None, **SAVED, "note": "",
    }  # fmt: skip
    task = (await retention.http.get(f"/tasks/{task_id}")).json()
    assert (task["status"], task["outcome"]["result"]) == ("done", "saved")
    assert (await retention.http.get("/tasks", params={"status": "open"})).json()["items"] == []
    assert [one["task_id"] for one in (await retention.http.get("/tasks", params={"status": "done"})).json()["items"]] == [task_id]
    counts = (await retention.http.get("/campaigns/save-on-warning")).json()["counts"]
    assert (counts["tasks"], counts["outcomes"], counts["customers"]) == ({"done": 1}, {"saved": 1}, {"treatment": 1})


async def test_the_same_post_again_gets_the_same_answer(retention: ServiceUnderTest) -> None:
    """R11 G1: by its key; and the same outcome under another key is no conflict either."""
    [task_id] = await open_tasks(retention)
    first = await report(retention, task_id)
    assert await report(retention, task_id) == first
    assert await report(retention, task_id, key="k-2") == first
    await retention.settle()
    assert len(await retention.read(topics.OUTCOMES, count=1)) == len(await retention.rows(sa.select(OUTCOMES))) == 1


async def test_another_outcome_is_a_conflict(retention: ServiceUnderTest) -> None:
    """R11: done is done."""
    [task_id] = await open_tasks(retention)
    await report(retention, task_id)
    status, problem = await report(retention, task_id, SAVED | {"result": "lost"}, key="k-2")
    assert (status, problem["code"]) == (409, "conflict")
    status, problem = await report(retention, task_id, SAVED | {"result": "lost"})
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


async def test_a_failed_post_does_not_use_up_its_key(retention: ServiceUnderTest) -> None:
    """R11 G1"""
    [task_id] = await open_tasks(retention)
    assert (await report(retention, "save-on-warning:unknown"))[0] == 404
    assert (await report(retention, task_id))[0] == 200


async def test_of_concurrent_outcomes_one_wins(retention: ServiceUnderTest) -> None:
    """R11: each of ten agents says something else; one is published, and that one is what stands."""
    [task_id] = await open_tasks(retention)
    answers = await asyncio.gather(*(report(retention, task_id, SAVED | {"agent": f"A-{number}"}, key=f"k-{number}") for number in range(10)))
    won = [body["agent"] for status, body in answers if status == 200]
    assert sorted(status for status, _ in answers) == [200] + [409] * 9
    await retention.settle()
    [event] = await retention.read(topics.OUTCOMES, count=1)
    assert [event["data"]["agent"]] == won == [row.agent for row in await retention.rows(sa.select(OUTCOMES))]


@pytest.mark.parametrize(
    "body",
    [
        {},
        SAVED | {"result": "maybe"},
        SAVED | {"offer_accepted": "true"},
        SAVED | {"offer_accepted": 1},
        SAVED | {"agent": ""},
        SAVED | {"agent": "A\n88"},
        SAVED | {"note": "x" * 2001},
        SAVED | {"note": "nul\x00"},
        SAVED | {"reslut": "saved"},
        [],
    ],
)
async def test_what_is_no_outcome_is_refused(retention: ServiceUnderTest, body: Any) -> None:
    """R11: strictly, before anything is looked up."""
    status, problem = await report(retention, "save-on-warning:a", body)
    assert (status, problem["code"]) == (422, "invalid_request")


async def test_an_outcome_needs_a_key(retention: ServiceUnderTest) -> None:
    """R11 G1"""
    answer = await retention.http.post("/tasks/t/outcome", json=SAVED)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_the_work_list_shows_each_task_once_by_priority_then_due_time(retention: ServiceUnderTest) -> None:
    """R11: page by page."""
    calm, ids = customers(3), customers(8)
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    for one in ids:
        await retention.send(alert(one, f"a-{one}", severity="warning" if one in calm else "urgent"))
    listed, query = [], {"status": "open", "limit": "3"}
    while True:
        page = (await retention.http.get("/tasks", params=query)).json()
        listed += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert [one["customer_id"] for one in listed] == [one for one in ids if one not in calm] + calm
    assert listed == sorted(listed, key=lambda one: (-one["priority"], one["due_at"], one["task_id"]))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/tasks/unknown", 404, "not_found"),
        ("/tasks/nul%00", 422, "invalid_request"),
        ("/tasks?status=lost", 422, "invalid_request"),
        ("/tasks?limit=0", 422, "invalid_request"),
        ("/tasks?cursor=x", 400, "bad_cursor"),
        ("/tasks?cursor=WzEsMiwzXQ", 400, "bad_cursor"),  # [1,2,3]
        ("/tasks?cursor=WzUwLCJzb29uIiwidCJd", 400, "bad_cursor"),  # [50,"soon","t"]
        ("/tasks?cursor=WzUwLCIyMDI2LTEwLTE1VDEyOjAwIiwidCJd", 400, "bad_cursor"),  # [50,"2026-10-15T12:00","t"]
        ("/tasks?cursor=WzEwMDAwMDAwMDAwMDAwMCwiMjAyNi0xMC0xNVQxMjowMFoiLCJ0Il0", 400, "bad_cursor"),  # [1000000000000000,"2026-10-15T12:00Z","t"]
        ("/campaigns/unknown", 404, "not_found"),
        ("/customers/unknown/decisions", 404, "not_found"),
    ],
)
async def test_what_is_not_there_is_a_problem_document(retention: ServiceUnderTest, path: str, status: int, code: str) -> None:
    """G1"""
    answer = await retention.http.get(path)
    assert (answer.status_code, answer.json()["code"], answer.headers["content-type"]) == (status, code, "application/problem+json")


async def test_the_catalogue_and_the_campaign_are_there_from_the_start(retention: ServiceUnderTest) -> None:
    """R1 R2 R4"""
    offers = [one for one in (await retention.http.get("/offers")).json()["items"] if "call" in one["channels"] or not one["channels"]]
    assert {one["offer_id"]: one["payment_types"] for one in offers} == {
        "loyalty-10": ["postpaid"], "topup-bonus": ["prepaid"], "data-boost": ["postpaid", "prepaid"]
    }  # fmt: skip
    assert all(one["cost_minor"] > 0 and one["script"] for one in offers)
    listed = (await retention.http.get("/campaigns")).json()["items"]
    desk, campaign = (one for one in listed if one["state"] == "running")
    assert (desk["campaign_id"], desk["offers"]) == ("save-desk", {})
    assert (campaign["campaign_id"], campaign["state"], campaign["hold_out_share"]) == ("save-on-warning", "running", 0.10)
    assert set(campaign["offers"]) == {"usage_fall", "forwarding_off_net", "port_out_inquiry"}
    assert {offer for listed in campaign["offers"].values() for offer in listed} == {one["offer_id"] for one in offers}
    assert (await retention.http.post("/campaigns/unknown/pause")).status_code == 404
