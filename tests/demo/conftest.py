"""A Holdfast that is only its two doors: it decodes what it is sent, hands out tasks, and can be told to be in trouble."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import httpx
import orjson
import pytest

from services.customer.schemas.prospects import NewProspect
from shared.contracts.decoding import decode
from shared.errors import EventRejected

Answer = tuple[int, dict[str, str], bytes]

# Who runs the tests in the background of a shell has SIGINT ignored, and so would every process they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Door:
    def __init__(self) -> None:
        self.applied: dict[str, bytes] = {}
        self.requests: list[int] = []
        self.tasks: list[dict[str, Any]] = []
        self.outcomes: dict[str, tuple[str, dict[str, Any]]] = {}
        self.prospects: dict[str, dict[str, Any]] = {}
        self.trouble: Callable[[], Answer | None] = lambda: None
        self.forgets_to_answer = 0

    def take(self, body: bytes) -> Answer:
        try:
            documents = orjson.loads(body)
        except orjson.JSONDecodeError:
            return 400, {}, b'{"code": "malformed_json"}'
        batch = documents if isinstance(documents, list) else [documents]
        self.requests.append(len(batch))
        verdicts = [{"index": index, "id": one.get("id")} | self._verdict(one) for index, one in enumerate(batch)]
        accepted = any(one["verdict"] == "accepted" for one in verdicts)
        return (202 if accepted else 422), {}, orjson.dumps({"verdicts": verdicts})

    def _verdict(self, document: dict[str, Any]) -> dict[str, str]:
        try:
            self.applied[decode(orjson.dumps(document)).id] = orjson.dumps(document)
        except EventRejected as error:
            return {"verdict": "rejected", "code": error.code, "detail": error.detail}
        return {"verdict": "accepted"}

    def list_open(self, path: str) -> Answer:
        still_open = [task for task in self.tasks if task["task_id"] not in self.outcomes]
        half = len(still_open) // 2
        page = {"items": still_open[half:], "next_cursor": None} if "cursor=2" in path else {"items": still_open[:half], "next_cursor": "2"}
        return 200, {}, orjson.dumps(page)

    def take_prospect(self, key: str, body: bytes) -> Answer:
        prospect = NewProspect.model_validate_json(body)
        known = self.prospects.setdefault(key, prospect.model_dump())
        return (201, {}, b"{}") if known == prospect.model_dump() else (409, {}, b"{}")

    def take_outcome(self, path: str, key: str, body: bytes) -> Answer:
        self.outcomes.setdefault(unquote(path.split("/")[3]), (key, orjson.loads(body)))
        return 200, {}, b"{}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: two of them wait for each other
    door: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.door.trouble()
        if answer is None:
            answer = self._taken(body)
        if self.door.forgets_to_answer:
            self.door.forgets_to_answer -= 1
            self.close_connection = True
            return
        self._say(*answer)

    def _taken(self, body: bytes) -> Answer:
        if self.path == "/v1/events":
            return self.door.take(body)
        key = self.headers["Idempotency-Key"]
        return self.door.take_prospect(key, body) if self.path == "/v1/prospects" else self.door.take_outcome(self.path, key, body)

    def do_GET(self) -> None:
        self._say(*(self.door.trouble() or self.door.list_open(self.path)))

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"content-length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class Holdfast:
    """The doors behind a port, which can be closed and opened again."""

    def __init__(self) -> None:
        self.door = Door()
        self._address = ("127.0.0.1", 0)
        self.open()

    def open(self) -> None:
        handler = type("BoundHandler", (Handler,), {"door": self.door})
        self._server = ThreadingHTTPServer(self._address, handler)
        self._server.daemon_threads = True
        self._address = self._server.server_address
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._address[1]}"


@pytest.fixture
def holdfast() -> Iterator[Holdfast]:
    server = Holdfast()
    yield server
    server.close()


@pytest.fixture
def client(holdfast: Holdfast) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=holdfast.url, timeout=10, trust_env=False) as client:
        yield client
