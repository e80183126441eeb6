"""The screen pop: everything the customer service knows of a caller, by their number, in one call, when it holds many customers.

Asked of the service itself, by clients in a process of their own. Those asked about have a year of history, the others only a registration.
"""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import orjson

from deploy.bench import importing
from deploy.bench.caller import Call, call
from deploy.bench.loop import Took, until
from deploy.bench.place import Place
from deploy.bench.processes import Processes
from shared import clock
from shared.contracts import billing, network
from shared.contracts.envelope import Payload

CALLERS = 1_000
MONTHS = 13
CLIENTS = (1, 4)
SECONDS = 15.0
READY_SECONDS = 60.0


async def measure(place: Place, processes: Processes, customers: int) -> dict[str, Took]:
    """How long answers take, per number of clients who ask at once. The customers are there already."""
    callers = random.Random(1).sample(range(customers), min(CALLERS, customers))
    history = place.log.with_name("history.jsonl")
    _write_history(history, callers)
    processes.run("services.customer.importing", str(history), "--kind", "events")
    api = processes.start("services", "customer", "api")
    await _until_ready(place.settings.url_of("customer"))
    calls = [Call(f"/customers?identifier=msisdn:{importing.customer(number)['msisdn']}") for number in callers]
    url, file = place.settings.url_of("customer"), place.log.with_name("calls")
    found = {f"screen pop, {clients} at once": await call(processes, url, file, calls, seconds=SECONDS, clients=clients) for clients in CLIENTS}
    processes.stop(api)
    return found


def _write_history(path: Path, callers: list[int]) -> None:
    """A bill, a payment and two summaries of usage a month, for a year: more facts than a view shows."""
    now = clock.now()
    with path.open("wb") as file:
        for number in callers:
            row = importing.customer(number)
            for month in range(MONTHS):
                at = now - timedelta(days=28 * month + 1)
                for payload, subject in _reported(row):
                    file.write(_event(payload, subject, at, f"{number}-{month}-{payload.__name__}") + b"\n")
                file.write(_event(network.UsageSummarised, f"msisdn:{row['msisdn']}", at - timedelta(days=9), f"{number}-{month}-earlier") + b"\n")


def _reported(row: dict[str, str]) -> tuple[tuple[type[Payload], str], ...]:
    account = f"account:{row['accounts']}"
    return (billing.BillIssued, account), (billing.PaymentReceived, account), (network.UsageSummarised, f"msisdn:{row['msisdn']}")


def _event(payload: type[Payload], subject: str, at: datetime, event_id: str) -> bytes:
    period = {"period_start": at - timedelta(days=7), "period_end": at} if payload is network.UsageSummarised else {}
    event = {"specversion": "1.0", "id": event_id, "source": "bench", "type": payload.type, "subject": subject, "time": at, "data": payload.example | period}
    return orjson.dumps(event)


async def _until_ready(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:

        async def answers() -> bool:
            with suppress(httpx.TransportError):
                return (await client.get("/health/live")).is_success
            return False

        await until(answers, READY_SECONDS, what="the customer service's API")
