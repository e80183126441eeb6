"""Nothing that was not answered is lost, whatever the door does."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from deploy.demo import sender as sending
from deploy.demo.events import event, report
from deploy.demo.faults import Delivery
from deploy.demo.sender import NotHoldfast, Sender

MOMENT = datetime(2025, 3, 1, 12, tzinfo=UTC)


def delivery(nth: int, fault: str = "") -> Delivery:
    body = orjson.dumps(event(f"e-{nth}", report(MOMENT, "care.inquiry_made", "customer:C-1", kind="tariff", channel="app")))
    broken = {"cut": body[:50], "malformed": body.replace(b"tariff", b"weather")}
    return Delivery(MOMENT, f"e-{nth}", fault, broken.get(fault, body))


class Run:
    """A sender with its counts, what it said, and its waits, which pass at once unless `wait` says otherwise."""

    def __init__(self, client: httpx.Client, wait: Any = None) -> None:
        self.counts, self.said, self.waits = Counter[str](), list[str](), list[float]()
        self.send = Sender(client, self.counts, say=self.said.append, wait=wait or self.waits.append).send


def test_batches_are_bounded_and_in_order(client: httpx.Client, holdfast: Any) -> None:
    run = Run(client)
    run.send([delivery(nth) for nth in range(1201)])
    assert holdfast.door.requests == [500, 500, 201]
    assert list(holdfast.door.applied) == [f"e-{nth}" for nth in range(1201)]
    assert run.counts == Counter(sent=1201, accepted=1201)


def test_the_malformed_are_counted_and_stop_nobody(client: httpx.Client, holdfast: Any) -> None:
    run = Run(client)
    run.send([delivery(0), delivery(1, "malformed"), delivery(2, "cut"), delivery(3)])
    assert list(holdfast.door.applied) == ["e-0", "e-3"]
    assert run.counts == Counter(sent=4, accepted=2, rejected=2, fault_malformed=1, fault_cut=1)
    assert run.said == []


def test_a_batch_refused_whole_is_counted_by_its_verdicts(client: httpx.Client) -> None:
    run = Run(client)
    run.send([delivery(0, "malformed"), delivery(1, "malformed")])
    assert run.counts == Counter(sent=2, rejected=2, fault_malformed=2)


def test_an_event_that_should_not_have_been_refused_is_named(client: httpx.Client) -> None:
    run = Run(client)
    run.send([delivery(0), delivery(1, "malformed")._replace(fault="")])
    assert run.counts["surprises"] == 1
    assert "e-1" in run.said[0]
    assert "invalid_event" in run.said[0]


@pytest.mark.parametrize(("status", "headers"), [(429, {"retry-after": "3"}), (503, {"retry-after": "3"}), (429, {}), (500, {})])
def test_pressure_is_waited_out(client: httpx.Client, holdfast: Any, status: int, headers: dict[str, str]) -> None:
    answers = iter([(status, headers, b"{}")] * 5)
    holdfast.door.trouble = lambda: next(answers, None)
    run = Run(client)
    run.send([delivery(nth) for nth in range(600)])
    assert len(holdfast.door.applied) == 600
    assert run.waits == ([3.0] * 5 if headers else pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6]))
    assert len(run.said) == 1


def test_an_answer_that_never_came_is_asked_for_again(client: httpx.Client, holdfast: Any) -> None:
    holdfast.door.forgets_to_answer = 2
    run = Run(client)
    run.send([delivery(nth) for nth in range(600)])
    assert len(holdfast.door.applied) == 600
    assert run.counts["sent"] == 600
    assert len(run.waits) == 2


def test_a_closed_door_is_waited_for(client: httpx.Client, holdfast: Any) -> None:
    holdfast.close()
    refused = threading.Event()
    run = Run(client, wait=lambda seconds: refused.set() or threading.Event().wait(0.01))
    sent = threading.Thread(target=run.send, args=([delivery(nth) for nth in range(700)],))
    sent.start()
    assert refused.wait(10)
    holdfast.open()
    sent.join(30)
    assert not sent.is_alive()
    assert len(holdfast.door.applied) == 700
    assert run.counts["accepted"] == 700


def test_the_wait_grows_to_a_bound(client: httpx.Client, holdfast: Any) -> None:
    answers = iter([(503, {}, b"")] * 20)
    holdfast.door.trouble = lambda: next(answers, None)
    run = Run(client)
    run.send([delivery(0)])
    assert max(run.waits) == sending.LONGEST_WAIT_SECONDS
    assert run.waits == sorted(run.waits)


def test_an_address_that_is_not_holdfast_ends_it(client: httpx.Client, holdfast: Any) -> None:
    holdfast.door.trouble = lambda: (404, {}, b"no such page")
    with pytest.raises(NotHoldfast, match=r"404.*no such page"):
        Run(client).send([delivery(0)])
