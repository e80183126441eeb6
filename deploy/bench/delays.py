"""How long things take while events come in: a warning, and a 360 view, that one also idle and while a worker catches up."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.bench.alert import alerts_at_rate
from deploy.bench.ingest import Say, publish_all
from deploy.bench.load import Load
from deploy.bench.loop import Loaded, Loop, Took, behind
from deploy.bench.place import Place
from deploy.bench.processes import Processes
from deploy.bench.view import SERVICES, Views

# A load runs for two phases' time while warnings are timed, and for one while views are.
LOADED_PHASES = 3
# The backlog should last until all is asked.
CATCHING_UP_SHARE = 0.4


@dataclass(frozen=True)
class Delays:
    alert: Loaded
    view_idle: Took
    view_catching_up: Loaded
    view_loaded: Loaded


async def measure(place: Place, processes: Processes, load: Load, *, rate: float, seconds: float, say: Say) -> Delays:
    """The gateway stands still while warnings are timed: what it missed by that is the backlog that it catches up with afterwards."""
    processes.run("services", "migrate")
    loop, views = Loop(place, processes), Views(place, processes, load.customer_ids, seconds)
    waiting = iter(load.reported)
    loop.start("worker", *SERVICES)
    loop.start("api", "gateway")
    await publish_all(place, load.registry)
    await loop.settle(*SERVICES)
    await views.ready()
    idle = await views.ask()
    say(f"  {place.name:9} 360 view, idle         {idle}")

    loop.stop("worker", "gateway")
    loop.stop("api", "gateway")
    alert = await alerts_at_rate(place, waiting, load.numbers, rate=rate, seconds=(LOADED_PHASES - 1) * seconds)
    say(f"  {place.name:9} event to warning       {alert}")

    loop.start("api", "gateway")
    await views.ready()
    loop.start("worker", "gateway")
    catching_up = Loaded(await views.ask(share=CATCHING_UP_SHARE), 0.0, {"gateway": await behind(place, "gateway")})
    say(f"  {place.name:9} 360 view, catching up  {catching_up}")

    await loop.settle(*SERVICES)
    loaded = await views.ask_at_rate(waiting, rate=rate)
    say(f"  {place.name:9} 360 view, at the rate  {loaded}")
    return Delays(alert, idle, catching_up, loaded)
