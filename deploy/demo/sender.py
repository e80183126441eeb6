"""Events to Holdfast over HTTP. What was not answered is sent again; what was answered never is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import httpx
import orjson

from deploy.demo.faults import Delivery

MAX_BATCH = 500
LONGEST_WAIT_SECONDS = 10.0
SURPRISES_SHOWN = 5
REFUSED = (400, 413, 422)


class NotHoldfast(Exception):
    """The address answers, and not as the event intake does."""


class Sender:
    def __init__(self, client: httpx.Client, counts: Counter[str], *, say: Callable[[str], None] = print, wait: Callable[[float], None] = time.sleep) -> None:
        self._client, self._counts, self._say, self._wait = client, counts, say, wait

    def send(self, deliveries: Sequence[Delivery]) -> None:
        for batch in _batches(deliveries):
            self._book(batch, self._answer(batch))

    def _answer(self, batch: Sequence[Delivery]) -> httpx.Response:
        joined = b",".join(one.body for one in batch)
        content, kind = (joined, "cloudevents") if batch[0].alone else (b"[" + joined + b"]", "cloudevents-batch")
        attempt = 0
        while True:
            pause = min(LONGEST_WAIT_SECONDS, 0.1 * 2 ** min(attempt, 10))
            try:
                answer = self._client.post("/v1/events", content=content, headers={"content-type": f"application/{kind}+json"})
            except httpx.TransportError as error:
                trouble = type(error).__name__
            else:
                if answer.is_success or answer.status_code in REFUSED:
                    return answer
                if answer.status_code != 429 and not answer.is_server_error:
                    raise NotHoldfast(f"POST {answer.url} answered {answer.status_code}: {answer.text[:200]}")
                trouble, pause = f"HTTP {answer.status_code}", _retry_after(answer, pause)
            if attempt == 3:
                self._say(f"Holdfast does not take events ({trouble}): waiting for it, nothing is lost")
            self._wait(pause)
            attempt += 1

    def _book(self, batch: Sequence[Delivery], answer: httpx.Response) -> None:
        rejected = _rejected(answer, len(batch))
        self._counts["sent"] += len(batch)
        self._counts["accepted"] += len(batch) - len(rejected)
        self._counts["rejected"] += len(rejected)
        self._counts.update(f"fault_{one.fault}" for one in batch if one.fault)
        surprises = [index for index in rejected if not batch[index].malformed]
        for index in surprises[: max(0, SURPRISES_SHOWN - self._counts["surprises"])]:
            self._say(f"Unexpectedly rejected: {batch[index].event_id}: {rejected[index]}")
        self._counts["surprises"] += len(surprises)


def _batches(deliveries: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
    for alone, group in groupby(deliveries, key=lambda one: one.alone):
        run = list(group)
        size = 1 if alone else MAX_BATCH
        yield from (run[start : start + size] for start in range(0, len(run), size))


def _rejected(answer: httpx.Response, size: int) -> dict[int, str]:
    """Index to reason. A refusal without verdicts refuses everything."""
    try:
        body: Any = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        body = None
    if isinstance(body, dict) and "verdicts" in body:
        return {one["index"]: f"{one.get('code')}: {one.get('detail')}" for one in body["verdicts"] if one["verdict"] == "rejected"}
    return {} if answer.is_success else dict.fromkeys(range(size), f"HTTP {answer.status_code}: {answer.text[:200]}")


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    """Seconds; a date is not worth reading for a wait this short."""
    told = answer.headers.get("retry-after", "")
    return min(float(told), LONGEST_WAIT_SECONDS) if told.isdigit() else otherwise
