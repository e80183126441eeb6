"""A year lived through with the campaign on: the operator's events told day by day, and the work list of the services called every evening.

All is as it runs elsewhere: the workers of customer, segmentation and retention over a bus and databases (deploy/evaluate/lockstep.py), the HTTP
APIs of retention, and the call desk of `make run`. Left out are the gateway and its doors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from threading import Thread
from typing import Any, NamedTuple

import httpx
import sqlalchemy as sa
import uvicorn
from starlette.types import Receive, Scope, Send

from deploy.demo import state as states
from deploy.demo.desk import Desk
from deploy.demo.events import midnight
from deploy.evaluate.lockstep import Lockstep, Stalled, running
from deploy.evaluate.run import FIRST_DAY, Operator, Plan
from deploy.year.fates import Exposed
from services.retention.tables import ASSIGNMENTS
from services.segmentation.training import own
from services.segmentation.training.uplift import NotServable
from services.segmentation.use_cases import rules as ruling
from shared import clock
from shared.settings import Settings

SERVICES = ("customer", "segmentation", "retention")
BUILT_IN = "save-on-warning"
CAMPAIGN_ID = "keep-who-turns-away"
CAMPAIGN: Mapping[str, Any] = {
    "campaign_id": CAMPAIGN_ID,
    "name": "Keep who turns away",
    "offers": {
        "usage_fall": ["data-boost"],
        "forwarding_off_net": ["data-boost", "loyalty-10", "topup-bonus"],
        "port_out_inquiry": ["data-boost", "loyalty-10", "topup-bonus"],
        "multi_sim": ["data-boost"],
    },
    "hold_out_share": 0.3,
    "cap_contacts": 1,
    "cap_days": 30,
    "least_profit_minor": 0,
}
LEAD, SECOND = {"X-Actor": "lin"}, {"X-Actor": "wu"}


class Lived(NamedTuple):
    """What is known at the end of the year."""

    exposed: list[Exposed]
    told: dict[str, Any]
    """As the API answers: `effect`, `budget`, `campaign` and `offers`."""
    sensitivity: str
    """What is learned of who is moved by a contact, or why nothing is."""
    dead_letters: int


async def live(plan: Plan, operator: Operator, settings: Settings, say: Callable[[str], None]) -> Lived:
    state = states.begun(plan.seed, plan.customers, plan.fault_rate, FIRST_DAY)
    async with running(settings, SERVICES) as system:
        with door("retention", settings) as retention:
            desk = Desk(retention, state, operator.stream, save=lambda: None, say=_stop)
            _done(retention.post(f"/v1/campaigns/{BUILT_IN}/pause", headers=LEAD))
            await _live_through(plan, operator, system, retention, desk, say)
            told = await asyncio.to_thread(_ask, retention)
        return Lived(await _exposed(system), told, await _sensitivity(system, plan.seed), await system.dead_letters())


async def _live_through(plan: Plan, operator: Operator, system: Lockstep, retention: httpx.Client, desk: Desk, say: Callable[[str], None]) -> None:
    """History first; from the first day of the year on the campaign runs and the desk works."""
    begins, months, running_since = midnight(plan.window.first), set[str](), False
    for moment in plan.moments():
        if moment >= begins and not running_since:
            await asyncio.to_thread(_begin, retention)
            running_since = True
        clock.stand_at(moment)
        await system.live_through(moment, operator.tell(moment))
        if running_since:
            await asyncio.to_thread(desk.work, moment)
        if (month := clock.month_of(moment)) not in months:
            months.add(month)
            say(f"{moment:%Y-%m-%d}  {operator.sent:,} events told")


@contextmanager
def door(service: str, settings: Settings) -> Iterator[httpx.Client]:
    """Its HTTP API as the gateway passes it on, in this process: by the clock of the run."""
    app = import_module(f"services.{service}.api").app(settings)

    async def passed_on(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "path": scope["path"].removeprefix("/v1")} if scope["type"] == "http" else scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(passed_on, host="127.0.0.1", port=0, lifespan="on", log_level="warning", access_log=False))
    serving = Thread(target=server.run, name=f"door-{service}")
    serving.start()
    try:
        port = _port(server, serving)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        serving.join()


def _port(server: uvicorn.Server, serving: Thread) -> int:
    """Once it listens."""
    while not server.started:
        if not serving.is_alive():
            raise Stalled("an API did not start")
        clock.nap(0.01)
    return int(server.servers[0].sockets[0].getsockname()[1])


def _begin(retention: httpx.Client) -> None:
    drafted = _done(retention.post("/v1/campaigns", json=CAMPAIGN, headers=LEAD | {"Idempotency-Key": CAMPAIGN_ID}))
    _done(retention.post(f"/v1/campaigns/{CAMPAIGN_ID}/approve", json={"revision": drafted["revision"]}, headers=SECOND))


def _ask(retention: httpx.Client) -> dict[str, Any]:
    paths = {"effect": f"campaigns/{CAMPAIGN_ID}/effect", "budget": f"campaigns/{CAMPAIGN_ID}/budget", "campaign": f"campaigns/{CAMPAIGN_ID}"}
    return {name: _done(retention.get(f"/v1/{path}")) for name, path in (paths | {"offers": "offers/records"}).items()}


def _done(answer: httpx.Response) -> Any:
    return answer.raise_for_status().json()


def _stop(trouble: str) -> None:
    raise Stalled(trouble)


async def _exposed(system: Lockstep) -> list[Exposed]:
    rows = ASSIGNMENTS.c
    query = sa.select(rows.customer_id, rows.arm, rows.assigned_at, rows.future_value_minor).where(rows.campaign_id == CAMPAIGN_ID)
    async with system.database("retention").reading() as tx:
        return [Exposed(one.customer_id, one.arm, one.assigned_at.date(), one.future_value_minor or 0) for one in await tx.execute(query)]


async def _sensitivity(system: Lockstep, seed: int) -> str:
    async with system.database("segmentation").reading() as tx:
        least = (await ruling.read(tx, clock.now())).parameters.churn_score.sensitivity_least_events
        try:
            return f"learned from {(await own.sensitivity(tx, least_events=least, seed=seed)).learned.exposures}"
        except NotServable as refused:
            return str(refused)
