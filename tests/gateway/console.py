"""A whole Holdfast with a few customers, and a browser that looks at it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
from anyio.from_thread import BlockingPortal, start_blocking_portal
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from shared.bus import Message
from shared.settings import Settings
from tests.builders import activated, inquired, paid, registered, used
from tests.harness import ServiceUnderTest, listening

WAIT_SECONDS = 90.0
CUSTOMERS = 12
PARKED = 52
"""One page, and something on the next."""
NOBODYS = "8613900000000"


class Running(NamedTuple):
    url: str
    api: httpx.Client
    gateway: ServiceUnderTest
    portal: BlockingPortal

    def get(self, path: str, **query: Any) -> Any:
        return self.api.get(f"/v1{path}", params=query).raise_for_status().json()

    def report(self, *events: dict[str, Any]) -> None:
        answer = self.api.post("/v1/events", content=orjson.dumps(events), headers={"content-type": "application/cloudevents-batch+json"})
        assert answer.status_code == 202 and answer.json()["rejected"] == 0, answer.text


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """The four services, in a thread of their own: a browser is driven from this one."""
    settings = Settings(data_dir=folder, log_level="error")
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        url, gateway = stack.enter_context(portal.wrap_async_context_manager(_services(settings)))
        api = stack.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=30))
        yield Running(url, api, gateway, portal)


@asynccontextmanager
async def _services(settings: Settings) -> AsyncIterator[tuple[str, ServiceUnderTest]]:
    async with AsyncExitStack() as stack:
        for name in ("customer", "segmentation", "retention", "gateway"):
            service = await stack.enter_async_context(ServiceUnderTest(name, settings))
            url = await stack.enter_async_context(listening(service.app))
            settings = settings.model_copy(update={f"{name}_url": url})
        yield url, service


def number_of(customer: int) -> str:
    return f"86138{customer:08}"


def told(system: Running) -> dict[str, Any]:
    """Customers who pay and call; all of them ask how to take their number away. One decision that led to a call."""
    now = datetime.now(UTC)
    for one in range(1, CUSTOMERS + 1):
        since = now - timedelta(days=200)
        months = [paid(f"customer:C-{one}", 8000 + 100 * one, at=now - timedelta(days=30 * ago + one)) for ago in range(4)]
        calls = [used(number_of(one), at=now - timedelta(days=7 * ago + 1), forwarding=[]) for ago in range(6)]
        system.report(registered(f"C-{one}", at=since), activated(f"C-{one}", number_of(one), at=since), *months, *calls)
    until(lambda: system.get("/segments")["populations"])
    system.report(*(inquired(f"customer:C-{one}", at=now) for one in range(1, CUSTOMERS + 1)))
    system.report(*(inquired(f"msisdn:{NOBODYS}", "tariff", at=now - timedelta(minutes=ago)) for ago in range(PARKED)))
    until(lambda: len(system.get("/tasks", limit=200)["items"]) > CUSTOMERS // 2 and len(system.get("/alerts")["items"]) == CUSTOMERS)
    until(lambda: len(system.get("/parked", limit=200)["items"]) == PARKED)
    task: dict[str, Any] = system.get("/tasks")["items"][0]
    return task


def break_a_record(system: Running) -> None:
    """What no producer of events could get past the gateway."""
    system.portal.call(system.gateway.bus.publish, [Message("care", "customer:C-1", b'{"specversion": "1.0", "id": "broken"}')])


def until(ready: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := ready()):
        assert time.monotonic() < deadline, "still not ready"
        time.sleep(0.1)
    return found


@contextmanager
def looked_at(browser: Browser, url: str, **context: Any) -> Iterator[Page]:
    """A page of a person of their own. At the end: nothing was asked of another host, and the browser found no error of the page's."""
    foreign: list[str] = []
    errors: list[str] = []

    def on_request(request: Request) -> None:
        if not request.url.startswith((url, "data:")):
            foreign.append(request.url)

    def on_console(message: ConsoleMessage) -> None:
        # That an answer was no success is what a test may want; the browser notes each as an error.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            errors.append(message.text)

    with browser.new_context(base_url=url, locale="en-GB", timezone_id="Asia/Shanghai", **context) as person:
        page = person.new_page()
        page.on("request", on_request)
        page.on("console", on_console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert (foreign, errors) == ([], [])


def go(page: Page, view: str) -> None:
    page.goto(f"/console{view}")
    expect(page.locator("main h1")).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)


def later(page: Page, seconds: int, requests: list[str]) -> int:
    """How many of them are made in that time."""
    requests.clear()
    for _ in range(seconds // 5):
        page.clock.run_for(5000)
        expect(page.locator(".busy")).to_have_count(0)
        page.wait_for_timeout(50)
    return len(requests)


def look(page: Page, *, hidden: bool) -> None:
    """At the page, or at another tab."""
    page.evaluate("hidden => Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true })", hidden)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def asked(page: Page, path: str) -> list[str]:
    """What is requested of it from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if path in request.url else None)
    return found


def violations(page: Page, address: str, **options: Any) -> list[Any]:
    page.goto(address)
    expect(page.locator("main h1")).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    return [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in Axe().run(page, options=options).response["violations"]]
