"""What a view and the taking in of an event cost over HTTP, in one run: `python -m deploy.bench.http [embedded|stack]`.

The 360 view of the gateway stands beside an ASGI application that only says hello, and beside the textbook's fan-out over three services
(`textbook.py`) filled with the same customers; the intake beside a POST that stores nothing. In turns, by clients in a process of their own,
which take gzip, as libraries do. Access is required: each request of Holdfast shows an API key. CPU is that of every API process behind an
answer and, where the database is a server, of that and the broker. `360 view, new`: by a gateway that keeps none, as if each changed between two requests.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import httpx
import orjson

from deploy.bench import load, textbook
from deploy.bench.caller import Call, call
from deploy.bench.ingest import publish_all
from deploy.bench.loop import Loop, until
from deploy.bench.place import Place, fresh
from deploy.bench.processes import Processes, cpu_seconds, processes
from deploy.bench.view import Views
from deploy.stack import free_port
from shared.contracts.asyncapi import example_event
from shared.contracts.billing import PaymentReceived

FLOW = ("customer", "segmentation", "retention", "gateway")
STRUCTURED = {"content-type": "application/cloudevents+json"}
PLAIN = {"content-type": "application/json"}
# Which service of the fan-out knows a block of the view.
KNOWN_TO = {
    "customer": ("profile", "behaviour", "timeline", "personal"),
    "segmentation": ("segment", "standing", "churn", "moments", "alerts"),
    "retention": ("contacts",),
}
GZIP = {"accept-encoding": "gzip, deflate"}
POSTS = 2_000
READY_SECONDS = 60.0
# Limits beyond what is measured.
REQUIRED = {
    "HOLDFAST_AUTH": "required",
    "HOLDFAST_AUTH_RATE_PER_SECOND": "100000",
    "HOLDFAST_AUTH_BURST": "1000000",
    "HOLDFAST_AUTH_DAILY_QUOTA": "1000000000",
    "HOLDFAST_SERVICE_SECRET": "s" * 32,
}


@dataclass(frozen=True)
class Way:
    """One of what is compared: where it answers, what it is asked, and whose CPU an answer costs."""

    name: str
    url: str
    calls: Sequence[Call]
    pids: Sequence[int]


@dataclass(frozen=True)
class Measured:
    name: str
    rate: float
    p50: float
    p99: float
    cpu_us: float
    failed: int


async def measure(place: Place, running: Processes, options: argparse.Namespace) -> list[Measured]:
    """Medians of the rounds, in the order of `_ways`."""
    made = load.make(customers=options.customers, events=options.events)
    running.run("services", "migrate")
    loop = Loop(place, running)
    loop.start("worker", *FLOW)
    apis = [running.start("services", name, "api").pid for name in FLOW]
    await publish_all(place, made.registry)
    await publish_all(place, made.reported)
    await loop.settle(*FLOW)
    await Views(place, running, made.customer_ids, 0).ready()
    loop.stop("worker", *FLOW)
    ways = await _ways(place, running, made.customer_ids, apis, _key(running))
    rounds = [[await _once(place, running, way, seconds=options.seconds, clients=options.clients) for way in ways] for _ in range(options.rounds)]
    return [_median(of_way) for of_way in zip(*rounds, strict=True)]


def _key(running: Processes) -> dict[str, str]:
    """An API key, as the header that shows it."""
    making = running.start("services.gateway.keys", "create", "bench", "all", talks=True)
    key = running.said_by(making).strip()
    running.stop(making)
    return {"authorization": f"Bearer {key}"}


async def _ways(place: Place, running: Processes, customer_ids: Sequence[str], apis: Sequence[int], key: dict[str, str]) -> list[Way]:
    gateway, servers = place.settings.url_of("gateway"), [pid for pids in place.servers.values() for pid in pids]
    behind, forgetful = [*apis, *servers], _forgetful(place, running)
    await _fill(place, gateway, customer_ids, key)
    services = [_start(running, part) for part in textbook.PARTS]
    hello, nothing, fan_out = (_start(running, part, *ports) for part, ports in (("hello", ()), ("nothing", ()), ("fan-out", [one.port for one in services])))
    ways = [
        Way("hello", hello.url, [Call("/", None, GZIP)], [hello.pid]),
        Way("360 view", gateway, _views("/v1/customers", customer_ids, key), behind),
        Way("360 view, new", forgetful.url, _views("/v1/customers", customer_ids, key), [forgetful.pid, *behind]),
        Way("fan-out", fan_out.url, _views("/customers", customer_ids, {}), [fan_out.pid, *(one.pid for one in services), *servers]),
        Way("POST that stores nothing", nothing.url, _posts("/events", PLAIN), [nothing.pid]),
        Way("POST of an event", gateway, _posts("/v1/events", STRUCTURED | key), behind),
    ]
    for one in (hello, nothing, fan_out, forgetful, *services):
        await until(partial(_listens, one.port), READY_SECONDS, what=f"port {one.port}")
    return ways


class Server(NamedTuple):
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _start(running: Processes, part: str, *ports: int) -> Server:
    port = free_port()
    return Server(port, running.start("deploy.bench.textbook", part, str(port), *map(str, ports)).pid)


def _forgetful(place: Place, running: Processes) -> Server:
    """A gateway that keeps no view."""
    services = {f"HOLDFAST_{one.upper()}_URL": place.settings.url_of(one) for one in FLOW[:-1]}
    port = free_port()
    own = {"HOLDFAST_PORT": str(port), "HOLDFAST_GATEWAY_KEPT_VIEW_BYTES": "0"}
    return Server(port, running.start("services", "gateway", "api", environment=services | own).pid)


def _views(path: str, customer_ids: Sequence[str], headers: Mapping[str, str]) -> list[Call]:
    return [Call(f"{path}/{one}", None, {**GZIP, **headers}) for one in customer_ids]


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _fill(place: Place, gateway: str, customer_ids: Sequence[str], key: dict[str, str]) -> None:
    """The fan-out's services with what the gateway answers."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False, headers=key) as client:
        views = {one: (await client.get(f"/v1/customers/{one}")).raise_for_status().json() for one in customer_ids}
    for service, blocks in KNOWN_TO.items():
        known = {one: [entry for block in blocks for entry in _entries(block, view[block])] for one, view in views.items()}
        await textbook.fill(place.settings.database_url(service), known)


