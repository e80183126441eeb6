"""The worker of a service, as a process: what it does is in `loop`, what a service says of it in `spec`."""

from __future__ import annotations

import asyncio
import gc
import signal

import prometheus_client

from shared.bus import Bus
from shared.database import Database
from shared.settings import Settings
from shared.worker.loop import TooManyFailures, Worker
from shared.worker.spec import AfterHandlers, Batch, Delivery, Duty, Entry, Handler, Handlers, Sweep, WorkerSpec, workers_table

__all__ = [
    "AfterHandlers",
    "Batch",
    "Delivery",
    "Duty",
    "Entry",
    "Handler",
    "Handlers",
    "Sweep",
    "TooManyFailures",
    "Worker",
    "WorkerSpec",
    "run_worker",
    "tune_collector",
    "workers_table",
]


async def run_worker(spec: WorkerSpec, *, settings: Settings, database: Database, bus: Bus, name: str) -> None:
    """The worker process: from start to SIGTERM or SIGINT, everything opened here is closed here."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if settings.metrics_port:
        prometheus_client.start_http_server(settings.metrics_port, settings.host)
    tune_collector()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await bus.start()
    try:
        await Worker(spec, settings=settings, database=database, bus=bus, name=name).run(stop)
    finally:
        await bus.close()
        await database.close()


def tune_collector() -> None:
    """Thousands of models live through each batch: with the default thresholds the collector costs three quarters of the rate."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
