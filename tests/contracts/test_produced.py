"""What the services really publish fits the schemas that say what they publish: the whole loop, driven by events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from shared import clock
from shared.contracts import topics
from shared.contracts.customer import (
    BirthdayReached,
    CaseOverdue,
    CustomerReturned,
    FeedStateChanged,
    LegalHoldLifted,
    LegalHoldPlaced,
    NetworkFaultEnded,
    NetworkFaultMet,
)
from shared.contracts.registry import INPUTS, PAYLOADS
from shared.contracts.retention import (
    ClubLevelChanged,
    ContactAttempted,
    CreditApproved,
    MessageDelivered,
    MessageFailed,
    MessageSent,
    ReachabilityChanged,
    RedemptionMade,
    TaskRescheduled,
)
from shared.settings import Settings
from tests.builders import activated, inquired, paid, registered, used
from tests.contracts.schemas import problems
from tests.harness import DEADLINE_SECONDS, ServiceUnderTest, until

# Some are held out of every campaign, by their ids: not all of these.
CUSTOMERS = 5
# The first seven are told inside `activity`, as facts; the next needs a source that was usual for hours: tests/customer/test_watch.py; of messages,
# redemptions, attempts and credits see tests/retention/test_messages.py, test_loyalty.py, test_work_list.py, test_reachability.py and test_credits.py.
NOT_HERE = {CaseOverdue.type, CustomerReturned.type, NetworkFaultMet.type, NetworkFaultEnded.type, BirthdayReached.type, FeedStateChanged.type}
NOT_HERE |= {LegalHoldPlaced.type, LegalHoldLifted.type}
NOT_HERE |= {TaskRescheduled.type, ContactAttempted.type, ReachabilityChanged.type, CreditApproved.type}
NOT_HERE |= {MessageSent.type, MessageDelivered.type, MessageFailed.type, RedemptionMade.type, ClubLevelChanged.type}
OURS = [topic.name for topic in topics.TOPICS if topic.name not in topics.INPUTS]

Loop = dict[str, ServiceUnderTest]


@pytest.fixture
async def loop(tmp_path: Path) -> AsyncIterator[Loop]:
    """Three services on one embedded bus."""
    settings = Settings(data_dir=tmp_path, log_level="error")
    async with AsyncExitStack() as stack:
        names = ("customer", "segmentation", "retention")
        yield {name: await stack.enter_async_context(ServiceUnderTest(name, settings)) for name in names}


async def open_tasks(loop: Loop) -> list[dict[str, Any]]:
    """Once there are three."""
    found: list[dict[str, Any]] = (await loop["retention"].http.get("/tasks")).json()["items"]
    return found if len(found) >= 3 else []


async def test_every_type_as_really_published_fits_its_schema(loop: Loop) -> None:
    now = clock.now()
    for number in range(CUSTOMERS):
        name, account, msisdn = f"C-{number}", f"A-{number}", f"861380013800{number}"
        happened = [paid(f"account:{account}", at=now - timedelta(days=2)), used(msisdn, at=now - timedelta(days=1)), inquired(f"customer:{name}", at=now)]
        await loop["customer"].publish(registered(name, accounts=(account,)), activated(name, msisdn), *happened)
    task, *others = await until(lambda: open_tasks(loop))
    outcome = {"result": "saved", "offer_accepted": True, "agent": "A-88"}
    answer = await loop["retention"].http.post(f"/tasks/{quote(task['task_id'])}/outcome", json=outcome, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 200, answer.text
    twins = {"customers": [other["customer_id"] for other in others[:2]], "reason": "one person"}
    assert (await loop["customer"].http.post("/merges", json=twins)).status_code == 201
    wanted = {payload.type for payload in PAYLOADS.values() if payload not in INPUTS} - NOT_HERE
    published: list[dict[str, Any]] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        consumer = await loop["customer"].bus.consumer("test", OURS)
        while not wanted <= {event["type"] for event in published}:
            published += [orjson.loads(record.value) for record in await consumer.poll(max_records=500, timeout_seconds=0.2)]
            consumer.done()
    assert [problem for event in published for problem in problems(event)] == []