def _entries(block: str, body: Any) -> list[tuple[str, Any]]:
    """A row for each month, fact, warning, decision and task; one for what is one document."""
    if isinstance(body, list):
        return [(block, one) for one in body]
    if block == "behaviour":
        return [(month, measures) for month, measures in body["months"].items()]
    if block == "contacts":
        return [(kind, one) for kind in ("decisions", "tasks") for one in body[kind]]
    return [] if body is None else [(block, body)]


def _posts(path: str, headers: Mapping[str, str]) -> list[Call]:
    """Each event is new once: what was taken twice is a duplicate to the services, and the same work to the intake."""
    event = example_event(PaymentReceived)
    return [Call(path, orjson.dumps(event | {"id": uuid.uuid4().hex}).decode(), headers) for _ in range(POSTS)]


async def _once(place: Place, running: Processes, way: Way, *, seconds: float, clients: int) -> Measured:
    file, before = place.log.with_name("calls"), sum(map(cpu_seconds, way.pids))
    took = await call(running, way.url, file, way.calls, seconds=seconds, clients=clients)
    used = sum(map(cpu_seconds, way.pids)) - before
    return Measured(way.name, took.count / seconds, took.p50, took.p99, used / max(1, took.count) * 1e6, took.failed)


def _median(runs: Sequence[Measured]) -> Measured:
    rate, p50, p99, cpu_us = (median(getattr(run, name) for run in runs) for name in ("rate", "p50", "p99", "cpu_us"))
    return Measured(runs[0].name, rate, p50, p99, cpu_us, sum(run.failed for run in runs))


def text(found: Sequence[Measured]) -> str:
    lines = [f"{'':26}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'failed':>8}"]
    lines += [f"{one.name:26}{one.rate:>11,.0f}{one.p50:>9.1f}{one.p99:>9.1f}{one.cpu_us:>9,.0f}{one.failed:>8}" for one in found]
    hello, *views, fan_out, nothing, event = found
    lines += [f"{one.name}: {one.rate / hello.rate:.2f} of hello's requests/s, 1/{fan_out.cpu_us / one.cpu_us:.0f} of the fan-out's CPU" for one in views]
    lines.append(f"POST of an event: {event.rate / nothing.rate:.2f} of the requests/s of one that stores nothing")
    return "\n".join(lines)


async def run(options: argparse.Namespace) -> list[Measured]:
    async with fresh(options.place) as place:
        with processes(place.environment | REQUIRED, place.log) as running:
            return await measure(place, running, options)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.http", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", nargs="?", choices=("embedded", "stack"), default="embedded")
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--events", type=int, default=20_000, help="that the customers' views are made of (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each of them in a round (%(default)s)")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    sys.stdout.write(text(asyncio.run(run(parser.parse_args(arguments)))) + "\n")


if __name__ == "__main__":
    main()
