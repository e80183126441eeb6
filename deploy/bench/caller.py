"""`python -m deploy.bench.caller URL FILE SECONDS CLIENTS`: clients that send one of the requests of FILE after the other.

Plain HTTP/1.1, one socket a client: a client library takes more CPU than a fast server, and would be what is measured.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from deploy.bench.loop import Took
from deploy.bench.processes import Processes

LAST_ANSWER_SECONDS = 30


class Call(NamedTuple):
    path: str
    body: str | None = None
    headers: Mapping[str, str] = {}

    def sent(self, host: str) -> bytes:
        body = (self.body or "").encode()
        head = {"host": host, **self.headers} | ({} if self.body is None else {"content-length": str(len(body))})
        lines = [f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def call(processes: Processes, url: str, file: Path, calls: Iterable[Call], *, seconds: float, clients: int) -> Took:
    """From a process of its own, for that long. `file` is written for it."""
    await asyncio.to_thread(file.write_bytes, b"\n".join(orjson.dumps(list(one)) for one in calls))
    calling = processes.start("deploy.bench.caller", url, str(file), str(seconds), str(clients), talks=True)
    answer = orjson.loads(await asyncio.to_thread(processes.said_by, calling))
    processes.stop(calling)
    return Took.of(answer["took"], failed=answer["failed"])


class Client(asyncio.Protocol):
    """Sends, reads the answer to its end, sends the next, until `end`."""

    def __init__(self, sent: list[bytes], dice: random.Random, end: float, took: list[float]) -> None:
        self._sent, self._dice, self._end, self._took = sent, dice, end, took
        self._read, self._asked, self.failed = b"", 0.0, 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self._took.append(perf_counter() - self._asked)
            self.failed += not head.startswith(b"HTTP/1.1 2")
            self._read = b""
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.failed += 1
            self.done.set_result(None)

    def _next(self) -> None:
        self._asked = perf_counter()
        if self._asked < self._end:
            self._transport.write(self._dice.choice(self._sent))
            return
        self.done.set_result(None)
        self._transport.close()


def _length(head: bytes) -> int:
    """A server that does not say it never ends its answer here: all of these say it."""
    given = head.lower().partition(b"\r\ncontent-length:")[2]
    return int(given.partition(b"\r\n")[0]) if given else sys.maxsize


async def _run(url: str, calls: list[Call], *, seconds: float, clients: int) -> tuple[list[float], int]:
    """How long each answer took, and how many were none or no success."""
    host, _, port = (place := urlsplit(url).netloc).partition(":")
    sent, took, end = [one.sent(place) for one in calls], list[float](), perf_counter() + seconds
    every = [Client(sent, random.Random(number), end, took) for number in range(clients)]
    for client in every:
        await asyncio.get_running_loop().create_connection(lambda client=client: client, host, int(port))  # type: ignore[misc]
    async with asyncio.timeout(seconds + LAST_ANSWER_SECONDS):
        await asyncio.gather(*(client.done for client in every))
    return took, sum(client.failed for client in every)


def main() -> None:
    url, file, seconds, clients = sys.argv[1:]
    calls = [Call(*orjson.loads(line)) for line in Path(file).read_bytes().splitlines()]
    took, failed = asyncio.run(_run(url, calls, seconds=float(seconds), clients=int(clients)))
    sys.stdout.buffer.write(orjson.dumps({"took": took, "failed": failed}) + b"\n")


if __name__ == "__main__":
    main()
